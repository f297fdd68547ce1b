package main

import (
	"fmt"
	"io"
	"strings"

	"weir/collector/series"
)

// printSchema writes what stands in the database, as Markdown.
func printSchema(w io.Writer) error {
	fmt.Fprintf(w, `# Time series of weir

One measurement for each kind of record. Every point has the tag site. Whole
numbers are signed; what is not known is left out, and is never zero. A counter
is a running total: look at its rate, without negative steps. Times are those of
receipt, in nanoseconds.

Tags that occur often: agent is an agent's address, with @ and the source address
where several agents claim it; agent_name its name, else the address again;
if_index and if_name a port, whose name is "ifIndex 7" where none is known;
source a data source, class:index; instance the UUID of a virtual machine.
`)
	for _, c := range series.Classes() {
		fmt.Fprintf(w, "\n## %s\n\n%s.\n\nTags: site, %s\n\n| field | unit | |\n|---|---|---|\n", c.Name, sentence(c.Help), strings.Join(c.Tags, ", "))
		for i := range c.Fields {
			f := &c.Fields[i]
			var notes []string
			if f.Counter {
				notes = append(notes, "counter")
			}
			if f.Help != "" {
				notes = append(notes, f.Help)
			}
			if _, err := fmt.Fprintf(w, "| %s | %s | %s |\n", f.Name, f.Unit, strings.Join(notes, "; ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// sentence begins with a capital letter, unless its first word is a name.
func sentence(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if strings.ContainsAny(first, "_") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
