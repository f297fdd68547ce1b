package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"weir/cmd/internal/build"
)

// version may be set when linking: -X main.version=1.2.3.
var version string

func newVersion(p *program) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, commit and Go version",
		Long:    "Print on one line the version, the commit it was built from, and that of Go.",
		Example: "  weir version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, build.This(version).Line("weir"))
			return err
		},
	}
}
