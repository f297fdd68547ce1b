// Package manual writes what is told of a program's commands beside --help:
// manual pages, and what shells complete.
package manual

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// date stands in the pages in place of the day they were made: the same build
// gives the same pages.
const date = "2026-01-01"

// Write writes a page for root and each command below it into a folder, which it
// makes where it is missing: weir.1, weir-run.1 and so on.
func Write(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, cmd := range append([]*cobra.Command{root}, below(root)...) {
		if err := os.WriteFile(filepath.Join(dir, name(cmd)+".1"), page(cmd), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// below returns the commands below cmd.
func below(cmd *cobra.Command) (all []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			all = append(append(all, c), below(c)...)
		}
	}
	return all
}

// name is how a command's page is called.
func name(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// page returns the page of a command as man(7) has it.
func page(cmd *cobra.Command) []byte {
	cmd.InitDefaultHelpFlag()
	var b bytes.Buffer
	program := cmd.Root().Name()
	fmt.Fprintf(&b, ".TH \"%s\" \"1\" \"%s\" \"%s\" \"%s\"\n", escape(strings.ToUpper(name(cmd))), date, escape(program), escape(program))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", escape(name(cmd)), escape(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n\\fB%s\\fP\n", escape(cmd.UseLine()))
	if cmd.Long != "" {
		b.WriteString(".SH DESCRIPTION\n")
		text(&b, cmd.Long)
	}
	flags(&b, "OPTIONS", cmd.NonInheritedFlags())
	flags(&b, "OPTIONS OF ALL COMMANDS", cmd.InheritedFlags())
	if cmd.Example != "" {
		b.WriteString(".SH EXAMPLES\n.nf\n")
		for line := range strings.Lines(cmd.Example) {
			b.WriteString(escape(strings.TrimRight(line, "\n")) + "\n")
		}
		b.WriteString(".fi\n")
	}
	var also []string
	if cmd.HasParent() {
		also = append(also, name(cmd.Parent()))
	}
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			also = append(also, name(c))
		}
	}
	for i, n := range also {
		if also[i] = "\\fB" + escape(n) + "\\fP(1)"; i == len(also)-1 {
			b.WriteString(".SH SEE ALSO\n" + strings.Join(also, ", ") + "\n")
		}
	}
	return b.Bytes()
}

// text writes paragraphs; lines that are indented stay as they are.
func text(b *bytes.Buffer, s string) {
	for i, p := range strings.Split(strings.TrimSpace(s), "\n\n") {
		if i > 0 {
			b.WriteString(".PP\n")
		}
		kept := false
		for line := range strings.Lines(p) {
			line = strings.TrimRight(line, "\n")
			if indented := strings.HasPrefix(line, " "); indented != kept {
				kept = indented
				b.WriteString(map[bool]string{true: ".nf\n", false: ".fi\n"}[kept])
			}
			b.WriteString(escape(line) + "\n")
		}
		if kept {
			b.WriteString(".fi\n")
		}
	}
}

func flags(b *bytes.Buffer, title string, set *pflag.FlagSet) {
	first := true
	set.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Deprecated != "" {
			return
		}
		if first {
			first = false
			b.WriteString(".SH " + title + "\n")
		}
		value, usage := pflag.UnquoteUsage(f)
		names := "--" + f.Name
		if f.Shorthand != "" {
			names = "-" + f.Shorthand + ", " + names
		}
		fmt.Fprintf(b, ".TP\n\\fB%s\\fP", escape(names))
		if value != "" {
			fmt.Fprintf(b, " \\fI%s\\fP", escape(value))
		}
		fmt.Fprintf(b, "\n%s\n", escape(usage))
	})
}

// escape makes text of a line that roff would read as its own.
func escape(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
