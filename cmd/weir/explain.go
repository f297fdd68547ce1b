package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
	"weir/detect/site"
)

func newExplain(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "explain [KIND]",
		Short: "Say what a kind of alert means, how to confirm it and when it is wrong",
		Long: `Print what a kind of alert means, two commands that confirm it, the usual
causes, and when the alert is wrong. Without KIND all kinds are listed.`,
		Example: "  weir explain bridge_down\n  weir explain",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				if asJSON {
					return printJSON(p.out, site.Explanations())
				}
				t := newTable(p.out)
				for _, e := range site.Explanations() {
					first, _, _ := strings.Cut(e.Meaning, ". ")
					t.row(e.Kind, strings.TrimSuffix(first, "."))
				}
				return t.Flush()
			}
			e, ok := site.Explain(strings.ReplaceAll(strings.ToLower(args[0]), "-", "_"))
			if !ok {
				return commandline.Usagef("kind %q: is none that weir raises; `weir explain` lists them", args[0])
			}
			if asJSON {
				return printJSON(p.out, e)
			}
			_, err := fmt.Fprintf(p.out, "%s\n  %s\n\nconfirm\n  %s\n  %s\n\nusual causes\n  %s\n\nwrong\n  %s\n", e.Kind, e.Meaning, e.Confirm[0], e.Confirm[1], e.Causes, e.Wrong)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
