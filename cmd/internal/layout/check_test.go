package layout

import (
	"fmt"
	"slices"
	"strings"
)

// pkg is the part of `go list -json` that is read.
type pkg struct {
	ImportPath string
	Name       string
	Dir        string
	Doc        string
	GoFiles    []string
	Imports    []string
	Standard   bool
}

// room returns the import path without the module's name, and false for a
// package that is not ours.
func room(path string) (string, bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

// match reports whether path is what the pattern says.
func match(pattern, path string) bool {
	if pattern == "..." {
		return true
	}
	if dir, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == dir || strings.HasPrefix(path, dir+"/")
	}
	return pattern == path
}

func matchAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) })
}

// within is match for libraries: a pattern stands for its whole module.
func within(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, path) || match(p+"/...", path) })
}

// standard reports whether path is of the standard library: its first element
// has no dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// reach returns what a package of ours imports of ours, directly or not, each
// with the path of imports that leads to it.
func reach(pkgs map[string]pkg, from string) map[string]string {
	seen := map[string]string{}
	var walk func(at, way string)
	walk = func(at, way string) {
		for _, i := range pkgs[module+"/"+at].Imports {
			r, ok := room(i)
			if _, had := seen[r]; !ok || had {
				continue
			}
			seen[r] = way + " → " + r
			walk(r, seen[r])
		}
	}
	walk(from, from)
	return seen
}

// violations returns one line per broken rule, each with the rule's reason.
func violations(pkgs map[string]pkg) []string {
	var bad []string
	for path, p := range pkgs {
		at, ok := room(path)
		if !ok {
			continue
		}
		for _, r := range rules {
			if match(r.room, at) && !matchAny(r.except, at) {
				bad = append(bad, r.broken(pkgs, at, p)...)
			}
		}
		bad = append(bad, misused(at, p)...)
	}
	slices.Sort(bad)
	return slices.Compact(bad)
}

func (r rule) broken(pkgs map[string]pkg, at string, p pkg) (bad []string) {
	fail := func(what string) { bad = append(bad, fmt.Sprintf("%s imports %s: %s", at, what, r.reason)) }
	for _, i := range p.Imports {
		ours, isOurs := room(i)
		switch {
		case isOurs:
			if matchAny(r.direct, ours) {
				fail(ours)
			}
		case standard(i):
			if r.std != nil && !slices.Contains(r.std, i) || slices.Contains(r.noStd, i) {
				fail(i)
			}
		case !within(r.third, i):
			fail(i)
		}
	}
	for ours, way := range reach(pkgs, at) {
		if r.ours != nil && !matchAny(r.ours, ours) || matchAny(r.noOurs, ours) {
			fail(ours + " (" + way + ")")
		}
	}
	return bad
}

// misused checks the other side: rooms and libraries that say who may import them.
func misused(at string, p pkg) (bad []string) {
	for _, i := range p.Imports {
		ours, isOurs := room(i)
		for _, m := range importers {
			// The first pattern that names the room decides.
			if isOurs && match(m.room, ours) {
				if !matchAny(m.by, at) {
					bad = append(bad, fmt.Sprintf("%s imports %s: %s", at, ours, m.reason))
				}
				break
			}
		}
		for _, l := range libraries {
			if within([]string{l.path}, i) && !matchAny(l.in, at) {
				bad = append(bad, fmt.Sprintf("%s imports %s: %s", at, i, l.reason))
			}
		}
	}
	return bad
}
