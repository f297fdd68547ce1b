// Scoreboard measures the detectors on generated sFlow whose truth is known,
// beside models of what others publish, textbook detectors tuned to the same
// budget of false alarms, and the theoretical bound.
//
//	go run ./bench/scoreboard              everything, some minutes
//	go run ./bench/scoreboard -quick       the same with few trials, under a minute
//	go run ./bench/scoreboard -only L1,L2  some scenarios
//	go run ./bench/scoreboard -only P1,P2 -out bench/results   these anew, the others as they are
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"weir/bench/scoreboard/report"
)

// scenario is one entry of the scoreboard.
type scenario struct {
	id  string
	run func(*run) []*report.Table
}

var scenarios = []scenario{
	{"L1", (*run).l1},
	{"L2", (*run).l2},
	{"L3", (*run).l3},
	{"L4", (*run).l4},
	{"L5", (*run).l5},
	{"D1", (*run).d1},
	{"D2", (*run).d2},
	{"D3", (*run).d3},
	{"D4", (*run).d4},
	{"B1", (*run).b1},
	{"H2", (*run).h2},
	{"H3", (*run).h3},
	{"H4", (*run).h4},
	{"H5", (*run).h5},
	{"B2", (*run).b2},
	{"P1", (*run).p1},
	{"P2", (*run).p2},
	{"P3", (*run).p3},
	{"P4", (*run).p4},
}

func main() {
	quick := flag.Bool("quick", false, "few trials: a smoke test, not a score")
	scale := flag.Float64("scale", 1, "trials and exposures, times those of a usual run")
	only := flag.String("only", "", "comma-separated scenarios, such as L1,D1; empty: all")
	seed := flag.Uint64("seed", 1, "of everything random: the same seed gives the same tables")
	out := flag.String("out", "", "directory for tables and plots (default bench/results for a whole run, none for a quick or partial one); -only replaces its scenarios in a whole run's there")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "runs at once")
	flag.Parse()
	chosen, err := choose(*only)
	if err == nil && !(*scale > 0 && *scale <= 1000) {
		err = fmt.Errorf("-scale %g: must be above 0 and at most 1000", *scale)
	}
	if err == nil {
		r := newRun(*quick, *seed, *workers)
		r.scale, r.only = *scale, len(chosen) < len(scenarios)
		if *out == "" && !*quick && *only == "" {
			*out = filepath.Join("bench", "results")
		}
		err = r.score(os.Stdout, chosen, *out)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scoreboard:", err)
		os.Exit(1)
	}
}

func newRun(quick bool, seed uint64, workers int) *run {
	return &run{
		quick: quick, scale: 1, seed: seed, workers: max(workers, 1), progress: newProgress(),
		falses: map[float64]*falseResult{}, cells: map[float64]*cellResult{},
	}
}

func (r *run) score(w io.Writer, chosen []scenario, out string) error {
	if err := selfCheck(r.seed); err != nil {
		return fmt.Errorf("the generator failed its check, nothing is scored: %w", err)
	}
	var scored []*report.Table
	begin := time.Now()
	for i, s := range chosen {
		at, cpu := time.Now(), processTime()
		r.progress.begin(s.id)
		tables := s.run(r)
		r.progress.clear()
		for _, t := range tables {
			t.Text(w)
		}
		scored = append(scored, tables...)
		fmt.Fprintf(os.Stderr, "%s took %s, %s of processor time\n", s.id, time.Since(at).Round(time.Second/10), (processTime() - cpu).Round(time.Second/10))
		if out == "" {
			continue
		}
		// After each, so that a run that is stopped leaves what it has.
		if err := r.write(out, scored, chosen[:i+1]); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "all took %s, %s of processor time\n", time.Since(begin).Round(time.Second/10), processTime().Round(time.Second/10))
	return nil
}

// choose returns the scenarios named, all for none.
func choose(only string) ([]scenario, error) {
	if only == "" {
		return scenarios, nil
	}
	var chosen []scenario
	for id := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return strings.EqualFold(s.id, strings.TrimSpace(id)) })
		if i < 0 {
			return nil, fmt.Errorf("-only %s: no scenario %q: choose from %s", only, id, names())
		}
		chosen = append(chosen, scenarios[i])
	}
	return chosen, nil
}

func names() string {
	var all []string
	for _, s := range scenarios {
		all = append(all, s.id)
	}
	return strings.Join(all, ", ")
}
