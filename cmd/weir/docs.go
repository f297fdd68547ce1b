package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// exporters says how switches and hosts are pointed at weir.
//
//go:embed etc/exporters.md
var exporters string

func newDocs(p *program) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "docs exporters|configuration|man",
		Short: "Print documentation: how to set up exporters, the configuration, manual pages",
		Long: `Print documentation that belongs to this build.

  exporters      how to point Arista EOS, Junos, NX-OS, Cumulus, SONiC, Dell
                 OS10, Aruba AOS-CX, Open vSwitch, hsflowd and weir-agent at
                 weir, with the sampling rate per link speed (Markdown)
  configuration  the commented configuration with all defaults (YAML), which
                 ` + "`weir check --sample`" + ` prints too
  man            manual pages, into the folder --out`,
		Example: `  weir docs exporters | less
  weir docs man --out /usr/local/share/man/man1`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"exporters", "configuration", "man"},
		RunE: func(cmd *cobra.Command, args []string) error {
			text := exporters
			switch args[0] {
			case "configuration":
				text = sample
			case "man":
				return writeManual(cmd.Root(), out)
			}
			if out != "" {
				return usageError{errors.New("docs: --out is for manual pages; redirect the output to a file")}
			}
			_, err := fmt.Fprint(p.out, text)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FOLDER` for manual pages, made where it is missing; needed for man")
	return cmd
}

// manualDate stands in the pages in place of the day they were made: the same
// build gives the same pages.
var manualDate = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// writeManual writes a page for each command: weir.1, weir-run.1 and so on.
func writeManual(root *cobra.Command, dir string) error {
	if dir == "" {
		return usageError{errors.New("docs man: no folder; name one with --out DIR, such as --out man")}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root.DisableAutoGenTag = true
	for _, cmd := range append([]*cobra.Command{root}, allCommands(root)...) {
		var b bytes.Buffer
		h := &doc.GenManHeader{Section: "1", Source: "weir", Manual: "weir", Date: &manualDate}
		if err := doc.GenMan(cmd, h, &b); err != nil {
			return err
		}
		name := bytes.ReplaceAll([]byte(cmd.CommandPath()), []byte(" "), []byte("-"))
		if err := os.WriteFile(filepath.Join(dir, string(name)+".1"), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// allCommands returns the commands below cmd.
func allCommands(cmd *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			all = append(append(all, c), allCommands(c)...)
		}
	}
	return all
}

func newCompletion(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the completion of a shell",
		Long: `Print what a shell reads to complete commands and flags of weir. The packages
install it.`,
		Example: `  weir completion bash > /etc/bash_completion.d/weir
  weir completion zsh > "${fpath[1]}/_weir"`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			switch args[0] {
			case "zsh":
				return cmd.Root().GenZshCompletion(p.out)
			case "fish":
				return cmd.Root().GenFishCompletion(p.out, true)
			}
			return cmd.Root().GenBashCompletionV2(p.out, true)
		},
	}
}
