package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version may be set when linking: -X main.version=1.2.3.
var version string

func newVersion(p *program) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print version, commit and Go version",
		Long:    "Print on one line the version, the commit it was built from, and that of Go.",
		Example: "  weir-agent version",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(p.out, thisBuild())
			return err
		},
	}
}

// build is what the binary knows of itself.
type build struct{ version, commit, golang string }

func thisBuild() build {
	b := build{version, "unknown", "unknown"}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.golang = info.GoVersion
		if b.version == "" {
			b.version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				b.commit = s.Value[:min(len(s.Value), 12)] + strings.TrimPrefix(b.commit, "unknown")
			case s.Key == "vcs.modified" && s.Value == "true":
				b.commit += " (modified)"
			}
		}
	}
	if b.version == "" {
		b.version = "(devel)"
	}
	return b
}

func (b build) String() string {
	return fmt.Sprintf("weir-agent %s commit %s %s", b.version, b.commit, b.golang)
}
