package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
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
			_, err := fmt.Fprintln(p.out, versionLine())
			return err
		},
	}
}

// versionLine is what the binary knows of itself.
func versionLine() string {
	v, commit, goVersion, dirty := version, "unknown", "unknown", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		goVersion = info.GoVersion
		if v == "" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = " (modified)"
			}
		}
	}
	if v == "" {
		v = "(devel)"
	}
	return fmt.Sprintf("weir %s commit %s%s %s", v, commit, dirty, goVersion)
}
