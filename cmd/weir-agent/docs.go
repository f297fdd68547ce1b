package main

import (
	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/cmd/internal/manual"
)

func newDocs(*program) *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "docs man",
		Short: "Write manual pages",
		Long: `Write the manual pages that belong to this build into the folder --out. The
packages install them.`,
		Example:   `  weir-agent docs man --out /usr/local/share/man/man1`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"man"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return commandline.Usagef("docs man: no folder; name one with --out DIR, such as --out man")
			}
			return manual.Write(cmd.Root(), out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "`FOLDER` for the pages, made where it is missing; needed")
	return cmd
}
