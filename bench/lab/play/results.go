package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
	"weir/bench/scoreboard/report"
)

// results are what became of everything that was played.
type results struct {
	Began   time.Time         `json:"began"`
	Took    scenario.Duration `json:"took"`
	Machine string            `json:"machine"`
	Nodes   int               `json:"nodes"`

	Interrupted bool `json:"interrupted,omitempty"`

	Phases   []Phase           `json:"phases"`
	Scores   []scenario.Score  `json:"scores"`
	Matrices []scenario.Matrix `json:"matrices"`
	Strays   []Stray           `json:"strays"`
	Ignored  map[string]int    `json:"ignored,omitempty"`
	Absent   []scenario.Score  `json:"absent,omitempty"` // what could not be played for lack of a program
	Runs     []scenario.Run    `json:"runs"`

	scenarios []scenario.Scenario
}

// of returns the runs of a scenario at a loss.
func (r *results) of(s *scenario.Scenario, loss string) (all []scenario.Run) {
	for i := range r.Runs {
		if r.Runs[i].Scenario == s.Name && r.Runs[i].Loss == loss {
			all = append(all, r.Runs[i])
		}
	}
	return all
}

func (r *results) score() {
	slices.SortFunc(r.scenarios, func(a, b scenario.Scenario) int {
		return strings.Compare(a.Class+" "+a.File, b.Class+" "+b.File)
	})
	for _, ph := range r.Phases {
		for i := range r.scenarios {
			if s := &r.scenarios[i]; slices.Contains(s.Loss, ph.Loss) && slices.Contains(ph.Groups, s.Group) {
				r.Scores = append(r.Scores, scenario.NewScore(s, ph.Loss, r.of(s, ph.Loss)))
			}
		}
	}
	r.Matrices = scenario.NewMatrices(r.scenarios, r.Runs)
}

// missed counts the targets that were not met.
func (r *results) missed() (n int) {
	for i := range r.Scores {
		n += len(r.Scores[i].Missed)
	}
	return n + len(r.Strays) + len(r.Absent)
}

// tables are the results for people.
func (r *results) tables() (all []*report.Table) {
	for _, ph := range r.Phases {
		var scores []scenario.Score
		for i := range r.Scores {
			if c := &r.Scores[i]; c.Loss == ph.Loss && slices.Contains(ph.Groups, c.Group) {
				scores = append(scores, *c)
			}
		}
		t := scenario.Table(scores, fmt.Sprintf("conditions on compute nodes, stage %d, %s", ph.Stage, scenario.Losses[ph.Loss].Text))
		t.Note("%s on %d nodes, weir used %s of processor time; load of the machine %s before, %s after, %s", ph.Took.Short(), ph.Nodes, ph.CPU.Short(), ph.Load[0], ph.Load[1], r.Machine)
		n := 0
		for _, s := range r.Strays {
			if s.Loss == ph.Loss && s.Stage == ph.Stage {
				n++
				if n <= 8 {
					t.Note("false alarm outside of all runs: %s %q on %s: %s", s.Alert.Class(), s.Alert.Subject.Name, s.Alert.Subject.Node, s.Alert.Evidence.Summary)
				}
			}
		}
		if note := scenario.Losses[ph.Loss].Note; note != "" {
			t.Note("%s", note)
		}
		hours := float64(ph.Nodes) * time.Duration(ph.Took).Hours()
		t.Note("%d false alarms outside of all runs in %.1f node-hours", n, hours)
		all = append(all, t)
	}
	if len(r.Absent) > 0 {
		t := scenario.Table(r.Absent, "not played, for lack of a program")
		t.Note("%s is not in PATH: it is no package of Debian, see https://sflow.net", lab.HSFlowd)
		all = append(all, t)
	}
	for i := range r.Matrices {
		all = append(all, r.Matrices[i].Table())
	}
	return all
}

func (r *results) text(w io.Writer) {
	for _, t := range r.tables() {
		t.Text(w)
	}
	for k, n := range r.Ignored {
		fmt.Fprintf(w, "\n%d changes of %s are left out: they are about the machine that the lab is on.\n", n, k)
	}
}

// write puts lab.json, lab.md and a timeline of each scenario into dir.
func (r *results) write(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "lab"), 0o755); err != nil {
		return err
	}
	j, err := json.MarshalIndent(r.brief(), "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "lab.json"), append(j, '\n'), 0o644); err != nil {
		return err
	}
	var doc bytes.Buffer
	fmt.Fprintf(&doc, "# Lab\n\nWritten by `make lab` in %s: compute nodes with real Open vSwitch, Linux bridges, packet filters, libvirt and QEMU guests, "+
		"weir-agent where it says so, and weir. A delay is from before the command that makes it true is started to the alert's line on weir's standard output.\n", r.Took.Short())
	for _, t := range r.tables() {
		t.Markdown(&doc)
	}
	old, _ := filepath.Glob(filepath.Join(dir, "lab", "*.svg"))
	for _, f := range old {
		_ = os.Remove(f)
	}
	fmt.Fprint(&doc, "\n## Timelines\n\nThe run with the median delay of each: event, evidence, alert.\n")
	for i := range r.scenarios {
		s := &r.scenarios[i]
		runs := r.of(s, s.Loss[0])
		if len(runs) == 0 {
			continue
		}
		name := s.File + ".svg"
		if err := os.WriteFile(filepath.Join(dir, "lab", name), scenario.Timeline(s, runs), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(&doc, "\n![%s](lab/%s)\n", s.Name, name)
	}
	return os.WriteFile(filepath.Join(dir, "lab.md"), doc.Bytes(), 0o644)
}

// brief are the results without the evidence of every change.
func (r *results) brief() *results {
	b := *r
	b.Runs = slices.Clone(r.Runs)
	for i := range b.Runs {
		b.Runs[i].Alerts = slices.Clone(b.Runs[i].Alerts)
		for k := range b.Runs[i].Alerts {
			b.Runs[i].Alerts[k].Evidence.Facts = nil
		}
	}
	return &b
}
