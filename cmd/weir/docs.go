package main

import (
	_ "embed"
	"fmt"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/cmd/internal/manual"
	"weir/collector"
)

// exporters says how switches and hosts are pointed at weir.
//
//go:embed etc/exporters.md
var exporters string

func newDocs(p *program) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "docs exporters|configuration|api|man",
		Short: "Print documentation: how to set up exporters, the configuration, the API, manual pages",
		Long: `Print documentation that belongs to this build.

  exporters      how to point Arista EOS, Junos, NX-OS, Cumulus, SONiC, Dell
                 OS10, Aruba AOS-CX, Open vSwitch, hsflowd and weir-agent at
                 weir, with the sampling rate per link speed (Markdown)
  configuration  the commented configuration with all defaults (YAML), which
                 ` + "`weir check --sample`" + ` prints too
  api            the HTTP API (OpenAPI 3.1, JSON), which a collector serves at
                 /api/v1/openapi.json too
  man            manual pages, into the folder --out`,
		Example: `  weir docs exporters | less
  weir docs man --out /usr/local/share/man/man1`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"exporters", "configuration", "api", "man"},
		RunE: func(cmd *cobra.Command, args []string) error {
			text := exporters
			switch args[0] {
			case "configuration":
				text = sample
			case "api":
				text = string(collector.OpenAPI())
			case "man":
				if out == "" {
					return commandline.Usagef("docs man: no folder; name one with --out DIR, such as --out man")
				}
				return manual.Write(cmd.Root(), out)
			}
			if out != "" {
				return commandline.Usagef("docs: --out is for manual pages; redirect the output to a file")
			}
			_, err := fmt.Fprint(p.out, text)
			return err
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FOLDER` for manual pages, made where it is missing; needed for man")
	return cmd
}
