package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

	mu      sync.Mutex
	active  map[string]*act // by address of the node; "" all
	byAlert map[string]*act // by the alert's id: whose it was first
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

// fill replaces {names}.
func (x *act) fill(text string) string {
	for k, v := range x.names {
		text = strings.ReplaceAll(text, "{"+k+"}", v)
	}
	return text
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
			wg.Go(func() { p.play(x) })
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

// acquire waits for a subject of which nothing has happened lately, and returns
// the run to be; nil where there is none left.
func (p *player) acquire(ctx context.Context, s *scenario.Scenario) *act {
	if s.Group == "" {
		return p.prepared(&act{scenario: s})
	}
	for {
		left := false
		now := time.Now()
		for _, pl := range p.byUse(s) {
			x, some := p.subject(s, pl)
			left = left || some
			if x != nil && x.takes(now) {
				return p.prepared(x)
			}
		}
		if !left || ctx.Err() != nil {
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// takes makes a run the one of its node, unless that has another one or has had
// one just now.
func (x *act) takes(now time.Time) bool {
	pl := x.place
	pl.mu.Lock()
	defer pl.mu.Unlock()
	if pl.busy || !now.After(pl.freeAt) {
		return false
	}
	pl.busy, pl.ring = true, x.ring
	return true
}

// rings are the numbers of the instances that runs on other nodes of the group
// are on: those of one number talk to each other, and what happens to both ends
// at once stops their traffic without a question that is not answered.
func (p *player) rings(pl *place) map[int]bool {
	taken := map[int]bool{}
	for _, o := range p.groups[pl.group.Name] {
		o.mu.Lock()
		if o != pl && o.busy && o.ring >= 0 {
			taken[o.ring] = true
		}
		o.mu.Unlock()
	}
	return taken
}

// byUse returns the group's nodes, those first that were played on least lately.
func (p *player) byUse(s *scenario.Scenario) []*place {
	all := slices.Clone(p.groups[s.Group])
	slices.SortStableFunc(all, func(a, b *place) int {
		a.mu.Lock()
		at := a.freeAt
		a.mu.Unlock()
		b.mu.Lock()
		defer b.mu.Unlock()
		return at.Compare(b.freeAt)
	})
	return all
}

// subject returns a run on a subject of the node that may be used now, nil
// without; some is false where none ever may be again.
func (p *player) subject(s *scenario.Scenario, pl *place) (best *act, some bool) {
	var all []*act
	add := func(x act) {
		x.scenario, x.place = s, pl
		if x.instance == nil {
			x.ring = -1
		}
		for _, names := range variants(s.Vars) {
			y := x
			y.names = names
			all = append(all, &y)
		}
	}
	pl.mu.Lock()
	bridges := slices.Clone(pl.bridges)
	pl.mu.Unlock()
	switch s.Subject {
	case "bridge", "uplink":
		for _, b := range bridges {
			if b.uplink == (s.Subject == "uplink") {
				add(act{bridge: b})
			}
		}
	case "instance":
		for _, b := range bridges {
			for k, v := range b.on {
				add(act{bridge: b, instance: v, ring: k})
			}
		}
	case "guest":
		for _, g := range pl.guests {
			add(act{guest: g})
		}
	default:
		x := act{}
		if len(bridges) > 0 {
			x.bridge = bridges[0]
		}
		add(x)
	}
	least, taken := s.Uses, p.rings(pl)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, x := range all {
		x.key = x.id()
		n := p.uses[x.key]
		some = some || n < s.Uses
		if n < least && !taken[x.ring] {
			best, least = x, n
		}
	}
	return best, some
}

// id names what an alert of the run would be about.
func (x *act) id() string {
	kind := x.scenario.Name
	if x.scenario.Expect != nil {
		kind = x.scenario.Expect.Kind + " " + x.scenario.Expect.Type
	}
	id := kind + " " + x.place.name
	if x.scenario.Subject == "bridge" || x.scenario.Subject == "uplink" {
		id += " " + x.bridge.name
	}
	if x.instance != nil {
		id += " " + x.instance.Name
	}
	if x.guest != nil {
		id += " " + x.guest.Name
	}
	for _, k := range slices.Sorted(keys(x.names)) {
		id += " " + k + "=" + x.names[k]
	}
	return id
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// variants are all choices of one value for each name.
func variants(vars map[string][]string) []map[string]string {
	all := []map[string]string{{}}
	for name, values := range vars {
		var next []map[string]string
		for _, m := range all {
			for _, v := range values {
				n := map[string]string{name: v}
				for k, v := range m {
					n[k] = v
				}
				next = append(next, n)
			}
		}
		all = next
	}
	return all
}

// prepared gives a run its names.
func (p *player) prepared(x *act) *act {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.numbers++
	p.uses[x.key]++
	if x.names == nil {
		x.names = map[string]string{}
	}
	x.names["n"] = strconv.Itoa(p.numbers)
	x.run = scenario.Run{Scenario: x.scenario.Name, Loss: p.loss, Hit: -1}
	x.hit, x.changed = make(chan struct{}), make(chan struct{}, 1)
	if x.place != nil {
		x.run.Node = x.place.name
		x.names["node"], x.names["addr"], x.names["ns"] = x.place.name, x.place.Addr, x.place.NS
	}
	if x.bridge != nil {
		x.names["bridge"] = x.bridge.name
		var taps []string
		for _, v := range x.bridge.on {
			taps = append(taps, v.Tap)
		}
		x.names["taps"] = strings.Join(taps, " ")
		if x.scenario.Subject == "bridge" || x.scenario.Subject == "uplink" {
			x.run.Subject = x.bridge.name
		}
	}
	if x.instance != nil {
		x.names["tap"], x.names["instance"], x.names["uuid"] = x.instance.Tap, x.instance.Name, x.instance.UUID()
		x.run.Subject = x.instance.Name
	}
	if x.guest != nil {
		x.names["guest"], x.names["uuid"], x.names["tap"], x.names["nova"] = x.guest.Name, x.guest.UUID, x.guest.Tap, x.guest.NovaName
		x.run.Subject = x.guest.NovaName
	}
	return x
}

// lingers is how long a run waits for its alerts to end.
const lingers = 12 * time.Second

// play plays a run and keeps it.
func (p *player) play(x *act) {
	addr := ""
	if x.place != nil {
		addr = x.place.Addr
	}
	p.mu.Lock()
	p.active[addr] = x
	p.mu.Unlock()
	why := p.acts(x)
	p.mu.Lock()
	delete(p.active, addr)
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

// steps does one step after the other.
func (p *player) steps(x *act, all []scenario.Step) {
	for i := range all {
		p.step(x, &all[i])
	}
}

func (p *player) step(x *act, s *scenario.Step) {
	switch {
	case s.Sh != "":
		ns, env := p.lab.Collector, []string(nil)
		if x.place != nil {
			ns, env = x.place.NS, x.place.Env()
		}
		switch {
		case s.On == "instance" && x.instance != nil:
			ns = x.instance.NS
		case s.On == "others" && x.place != nil:
			p.others(x, x.fill(s.Sh))
			return
		}
		for i := range max(s.Repeat, 1) {
			if i > 0 && p.ctx.Err() != nil {
				return
			}
			command := strings.ReplaceAll(x.fill(s.Sh), "{i}", strconv.Itoa(i))
			if err := p.lab.Run(ns, env, command); err != nil && !s.Ignored {
				p.lab.Fatal(err)
			}
		}
	case s.Agent != "":
		x.place.doAgent(s.Agent)
	case s.Switch != "":
		x.place.doSwitch(s.Switch, x.bridge)
	case s.Guest != "":
		x.place.doGuest(s.Guest, x.guest)
	case s.Path != "":
		p.path(x, s.Path)
	case s.Weir == "restart":
		p.weir.restart()
	case s.Wait > 0:
		time.Sleep(time.Duration(s.Wait))
	default:
		p.lab.Fatal(fmt.Sprintf("a step that does nothing: %+v", *s))
	}
}

// others runs a command in every other instance of the group.
func (p *player) others(x *act, command string) {
	for _, pl := range p.groups[x.place.group.Name] {
		for _, b := range pl.bridges {
			for _, v := range b.on {
				if v == x.instance {
					continue
				}
				if err := p.lab.Run(v.NS, nil, command); err != nil {
					p.lab.Fatal(err)
				}
			}
		}
	}
}

func (p *player) path(x *act, what string) {
	switch what {
	case "block", "open":
		p.net.path(x.place.Addr, what == "block")
	case "cut":
		x.place.Cables("down")
	case "join":
		x.place.Cables("up")
	case "deaf", "hear":
		p.net.deaf(what == "deaf")
	default:
		p.lab.Fatal("path: " + what + ": choose from block, open, cut, join, deaf, hear")
	}
}
