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
	"sync"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// playAll raises the nodes that the scenarios need and plays these at each loss.
func playAll(ctx context.Context, o options, groups []scenario.Group, all []scenario.Scenario) (r *results, err error) {
	own := &owner{verbose: o.verbose}
	defer own.close()
	defer func() {
		if text, ok := failed(recover()); ok {
			err = errors.New(text)
		}
	}()
	p := &player{ctx: ctx, owner: own, short: o.short, scale: o.runs, began: time.Now(), groups: map[string][]*place{}, ignored: map[string]int{}}
	p.lab = lab.New(own)
	dir := own.TempDir()
	bin := o.bin
	if bin == "" {
		bin = dir
		for _, c := range []string{"weir", "weir-agent"} {
			if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, c), "weir/cmd/"+c).CombinedOutput(); err != nil {
				return nil, fmt.Errorf("go build: %w\n%s", err, out)
			}
		}
	}
	p.net = &network{lab: p.lab}
	p.net.lose(scenario.Loss{})
	r = &results{Began: p.began, Machine: fmt.Sprintf("%d cores, %s", runtime.NumCPU(), kernel()), scenarios: all}
	for _, g := range groups {
		if !slices.ContainsFunc(all, func(s scenario.Scenario) bool { return s.Group == g.Name || s.Group == "" && p.small(&g) }) {
			continue
		}
		at := time.Now()
		p.groups[g.Name] = raise(p.lab, g, dir, filepath.Join(bin, "weir-agent"))
		r.Nodes += g.Count
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
		now := slices.DeleteFunc(slices.Clone(all), func(s scenario.Scenario) bool { return !slices.Contains(s.Loss, loss) })
		if len(now) == 0 || o.loss != "" && loss != o.loss {
			continue
		}
		r.Phases = append(r.Phases, p.phase(ctx, o, loss, now, bin))
		if ctx.Err() != nil {
			r.Interrupted = true
			break
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range p.played {
		r.Runs = append(r.Runs, x.run)
	}
	r.Strays, r.Ignored = p.strays, p.ignored
	r.Took = scenario.Duration(time.Since(p.began).Round(time.Second))
	r.score()
	return r, nil
}

// small reports whether a group is for scenarios about all nodes: those with
// weir-agent and without guests.
func (p *player) small(g *scenario.Group) bool { return g.Agent && g.Guests == 0 }

// Phase is all that is played at one loss of datagrams.
type Phase struct {
	Loss  string            `json:"loss"`
	Began time.Time         `json:"began"`
	Took  scenario.Duration `json:"took"`
	Load  [2]string         `json:"load"` // of the machine over a minute, before and after
	CPU   scenario.Duration `json:"cpu"`  // of weir
}

// phase plays scenarios at a loss, on a collector that knows nothing yet.
func (p *player) phase(ctx context.Context, o options, loss string, all []scenario.Scenario, bin string) Phase {
	ph := Phase{Loss: loss, Began: time.Now()}
	ph.Load[0] = load()
	p.mu.Lock()
	p.loss, p.uses, p.active, p.byAlert = loss, map[string]int{}, map[string]*act{}, map[string]*act{}
	p.mu.Unlock()
	p.net.lose(scenario.Losses[loss])
	p.weir = &collector{lab: p.lab, binary: filepath.Join(bin, "weir"), dir: p.owner.TempDir(), heard: p.heard}
	p.weir.start()
	fmt.Fprintf(os.Stderr, "%s: weir learns for %s\n", scenario.Losses[loss].Text, o.settle)
	pause(ctx, o.settle)
	lanes := map[string][]scenario.Scenario{}
	for _, s := range all {
		lanes[s.Group] = append(lanes[s.Group], s)
	}
	var wg sync.WaitGroup
	for group, lane := range lanes {
		if group == "" {
			continue
		}
		wg.Go(func() {
			at := time.Now()
			p.lane(ctx, lane)
			fmt.Fprintf(os.Stderr, "%s: %d scenarios on nodes %s took %s\n", scenario.Losses[loss].Text, len(lane), group, time.Since(at).Round(time.Second))
		})
	}
	wg.Wait()
	p.lane(ctx, lanes[""])
	p.weir.stop()
	ph.CPU = scenario.Duration(p.weir.used)
	ph.Took = scenario.Duration(time.Since(ph.Began).Round(time.Second))
	ph.Load[1] = load()
	return ph
}

// pause waits, unless it is interrupted.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + string(b[:max(0, len(b)-1)])
}
