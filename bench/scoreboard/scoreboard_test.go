package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
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
	c.trials, c.Warm = 20, 20*time.Second
	c.methods = append(published(), tuned(&c.Links, 1, 1)...)
	run := func() *cellResult { return newRun(true, 5, 2).runCell(c) }
	got := run()
	if len(got.suspected) != 20 || len(got.first) != 20 {
		t.Fatalf("%d delays, %d first alerts of 20 flows at half a link: %v", len(got.suspected), len(got.first), got.suspected)
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

// TestFloodIsScored runs one flood the whole way, with all that is asked of it.
func TestFloodIsScored(t *testing.T) {
	l := flooding(site.Amplified("dns", 53, 1400), 100e3, 1000)
	l.Lasts = 13 * time.Second
	got := newRun(true, 5, 2).runFloods(l, kindFlood, perFloodRun)
	if got.floodsAlerted != perFloodRun || got.covered != got.had {
		t.Fatalf("%d of %d floods alerted, %d of %d pulses covered", got.floodsAlerted, perFloodRun, got.covered, got.had)
	}
	if got.right != perFloodRun || got.classes["amplification:dns"] != perFloodRun {
		t.Errorf("classes %v", got.classes)
	}
	if len(got.last) < perFloodRun/2 {
		t.Errorf("%d of %d floods have an estimate of many samples", len(got.last), perFloodRun)
	}
	if p50 := report.Quantile(got.fast, 0.5); p50 < 1 || p50 > 2.1 {
		t.Errorf("model of FastNetMon: median %.2f s, want 1.5 at five times its threshold", p50)
	}
}

// TestSummaryIsMeasuredExactly lets P3's measure look at a summary with room
// for all, and at one without.
func TestSummaryIsMeasuredExactly(t *testing.T) {
	for entries, exact := range map[int]bool{16384: true, 1024: false} {
		a := measure(entries, 1.0, 100_000, 4000, 1)
		if a.violated != 0 || a.keys < 3000 || a.above == 0 {
			t.Errorf("%d entries: %+v", entries, a)
		}
		if exact && (a.f1 != 1 || a.lower != 0 || a.upper != 0) {
			t.Errorf("%d entries are not exact: %+v", entries, a)
		}
	}
}

// Two samples of a flow of twice the threshold, sent every 50 ms, prove it no
// sooner than their times are known: half of the flows take longer than 0.15 s.
func TestLeastPairIsBoundByTheFlush(t *testing.T) {
	all := leastPair(16.7, 66.7, 2, 0.05, 1)
	if p50, p99 := report.Quantile(all, 0.5), report.Quantile(all, 0.99); p50 < 0.15 || p50 > 0.2 || p99 < 0.35 || p99 > 0.6 {
		t.Errorf("p50 %.3f, p99 %.3f", p50, p99)
	}
	quick := leastPair(16.7, 66.7, 2, 0.001, 1)
	if p50 := report.Quantile(quick, 0.5); p50 > 0.12 {
		t.Errorf("without a flush p50 is %.3f", p50)
	}
}
