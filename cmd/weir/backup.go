package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"weir/collector/config"
	"weir/collector/store"
	"weir/collector/web/audit"
)

func newBackup(p *program) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "backup DIRECTORY",
		Short: "Copy agents, the model of the site, alerts and configuration while weir runs",
		Long: `Copy the state file, of one moment, and the configuration into a new or empty
directory: the known agents, the model of the site, open alerts, the history of
alerts with its hashes, which are proved in the copy; the configuration file
with conf.d beside it; and the rules and keys that were added while weir ran.
The collector may be running. Flow samples, time series and evidence are files
of their own in history.dir; copy those that matter, they do not change once
they are made.

To restore, stop weir, and put state.db and added.json into an empty state_dir
and the configuration where it was.`,
		Example: "  weir backup /srv/backup/weir-$(date +%F)",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			to := args[0]
			if err := emptyDir(to); err != nil {
				return err
			}
			from, err := p.stateDir(dir)
			if err != nil {
				return err
			}
			if err := noted(cmd, args, from, audit.Export); err != nil {
				return err
			}
			path, err := store.Backup(cmd.Context(), from, to)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("no state in %s: start `weir run` first, or name the state directory with --dir", from)
			} else if err != nil {
				return err
			}
			fmt.Fprintln(p.out, path)
			if err := p.copyConfig(from, to); err != nil {
				return err
			}
			proof, err := store.VerifyAlerts(cmd.Context(), to, nil)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // history is off
			} else if err != nil {
				return err
			}
			if proof.Break != nil {
				return fmt.Errorf("copied, but the history of alerts was changed: %w", proof.Break)
			}
			fmt.Fprintf(p.out, "%d changes of alerts, head %s\n", proof.Changes, proof.Head)
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "copy the state file of this `DIRECTORY`; default the configured state_dir")
	return cmd
}

// emptyDir makes a directory, which must be empty where it is there.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		err = fmt.Errorf("%s: is not empty: name a new directory", dir)
	}
	return err
}

// copyConfig copies the configuration file, where there is one, conf.d beside it,
// and from the state directory the rules and keys that were added while weir ran.
func (p *program) copyConfig(stateDir, to string) error {
	files, err := config.Files(p.configFile)
	if err != nil {
		return err
	}
	for i, from := range files {
		name := filepath.Base(from)
		if i > 0 {
			name = filepath.Join("conf.d", name)
		}
		if err := p.copyFile(from, filepath.Join(to, name)); err != nil {
			return err
		}
	}
	err = p.copyFile(filepath.Join(stateDir, config.AddedFile), filepath.Join(to, config.AddedFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was added
	}
	return err
}

func (p *program) copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		return err
	}
	fmt.Fprintln(p.out, to)
	return nil
}
