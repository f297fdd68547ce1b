package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"weir/bench/lab/scenario"
)

// Phase is all that is played in one stage at one loss of datagrams.
type Phase struct {
	Stage  int               `json:"stage"`
	Groups []string          `json:"groups"` // whose scenarios are played; "" are those of all nodes
	Nodes  int               `json:"nodes"`
	Loss   string            `json:"loss"`
	Began  time.Time         `json:"began"`
	Took   scenario.Duration `json:"took"`
	Load   [2]string         `json:"load"` // of the machine over a minute, before and after
	CPU    scenario.Duration `json:"cpu"`  // of weir
}

// phase plays scenarios at a loss, on a collector that knows nothing yet.
func (p *player) phase(ctx context.Context, o options, loss string, all []scenario.Scenario, bin string) Phase {
	ph := Phase{Loss: loss, Began: time.Now()}
	ph.Load[0] = load()
	p.mu.Lock()
	p.loss, p.uses, p.active, p.byAlert, p.ended = loss, map[string]int{}, map[string]*act{}, map[string]*act{}, map[string]bool{}
	p.mu.Unlock()
	p.net.lose(scenario.Losses[loss])
	p.weir = &collector{lab: p.lab, binary: filepath.Join(bin, "weir"), dir: p.owner.TempDir(), heard: p.heard}
	p.weir.start()
	if o.record != "" {
		t := p.lab.Start(p.lab.Collector, nil, "tcpdump", "-Z", "root", "-Uni", "br-mgmt", "-w", fmt.Sprintf("%s.%d.%s.pcap", o.record, p.stage, loss), "udp", "dst", "port", "6343")
		defer t.Stop()
	}
	fmt.Fprintf(os.Stderr, "stage %d, %s: weir learns for %s\n", p.stage, scenario.Losses[loss].Text, o.settle)
	pause(ctx, o.settle)
	lanes := map[string][]scenario.Scenario{}
	for _, s := range all {
		lanes[s.Group] = append(lanes[s.Group], s)
	}
	var wg sync.WaitGroup
	for group, lane := range lanes {
		ph.Groups = append(ph.Groups, group)
		if group == "" {
			continue
		}
		wg.Go(func() {
			at := time.Now()
			p.lane(ctx, lane)
			fmt.Fprintf(os.Stderr, "%s: %d scenarios on nodes %s took %s\n", scenario.Losses[loss].Text, len(lane), group, time.Since(at).Round(time.Second))
		})
	}
	slices.Sort(ph.Groups)
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
