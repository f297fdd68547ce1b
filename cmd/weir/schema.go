package main

import (
	"fmt"
	"io"
	"slices"
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

weir's own history keeps them for PromQL under the metric's name, in base units;
what it keeps by default is in bold, the others on request (history.series_more).
Labels are the tags: if_index is ifindex there, if_name is interface, and
agent_name is left out where it is the address. Of the heaviest keys, top, those
with 1 %% and more of all are kept, with the label key in place of slot.
`)
	for _, c := range series.Classes() {
		fmt.Fprintf(w, "\n## %s\n\n%s.\n\nTags: site, %s\n\n| field | unit | metric | |\n|---|---|---|---|\n", c.Name, sentence(c.Help), strings.Join(c.Tags, ", "))
		kept := c.Chosen(series.KeptByDefault())
		for i := range c.Fields {
			f := &c.Fields[i]
			var notes []string
			if f.Counter {
				notes = append(notes, "counter")
			}
			if f.Help != "" {
				notes = append(notes, f.Help)
			}
			if _, err := fmt.Fprintf(w, "| %s | %s | %s | %s |\n", f.Name, f.Unit, metricOf(c, f, slices.Contains(kept, i)), strings.Join(notes, "; ")); err != nil {
				return err
			}
		}
	}
	return nil
}

// metricOf returns the name of a field in the history, in bold where it is kept
// by default.
func metricOf(c *series.Class, f *series.Field, kept bool) string {
	m, ok := series.NameOf(c, f)
	if ok && kept {
		return "**" + m.Name + "**"
	}
	return m.Name
}

// sentence begins with a capital letter, unless its first word is a name.
func sentence(s string) string {
	first, _, _ := strings.Cut(s, " ")
	if strings.ContainsAny(first, "_") {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
