// Package build says which build of a program this is.
package build

import (
	"fmt"
	"runtime/debug"
	"strings"
)

// Info is what a binary knows of itself.
type Info struct{ Version, Commit, Go string }

// This returns what the running program knows; version is what the linker was
// told, "" where nothing.
func This(version string) Info {
	b := Info{version, "unknown", "unknown"}
	info, ok := debug.ReadBuildInfo()
	if ok {
		b.Go = info.GoVersion
		if b.Version == "" {
			b.Version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				b.Commit = s.Value[:min(len(s.Value), 12)] + strings.TrimPrefix(b.Commit, "unknown")
			case s.Key == "vcs.modified" && s.Value == "true":
				b.Commit += " (modified)"
			}
		}
	}
	if b.Version == "" {
		b.Version = "(devel)"
	}
	return b
}

// Line is the answer of a program to "version".
func (b Info) Line(program string) string {
	return fmt.Sprintf("%s %s commit %s %s", program, b.Version, b.Commit, b.Go)
}
