package config

import (
	"regexp"
	"strconv"
	"strings"
)

// Error is one mistake in one place.
type Error struct {
	File    string
	Line    int    // from 1; 0 where the file as a whole is meant
	Key     string // dotted, "limits.agents"; "" where there is none
	Value   string // as written; "" where there is none, or where it may be a secret
	Problem string
	Fix     string
	Caret   string // two more lines that show the place in the value; "" without
	Outside bool   // a reference is right, and this process cannot follow it
}

// Error is one line: file:line: key: "value": problem; fix.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(e.Line))
	}
	b.WriteString(": ")
	if e.Key != "" {
		b.WriteString(e.Key)
		b.WriteString(": ")
	}
	if e.Value != "" {
		b.WriteString(quote(e.Value))
		b.WriteString(": ")
	}
	b.WriteString(e.Problem)
	if e.Fix != "" {
		b.WriteString("; ")
		b.WriteString(e.Fix)
	}
	return b.String()
}

// quote keeps a line one line, and short.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strconv.Quote(s)
}

// Errors are all mistakes of a configuration, in the order they were found.
type Errors []*Error

// Error has one line for each.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// fault is what is wrong with a value, before its place is known.
type fault struct{ problem, fix string }

func (f *fault) Error() string {
	if f.fix == "" {
		return f.problem
	}
	return f.problem + "; " + f.fix
}

// outside is a fault of what a reference leads to; see Error.Outside.
type outside struct{ *fault }

func (o outside) Unwrap() error { return o.fault }

// hidden is a fault of a value that may be a secret: its Error has no Value.
type hidden struct{ *fault }

func (h hidden) Unwrap() error { return h.fault }

var userInAddress = regexp.MustCompile(`//[^/\s]*@`)

// shown is a value as errors may tell it: an address without the user and password
// in it.
func shown(value string) string { return userInAddress.ReplaceAllString(value, "//…@") }
