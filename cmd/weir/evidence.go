package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/collector/store"
	"weir/collector/store/evidence"
	"weir/collector/web/audit"
)

func newEvidence(p *program) *cobra.Command {
	var out, dir string
	cmd := &cobra.Command{
		Use:   "evidence [ID]",
		Short: "The packet headers that were sampled around an alert, as a capture file",
		Long: `Write the sampled packet headers around an alert as a capture file (pcapng) that
tshark and Wireshark read: of what the alert is about, up to 8 s before its
first change and after it, at most 1,000, cut after layer 4 unless
history.evidence_payload says otherwise. Each packet says how many it stands
for. Without ID it lists the alerts that have some. It reads the files
themselves: the collector may be running or not. The beginning of an ID is
enough.`,
		Example: `  weir evidence
  weir evidence 7596403b81c77bf9-1795332090 -o flood.pcapng
  weir evidence 7596403b81c77bf9 | tshark -r -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && out != "" {
				return commandline.Usagef("evidence: -o needs the ID of an alert; `weir evidence` lists those that have some")
			}
			dir = folderOf(dir, "evidence")
			state := stateBeside(dir)
			if dir == "" {
				cfg, err := p.loadToAsk()
				if err != nil {
					return err
				}
				dir, state = cfg.EvidenceDir(), cfg.StateDir
				if err := store.CheckHistory(cfg.HistoryDir()); err != nil {
					return err
				}
			}
			all, err := evidence.List(dir)
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("no evidence in %s: start `weir run` first, or name the directory with --dir", dir)
			} else if err != nil {
				return err
			}
			if len(args) == 0 {
				return listEvidence(p, all)
			}
			id, err := evidenceOf(args[0], all)
			if err != nil {
				return err
			}
			if out == "" && commandline.IsTerminal(p.out) {
				return errors.New("a capture file is nothing for a terminal: write -o FILE")
			}
			if err := noted(cmd, []string{id}, state, audit.Payload); err != nil {
				return err
			}
			return writeEvidence(p, dir, id, out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to this `FILE`; default the standard output")
	cmd.Flags().StringVar(&dir, "dir", "", "read the files of this `DIRECTORY`, a history or its folder evidence; default history.dir")
	return cmd
}

func listEvidence(p *program, all []evidence.File) error {
	if len(all) == 0 {
		fmt.Fprintln(p.out, "no alert has evidence")
		return nil
	}
	t := newTable(p.out, "ALERT", "WRITTEN", "OCTETS")
	for _, f := range all {
		t.row(f.ID, f.Changed.Format(time.DateTime), f.Size)
	}
	return t.Flush()
}

// evidenceOf returns the only alert whose identity begins so.
func evidenceOf(id string, all []evidence.File) (string, error) {
	var fits []string
	for _, f := range all {
		if f.ID == id {
			return id, nil
		}
		if strings.HasPrefix(f.ID, id) {
			fits = append(fits, f.ID)
		}
	}
	switch {
	case len(fits) == 0:
		return "", fmt.Errorf("alert %q: no headers are kept of it; `weir evidence` lists those that have some", id)
	case len(fits) > 1:
		return "", fmt.Errorf("alert %q: %d begin so; write more of it, such as %s", id, len(fits), fits[len(fits)-1])
	}
	return fits[0], nil
}

func writeEvidence(p *program, dir, id, out string) error {
	b, err := evidence.Read(dir, id)
	if err != nil {
		return err
	}
	if out != "" {
		return os.WriteFile(out, b, 0o600)
	}
	_, err = p.out.Write(b)
	return err
}
