// Play plays the scenarios of the lab: it raises compute nodes with real Open
// vSwitch, Linux bridges, packet filters, libvirt and QEMU guests, weir-agent on
// them where the scenario says so, and weir itself; makes happen what the
// scenario files say, and counts which alerts followed after how long.
//
//	go run ./bench/lab/play                 everything, some minutes, as root
//	go run ./bench/lab/play H1 agent-killed some classes or scenarios
//	go run ./bench/lab/play -short          one run of most, under a minute
//	go run ./bench/lab/play -list           what there is
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/bench/lab/scenario"
)

// options are the command line's.
type options struct {
	dir, out, bin string
	list, short   bool
	strict        bool
	verbose       bool
	runs          float64
	settle        time.Duration
	loss, record  string
	only          []string
}

func main() {
	var o options
	flag.StringVar(&o.dir, "scenarios", filepath.Join("bench", "lab", "scenarios"), "`folder` of nodes.yaml and the scenario files")
	flag.StringVar(&o.out, "out", "", "`folder` for lab.json, lab.md and timelines (default bench/results for a whole run, none for a part)")
	flag.StringVar(&o.bin, "bin", "", "`folder` with weir and weir-agent; empty builds them")
	flag.BoolVar(&o.list, "list", false, "list the scenarios and play nothing")
	flag.BoolVar(&o.short, "short", false, "the short selection: a smoke test, not a score")
	flag.BoolVar(&o.strict, "strict", false, "exit with 1 where a target is missed")
	flag.BoolVar(&o.verbose, "v", false, "say on standard error what happens")
	flag.Float64Var(&o.runs, "runs", 1, "`times` the usual number of runs")
	flag.DurationVar(&o.settle, "settle", 25*time.Second, "`time` that weir is given to learn before anything happens")
	flag.StringVar(&o.loss, "loss", "", "only this loss of datagrams: 0, 1, 5 (per cent) or bursts; empty: all that a scenario asks for")
	flag.StringVar(&o.record, "record", "", "`file` for a capture of all that weir hears, of each stage and loss another: FILE.STAGE.LOSS.pcap")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./bench/lab/play [flags] [SCENARIO...]\n\nSCENARIO is a file, the beginning of a name, or a class (H1 to H5); none is all. Needs root.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	o.only = flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), sigterm...)
	defer stop()
	missed, err := run(ctx, o, os.Stdout)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "play:", err)
		os.Exit(2)
	case missed > 0:
		fmt.Fprintf(os.Stderr, "play: %d targets missed\n", missed)
		if o.strict {
			os.Exit(1)
		}
	}
}

// run plays what is asked for, writes what became of it, and returns how many
// targets were missed.
func run(ctx context.Context, o options, w io.Writer) (missed int, err error) {
	groups, all, err := scenario.Load(o.dir, o.only)
	if err != nil {
		return 0, err
	}
	if o.runs <= 0 || o.runs > 1000 {
		return 0, fmt.Errorf("-runs %g: must be above 0 and at most 1000", o.runs)
	}
	if _, ok := scenario.Losses[o.loss]; o.loss != "" && !ok {
		return 0, fmt.Errorf("-loss %s: choose from %s", o.loss, strings.Join(scenario.LossOrder, ", "))
	}
	if o.short {
		all = slices.DeleteFunc(all, func(s scenario.Scenario) bool { return s.Short == 0 })
		for i := range all {
			all[i].Loss = all[i].Loss[:1]
		}
	}
	if o.loss != "" {
		all = slices.DeleteFunc(all, func(s scenario.Scenario) bool { return !slices.Contains(s.Loss, o.loss) })
	}
	if len(all) == 0 {
		return 0, fmt.Errorf("no scenario is left to play")
	}
	if o.list {
		return 0, list(w, all)
	}
	if o.out == "" && !o.short && len(o.only) == 0 && o.loss == "" {
		o.out = filepath.Join("bench", "results")
	}
	r, err := playAll(ctx, o, groups, all)
	if err != nil {
		return 0, err
	}
	r.text(w)
	if r.Interrupted {
		return r.missed(), fmt.Errorf("interrupted: nothing is written")
	}
	if o.out != "" {
		err = r.write(o.out)
	}
	return r.missed(), err
}

func list(w io.Writer, all []scenario.Scenario) error {
	for _, s := range all {
		expect := "nothing"
		if s.Expect != nil {
			expect = s.Expect.Kind + " within " + time.Duration(s.Expect.Within).String()
		}
		if _, err := fmt.Fprintf(w, "%-3s %-28s %4d × %-46s → %s\n", s.Class, s.File, s.Runs, s.Name, expect); err != nil {
			return err
		}
	}
	return nil
}
