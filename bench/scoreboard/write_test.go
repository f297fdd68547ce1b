package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/bench/scoreboard/report"
)

func TestScenariosRunAnewTakeTheirPlace(t *testing.T) {
	dir := t.TempDir()
	table := func(id, title string) *report.Table {
		return &report.Table{ID: id, Title: title, Columns: []string{"a"}, Rows: [][]string{{"1"}}}
	}
	var old []*report.Table
	for _, s := range scenarios {
		old = append(old, table(s.id, "old"))
	}
	r := newRun(false, 1, 1)
	if err := r.write(dir, old, scenarios); err != nil {
		t.Fatal(err)
	}
	again := newRun(false, 2, 1)
	again.only = true
	ran, err := choose("L3,P1")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.write(dir, []*report.Table{table("L3", "new"), table("P1", "new"), table("P1", "newer")}, ran); err != nil {
		t.Fatal(err)
	}
	got, err := readResults(filepath.Join(dir, "scoreboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var titles []string
	for _, tab := range got.Tables {
		titles = append(titles, tab.ID+" "+tab.Title)
	}
	var want []string
	for _, s := range scenarios {
		switch s.id {
		case "L3":
			want = append(want, "L3 new")
		case "P1":
			want = append(want, "P1 new", "P1 newer")
		default:
			want = append(want, s.id+" old")
		}
	}
	if strings.Join(titles, ",") != strings.Join(want, ",") {
		t.Errorf("tables %v, want %v", titles, want)
	}
	text, err := os.ReadFile(filepath.Join(dir, "scoreboard.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "Run anew by themselves: L3: seed 2") {
		t.Errorf("does not say what is of another run:\n%s", text)
	}
}
