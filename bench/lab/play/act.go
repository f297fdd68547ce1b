package main

import (
	"strings"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// act is a run that is being played.
type act struct {
	scenario *scenario.Scenario
	place    *place // nil: all nodes
	bridge   *bridge
	instance *lab.Instance
	ring     int // the instance's number on its bridge; -1 none
	guest    *lab.Guest
	names    map[string]string
	key      string
	run      scenario.Run
	hit      chan struct{} // closed when the expected alert has come
	changed  chan struct{}
}

// fill replaces {names}.
func (x *act) fill(text string) string {
	for k, v := range x.names {
		text = strings.ReplaceAll(text, "{"+k+"}", v)
	}
	return text
}

// lingers is how long a run waits for its alerts to end.
const lingers = 12 * time.Second

// play plays a run and keeps it.
func (p *player) play(x *act) {
	p.mu.Lock()
	for _, addr := range p.addrs(x) {
		p.active[addr] = x
	}
	p.mu.Unlock()
	why := p.acts(x)
	p.mu.Lock()
	for _, addr := range p.addrs(x) {
		delete(p.active, addr)
	}
	x.run.Failed = why
	p.played = append(p.played, x)
	p.mu.Unlock()
	if why != "" {
		p.owner.Errorf("%s on %s: %s", x.scenario.Name, x.run.Node, why)
	}
	if x.place != nil {
		x.place.mu.Lock()
		x.place.busy, x.place.freeAt = false, time.Now()
		x.place.mu.Unlock()
	}
}

// acts does the deeds of a run; it returns why it could not.
func (p *player) acts(x *act) (why string) {
	defer func() {
		if text, ok := failed(recover()); ok {
			why = text
		}
	}()
	s := x.scenario
	p.steps(x, s.Prepare)
	p.mu.Lock()
	x.run.Began = time.Now()
	p.mu.Unlock()
	p.owner.Logf("%s %s on %s %s", time.Now().Format("15:04:05.000"), s.Name, x.run.Node, x.run.Subject)
	p.steps(x, s.Event)
	x.run.Done = time.Now()
	if s.Expect == nil {
		time.Sleep(time.Duration(s.For))
	} else {
		select {
		case <-x.hit:
			time.Sleep(max(time.Duration(s.Expect.Stays), 300*time.Millisecond))
		case <-time.After(time.Duration(s.Expect.Patience)):
		}
	}
	x.run.Undone = time.Now()
	p.steps(x, s.Undo)
	for end := time.After(lingers); !s.Quick && p.open(x); {
		select {
		case <-x.changed:
			continue
		case <-end:
		}
		break
	}
	time.Sleep(time.Duration(s.Rest))
	return ""
}

// open reports whether an alert of the run is open.
func (p *player) open(x *act) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	is := map[string]bool{}
	for i := range x.run.Alerts {
		is[x.run.Alerts[i].ID] = x.run.Alerts[i].Change != "end"
	}
	for _, open := range is {
		if open {
			return true
		}
	}
	return false
}

// addrs are the addresses whose alerts are the run's; "" are those of no agent.
func (p *player) addrs(x *act) []string {
	switch {
	case x.place == nil:
		return []string{""}
	case x.scenario.Subject != scenario.Site:
		return []string{x.place.Addr}
	}
	all := []string{""}
	for _, o := range p.groups[x.scenario.Group] {
		all = append(all, o.Addr)
	}
	return append(all, x.place.rack.addrs()...)
}
