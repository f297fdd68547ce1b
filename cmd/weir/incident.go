package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir/cmd/internal/commandline"
)

func newIncident(p *program) *cobra.Command {
	return commandline.Group(&cobra.Command{
		Use:   "incident",
		Short: "Show incidents, hold them, and hand them on",
		Long: `An incident is one cause with all its effects. The newest thousand can be
listed and shown with their timelines for as long as history.evidence_age, also
those of before a restart: as the running collector knows them, else as the
state file has them. What is known of one can be kept from retention and written
into one archive.`,
		Example: "  weir incident list\n  weir incident show 7596403b81c77bf9-1795332090",
	}, newIncidentHold(p), newIncidentRelease(p), newIncidentHeld(p), newIncidentExport(p), newIncidentList(p), newIncidentShow(p))
}

func newIncidentList(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the incidents that are kept, the newest last",
		Example: "  weir incident list",
		RunE: func(cmd *cobra.Command, _ []string) error {
			raw, err := p.incidents(cmd) // whole, also what the table has no column for
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, raw)
			}
			var all []incidentInfo
			if err := json.Unmarshal(raw, &all); err != nil {
				return err
			}
			t := newTable(p.out, "ID", "BEGAN", "ENDED", "WHAT")
			for i := range all {
				t.row(all[i].ID, day(all[i].Began), day(all[i].Ended), all[i].Line)
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// incidentInfo is site.Incident as the API answers with it.
type incidentInfo struct {
	ID     string     `json:"id"`
	Line   string     `json:"line"`
	Began  time.Time  `json:"began"`
	Ended  time.Time  `json:"ended,omitzero"`
	Alerts []string   `json:"alerts"`
	Steps  []stepInfo `json:"steps"`
	Cut    bool       `json:"cut,omitempty"`
	// Children are what it befell.
	Children []struct {
		Kind    string `json:"kind"`
		Subject struct {
			Name    string `json:"name"`
			UUID    string `json:"uuid"`
			Node    string `json:"node"`
			Project string `json:"project"`
		} `json:"subject"`
		Line string `json:"line"`
	} `json:"children"`
}

// named is the step's text, with the name of the part of its node that it is about
// where that does not stand there.
func (i *incidentInfo) named(s *stepInfo) string {
	kind, of, _ := strings.Cut(s.Entity, "/")
	_, name, part := strings.Cut(of, "/")
	if kind == "instance" && !part {
		name = of // its UUID
		for k := range i.Children {
			if c := &i.Children[k].Subject; c.UUID == of && c.Name != "" {
				name = c.Name
			}
		}
	}
	if name == "" || strings.Contains(s.What, name) {
		return s.What
	}
	return name + ": " + s.What
}

type stepInfo struct {
	At     time.Time `json:"at"`
	Before time.Time `json:"before,omitzero"`
	Node   string    `json:"node,omitempty"`
	Entity string    `json:"entity,omitempty"`
	What   string    `json:"what"`
	From   string    `json:"from,omitempty"`
	Was    string    `json:"was,omitempty"`
	Is     string    `json:"is,omitempty"`
	Skew   string    `json:"skew,omitempty"`
}

func newIncidentShow(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Print the timeline of an incident",
		Long: `Print what an incident befell, and every fact about its nodes, by the earliest
possible time:

  TIME     when it was first seen so
  SINCE    where that is earlier, when it was last seen otherwise: it happened
           between the two
  WITNESS  agent (weir-agent on the node) or passive (sFlow of others)
  SKEW     of the node's clock against this collector's, with the way between

ID may be cut where it stays unique, or where no other that begins so is open.`,
		Example: "  weir incident show 7596403b81c77bf9-1795332090",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			raw, err := p.incident(cmd, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, raw)
			}
			var i incidentInfo
			if err := json.Unmarshal(raw, &i); err != nil {
				return err
			}
			return printIncident(p.out, &i)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func printIncident(out io.Writer, i *incidentInfo) error {
	fmt.Fprintf(out, "%s\n%s\n\nalerts\n", i.ID, i.Line)
	for _, a := range i.Alerts {
		fmt.Fprintln(out, "  "+a)
	}
	if len(i.Children) > 0 {
		fmt.Fprintln(out, "\nwith it")
	}
	for k := range i.Children {
		c := &i.Children[k]
		project := ""
		if c.Subject.Project != "" {
			project = ", project " + c.Subject.Project
		}
		name, on := cmp.Or(c.Subject.Name, c.Subject.UUID), ""
		if c.Subject.Node != "" {
			on = " on " + c.Subject.Node
		}
		if name == "" { // a node itself
			name, on = c.Subject.Node, ""
		}
		fmt.Fprintf(out, "  %s %s%s%s: %s\n", c.Kind, name, on, project, c.Line)
	}
	fmt.Fprintln(out)
	t := newTable(out, "TIME", "SINCE", "NODE", "WHAT", "BEFORE", "AFTER", "WITNESS", "SKEW")
	for k := range i.Steps {
		s := &i.Steps[k]
		t.row(clock(s.At), clock(s.Before), s.Node, i.named(s), s.Was, s.Is, s.From, s.Skew)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if i.Cut {
		fmt.Fprintln(out, "there were more facts before than are kept")
	}
	return nil
}
