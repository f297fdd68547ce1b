package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weir/bench/scoreboard/report"
)

// results is what a run leaves for programs.
type results struct {
	Seed   uint64          `json:"seed"`
	Size   string          `json:"size"`
	Later  []string        `json:"later,omitempty"` // scenarios run anew since, and their size
	Tables []*report.Table `json:"tables"`
}

// size says how much was tried.
func (r *run) size() string {
	if r.quick {
		return "few trials (a quick run: a smoke test, not a score)"
	}
	return fmt.Sprintf("%g times the usual trials", r.scale)
}

// write puts the tables and plots of the scenarios that ran into dir. Some
// scenarios take the place of theirs in a whole run that dir has; without one,
// and after a quick run, the files have names of their own.
func (r *run) write(dir string, tables []*report.Table, ran []scenario) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	got := results{Seed: r.seed, Size: r.size(), Tables: tables}
	suffix := ""
	if len(ran) < len(scenarios) || r.quick {
		suffix = "-partial"
	}
	if suffix != "" && r.only && !r.quick {
		whole, err := readResults(filepath.Join(dir, "scoreboard.json"))
		switch {
		case err == nil:
			got, suffix = whole.replace(got, ran), ""
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
	}
	if suffix == "" {
		// What the same run left on the way.
		parts, _ := filepath.Glob(filepath.Join(dir, "*-partial.*"))
		for _, p := range parts {
			_ = os.Remove(p)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "scoreboard"+suffix+".md"), got.markdown(), 0o644); err != nil {
		return err
	}
	j, err := json.MarshalIndent(got, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "scoreboard"+suffix+".json"), append(j, '\n'), 0o644); err != nil {
		return err
	}
	return r.plots(dir, suffix)
}

func readResults(name string) (results, error) {
	var all results
	b, err := os.ReadFile(name)
	if err != nil {
		return all, err
	}
	if err := json.Unmarshal(b, &all); err != nil {
		return all, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// replace returns all with the tables of the scenarios that ran anew, in the
// order of the scoreboard.
func (all results) replace(anew results, ran []scenario) results {
	place := func(id string) int { return slices.IndexFunc(scenarios, func(s scenario) bool { return s.id == id }) }
	again := func(id string) bool { return slices.ContainsFunc(ran, func(s scenario) bool { return s.id == id }) }
	all.Tables = slices.DeleteFunc(all.Tables, func(t *report.Table) bool { return again(t.ID) })
	all.Tables = append(all.Tables, anew.Tables...)
	slices.SortStableFunc(all.Tables, func(a, b *report.Table) int { return place(a.ID) - place(b.ID) })
	all.Later = slices.DeleteFunc(all.Later, func(s string) bool { id, _, _ := strings.Cut(s, ":"); return again(id) })
	for _, s := range ran {
		all.Later = append(all.Later, fmt.Sprintf("%s: seed %d, %s", s.id, anew.Seed, anew.Size))
	}
	return all
}

func (all *results) markdown() []byte {
	var doc bytes.Buffer
	fmt.Fprintf(&doc, "# Scoreboard\n\nWritten by `make scoreboard`, seed %d, %s. All traffic is generated sFlow whose truth is known; what is called a model is a model.\n", all.Seed, all.Size)
	if len(all.Later) > 0 {
		fmt.Fprintf(&doc, "Run anew by themselves: %s.\n", strings.Join(all.Later, "; "))
	}
	for _, t := range all.Tables {
		t.Markdown(&doc)
	}
	return doc.Bytes()
}
