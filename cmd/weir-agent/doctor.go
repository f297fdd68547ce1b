package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/build"
	"weir/hostagent"
	"weir/hostagent/config"
	"weir/hostagent/source"
)

func newDoctor(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Tell what can and cannot be seen on this node, and why",
		Long: `Examine everything that the configuration asks for, send nothing, and print what is
seen (yes) and what is not (no), why, and what to do about it; what this node does
not have is no fault (-). Run it as the user and with the capabilities that the
agent has.`,
		Example: `  weir-agent doctor`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, digest, err := config.Load(p.configFile)
			if err != nil {
				return err
			}
			key, err := readKey(cfg.KeyFile)
			if err != nil {
				return err
			}
			io := hostagent.IO{Log: p.logger(cfg.Log), Version: build.This(version).Version, Digest: digest, Key: key}
			good, bad, none := 0, 0, 0
			for _, e := range hostagent.Examine(cmd.Context(), cfg, io) {
				fmt.Fprintln(p.out, e.Module)
				for _, f := range e.Findings {
					p.finding(f)
					switch {
					case f.OK:
						good++
					case f.None:
						none++
					default:
						bad++
					}
				}
			}
			_, err = fmt.Fprintf(p.out, "\n%d can be seen, %d cannot (no), %d are not on this node (-)\n", good, bad, none)
			return err
		},
	}
}

func (p *program) finding(f source.Finding) {
	mark := "no "
	switch {
	case f.OK:
		mark = "yes"
	case f.None:
		mark = "-  "
	}
	fmt.Fprintf(p.out, "  %s  %-16s %s\n", mark, f.What, strings.ReplaceAll(f.Text, "\n", "; "))
	if f.Fix != "" {
		fmt.Fprintf(p.out, "       %-16s → %s\n", "", f.Fix)
	}
}
