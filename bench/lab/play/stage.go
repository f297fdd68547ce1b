package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// playAll plays the scenarios stage by stage: what is raised at one time shares
// the machine, and a delay should not be that of other nodes' work.
func playAll(ctx context.Context, o options, groups []scenario.Group, all []scenario.Scenario) (*results, error) {
	r := &results{Began: time.Now(), Machine: fmt.Sprintf("%d cores, %s", runtime.NumCPU(), kernel()), Ignored: map[string]int{}, scenarios: all}
	own := &owner{verbose: o.verbose}
	defer own.close()
	bin := o.bin
	if bin == "" {
		bin = own.TempDir()
		for _, c := range []string{"weir", "weir-agent"} {
			if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(bin, c), "weir/cmd/"+c).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("go build: %w\n%s", err, out)
			}
		}
	}
	if o.short { // the fewer seconds count, and how fast is not asked
		groups = slices.Clone(groups)
		for i := range groups {
			groups[i].Stage = 0
		}
	}
	groups, all = r.leaveOut(groups, all)
	for _, st := range stages(groups, all) {
		if err := st.play(ctx, o, bin, r); err != nil {
			return nil, err
		}
		if r.Interrupted = ctx.Err() != nil; r.Interrupted {
			break
		}
	}
	r.Took = scenario.Duration(time.Since(r.Began).Round(time.Second))
	r.score()
	return r, nil
}

// leaveOut takes out the groups whose program is not here, with what is played on
// them, and notes what that was: it is missed, not passed.
func (r *results) leaveOut(groups []scenario.Group, all []scenario.Scenario) ([]scenario.Group, []scenario.Scenario) {
	if lab.HasHSFlowd() {
		return groups, all
	}
	absent := map[string]bool{}
	groups = slices.DeleteFunc(slices.Clone(groups), func(g scenario.Group) bool {
		absent[g.Name] = g.HSFlowd != ""
		return g.HSFlowd != ""
	})
	all = slices.DeleteFunc(slices.Clone(all), func(s scenario.Scenario) bool {
		if absent[s.Group] {
			c := scenario.NewScore(&s, s.Loss[0], nil)
			c.Missed = []string{"not played: no " + lab.HSFlowd}
			r.Absent = append(r.Absent, c)
		}
		return absent[s.Group]
	})
	if len(r.Absent) > 0 {
		fmt.Fprintf(os.Stderr, "NOT PLAYED: %d scenarios need %s, which is not in PATH\n", len(r.Absent), lab.HSFlowd)
	}
	r.scenarios = all
	return groups, all
}

// stage is what is raised and played together.
type stage struct {
	number    int
	groups    []scenario.Group
	scenarios []scenario.Scenario
}

// stages puts groups on which something is played, and what is, in the order of
// their stages. What is played on all nodes at once is played in the last, on
// those of its groups that have weir-agent and no guests.
func stages(groups []scenario.Group, all []scenario.Scenario) (found []*stage) {
	at := func(number int) *stage {
		i, ok := slices.BinarySearchFunc(found, number, func(st *stage, n int) int { return st.number - n })
		if !ok {
			found = slices.Insert(found, i, &stage{number: number})
		}
		return found[i]
	}
	everywhere := slices.ContainsFunc(all, func(s scenario.Scenario) bool { return s.Group == "" })
	last := 0
	for _, g := range groups {
		last = max(last, g.Stage)
	}
	for _, g := range groups {
		mine := slices.DeleteFunc(slices.Clone(all), func(s scenario.Scenario) bool { return s.Group != g.Name })
		if len(mine) == 0 && !(everywhere && g.Stage == last && g.Agent && g.Guests == 0) {
			continue
		}
		st := at(g.Stage)
		st.groups = append(st.groups, g)
		st.scenarios = append(st.scenarios, mine...)
	}
	if everywhere {
		st := at(last)
		st.scenarios = append(st.scenarios, slices.DeleteFunc(slices.Clone(all), func(s scenario.Scenario) bool { return s.Group != "" })...)
	}
	return found
}

// play raises the stage's nodes, plays its scenarios at each loss, and adds what
// became of them to r.
func (st *stage) play(ctx context.Context, o options, bin string, r *results) (err error) {
	own := &owner{verbose: o.verbose}
	defer own.close()
	defer func() {
		if text, ok := failed(recover()); ok {
			err = errors.New(text)
		}
	}()
	p := &player{ctx: ctx, owner: own, stage: st.number, short: o.short, scale: o.runs, groups: map[string][]*place{}, ignored: r.Ignored}
	p.lab = lab.New(own)
	p.net = &network{lab: p.lab}
	p.net.lose(scenario.Loss{})
	dir, nodes := own.TempDir(), 0
	for _, g := range st.groups {
		at := time.Now()
		p.groups[g.Name] = raise(p.lab, g, dir, filepath.Join(bin, "weir-agent"))
		nodes += g.Count
		fmt.Fprintf(os.Stderr, "%d nodes %s raised in %s\n", g.Count, g.Name, time.Since(at).Round(100*time.Millisecond))
	}
	for _, places := range p.groups {
		for _, pl := range places {
			if pl.hyper != nil {
				pl.hyper.AwaitUp(pl.guests...)
			}
		}
	}
	for _, loss := range scenario.LossOrder {
		now := slices.DeleteFunc(slices.Clone(st.scenarios), func(s scenario.Scenario) bool { return !slices.Contains(s.Loss, loss) })
		if len(now) == 0 || o.loss != "" && loss != o.loss || ctx.Err() != nil {
			continue
		}
		ph := p.phase(ctx, o, loss, now, bin)
		ph.Stage, ph.Nodes = st.number, nodes
		r.Phases = append(r.Phases, ph)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.played {
		r.Runs = append(r.Runs, x.run)
	}
	r.Strays = append(r.Strays, p.strays...)
	r.Nodes += nodes
	return nil
}
