package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/bench/lab/scenario"
)

// acquire waits for a subject of which nothing has happened lately, and returns
// the run to be; nil where there is none left.
func (p *player) acquire(ctx context.Context, s *scenario.Scenario) *act {
	if s.Group == "" {
		return p.prepared(&act{scenario: s})
	}
	for {
		left := false
		now := time.Now()
		places := p.byUse(s)
		if s.Subject == scenario.Site {
			places = p.groups[s.Group][:1]
		}
		for _, pl := range places {
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
	for _, k := range slices.Sorted(maps.Keys(x.names)) {
		id += " " + k + "=" + x.names[k]
	}
	return id
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
		x.names["rules"] = x.place.rules
	}
	if x.place != nil && x.place.rack.leaf != nil {
		x.names["cables"], x.names["leaf"] = x.place.rack.leaf.Ports(), x.place.rack.leaf.Addr
	}
	if x.place != nil && x.place.group.Tunnels > 0 {
		var all []string
		for _, o := range p.groups[x.place.group.Name] {
			all = append(all, filepath.Join(o.RunDir(), "br-tun.mgmt"))
		}
		x.names["tunnels"] = strings.Join(all, " ")
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
		x.names["chain"] = x.instance.Chain()
		x.run.Subject = x.instance.Name
	}
	if x.guest != nil {
		x.names["guest"], x.names["uuid"], x.names["tap"], x.names["nova"] = x.guest.Name, x.guest.UUID, x.guest.Tap, x.guest.NovaName
		x.run.Subject = x.guest.NovaName
	}
	return x
}
