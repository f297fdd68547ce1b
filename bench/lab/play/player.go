package main

import (
	"context"
	"slices"
	"sync"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// player plays scenarios on a lab.
type player struct {
	owner  *owner
	lab    *lab.Lab
	weir   *collector
	net    *network
	groups map[string][]*place
	short  bool
	scale  float64
	ctx    context.Context // done when the program is interrupted
	sites  sync.Mutex      // held while a run is about a whole group: its alerts may name no node

	mu      sync.Mutex
	active  map[string]*act // by address of the node; "" all
	byAlert map[string]*act // by the alert's id: whose it was first
	ended   map[string]bool // by the alert's id
	uses    map[string]int
	numbers int
	played  []*act
	strays  []Stray
	ignored map[string]int
	stage   int
	loss    string
}

// Stray is an alert that came when nothing was played on its node.
type Stray struct {
	Stage int            `json:"stage"`
	Loss  string         `json:"loss"`
	Alert scenario.Alert `json:"alert"`
}

// ignored are kinds of alerts that are true of the machine that the lab is on.
var ignored = []string{"host_overloaded"}

// heard takes an alert of weir.
func (p *player) heard(a scenario.Alert) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.owner.Logf("  %s %s %s %s %s %q: %s", a.Arrived.Format("15:04:05.000"), a.Change, a.Kind, a.Severity, a.Subject.Node, a.Subject.Name, a.Evidence.Summary)
	if slices.Contains(ignored, a.Kind) {
		p.ignored[a.Kind]++
		return
	}
	x := p.byAlert[a.ID]
	switch a.Change {
	case "end":
		p.ended[a.ID] = true
	case "start":
		if p.ended[a.ID] { // nobody who has seen that it is over would look at it again
			p.owner.Errorf("%s of %s %q begins under the id of one that has ended, %s", a.Kind, a.Subject.Node, a.Subject.Name, a.ID)
			p.strays = append(p.strays, Stray{p.stage, p.loss, a})
		}
	}
	if x == nil {
		x = p.active[a.Subject.Agent]
	}
	if x == nil {
		x = p.active[""]
	}
	if x == nil {
		if a.Change == "start" {
			p.strays = append(p.strays, Stray{p.stage, p.loss, a})
		}
		return
	}
	p.byAlert[a.ID] = x
	x.run.Alerts = append(x.run.Alerts, a)
	if e := x.scenario.Expect; e != nil && x.run.Hit < 0 && e.Is(&a, x.fill) {
		x.run.Hit = len(x.run.Alerts) - 1
		close(x.hit)
	}
	select {
	case x.changed <- struct{}{}:
	default:
	}
}

// lane plays the scenarios of a group, one after the other.
func (p *player) lane(ctx context.Context, all []scenario.Scenario) {
	for i := range all {
		s := &all[i]
		var wg sync.WaitGroup
		for range p.times(s) {
			if ctx.Err() != nil {
				break
			}
			next := time.Now().Add(time.Duration(s.Every))
			x := p.acquire(ctx, s)
			if x == nil {
				break // no subject is left
			}
			wg.Go(func() {
				if s.Subject == scenario.Site {
					p.sites.Lock()
					defer p.sites.Unlock()
				}
				p.play(x)
			})
			time.Sleep(time.Until(next))
		}
		wg.Wait()
	}
}

// times is how often a scenario is played.
func (p *player) times(s *scenario.Scenario) int {
	switch {
	case p.short:
		return s.Short
	case s.Group == "":
		return s.Times(p.loss)
	}
	return max(1, int(float64(s.Times(p.loss))*p.scale+0.5))
}
