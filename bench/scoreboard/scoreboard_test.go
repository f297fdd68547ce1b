package main

import (
	"bytes"
	"strings"
	"testing"

	"weir/bench/scoreboard/report"
)

// TestGeneratorPassesItsCheck is what stands before every score.
func TestGeneratorPassesItsCheck(t *testing.T) {
	if err := selfCheck(3); err != nil {
		t.Error(err)
	}
}

// TestCheckRefusesWhatIsNotPoisson evens the samples out.
func TestCheckRefusesWhatIsNotPoisson(t *testing.T) {
	var even [10][400]float64
	for i := range even {
		for j := range even[i] {
			even[i][j] = float64(8 + j%2)
		}
	}
	if err := chiSquare(even[:], 8.33); err == nil {
		t.Error("evenly spaced samples pass for random ones")
	}
}

// TestOneCell runs the whole way once: generator, pipeline, models, quantiles.
func TestOneCell(t *testing.T) {
	c := largeCell(0.5, 0.01)
	c.trials = 40
	c.methods = append(published(), tuned(&c.Links, 1, 1)...)
	run := func() *cellResult { return newRun(true, 5, 2).runCell(c) }
	got := run()
	if len(got.suspected) != 40 || len(got.first) != 40 {
		t.Fatalf("%d delays, %d first alerts of 40 flows at half a link: %v", len(got.suspected), len(got.first), got.suspected)
	}
	if p50 := report.Quantile(got.suspected, 0.5); p50 < 0.05 || p50 > 0.5 {
		t.Errorf("median delay %.3f s, want a few tenths of a second", p50)
	}
	for name, want := range map[string][2]float64{modelSFlowRT: {0.35, 0.6}, modelFastNetMon: {1.2, 2.2}} {
		if p50 := report.Quantile(got.methods[name], 0.5); p50 < want[0] || p50 > want[1] {
			t.Errorf("%s: median %.2f s, want %v", name, p50, want)
		}
	}
	if got.bound() < 0.12 || got.bound() > 0.14 {
		t.Errorf("bound %.3f s, want 0.13", got.bound())
	}
	again := run()
	for i, v := range got.suspected {
		if again.suspected[i] != v {
			t.Fatalf("trial %d: %g s, then %g s: the seed does not decide", i, v, again.suspected[i])
		}
	}
}

func TestChooseNamesWhatThereIs(t *testing.T) {
	if s, err := choose("l1"); err != nil || len(s) != 1 || s[0].id != "L1" {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := choose("L1,X9"); err == nil || !strings.Contains(err.Error(), "L1") {
		t.Errorf("an unknown scenario gives %v, want the list", err)
	}
}

func TestTablesAlign(t *testing.T) {
	table := report.Table{ID: "X", Title: "t", Columns: []string{"a", "b"}}
	table.Add("one", 1.5)
	table.Add("µs", 22)
	var text, md bytes.Buffer
	table.Text(&text)
	table.Markdown(&md)
	const want = "\nX  t\n  a      b\n  one  1.5\n  µs    22\n"
	if text.String() != want {
		t.Errorf("%q, want %q", text.String(), want)
	}
	if !strings.Contains(md.String(), "| µs | 22 |") {
		t.Errorf("Markdown:\n%s", md.String())
	}
}
