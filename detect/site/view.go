package site

import (
	"cmp"
	"slices"

	"weir/detect"
)

// Health is the state of a thing in one word, for a picture.
type Health string

// Healths, from good to bad. Unseen is neither: nobody could tell.
const (
	HealthGood     Health = "good"
	HealthOff      Health = "off" // stopped, or told of no more, without an alert
	HealthUnseen   Health = "unseen"
	HealthInfo     Health = "info"
	HealthWarning  Health = "warning"
	HealthCritical Health = "critical"
)

// letters are how a string of healths is written, one each.
var letters = map[Health]byte{HealthGood: 'g', HealthOff: 'o', HealthUnseen: 'u', HealthInfo: 'i', HealthWarning: 'w', HealthCritical: 'c'}

// Bounds of what is shown.
const (
	maxBranch  = 2000   // instances, and as many ports, of a branch
	maxFind    = 200    // places a search comes upon
	maxVisited = 250000 // parts that a search looks at
)

// viewer shows the model at one moment.
type viewer struct {
	s      *Site
	worst  map[string]Health // by entity
	within map[*node]Health
}

func (s *Site) viewer() *viewer {
	v := &viewer{s, map[string]Health{}, map[*node]Health{}}
	for _, it := range s.board.All() {
		c := it.Value
		if c.clearing != 0 || c.event || !c.open && it.Parent() == nil {
			continue
		}
		h := healthOf(c.severity)
		v.worst[c.entity] = worse(v.worst[c.entity], h)
		if c.node != nil {
			v.within[c.node] = worse(v.within[c.node], h)
		}
	}
	return v
}

func healthOf(s detect.Severity) Health {
	switch s {
	case detect.Critical:
		return HealthCritical
	case detect.Warning:
		return HealthWarning
	}
	return HealthInfo
}

// worse returns the worse of two, "" being the best.
func worse(a, b Health) Health {
	order := []Health{"", HealthGood, HealthOff, HealthUnseen, HealthInfo, HealthWarning, HealthCritical}
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// part is a bridge with its instances, or what is on none.
type part struct {
	name   string
	bridge *bridge
	guests []*port
	others []*port
}

// parts are the node's bridges by name, then what is on none. An instance with
// several ports is where its first is.
func (n *node) parts() []part {
	var all []part
	seen := map[*instance]bool{}
	take := func(x *part, p *port) {
		switch {
		case !p.instance || p.gone:
			if !p.gone {
				x.others = append(x.others, p)
			}
			return
		case p.inst != nil && seen[p.inst]:
			return
		case p.inst != nil:
			seen[p.inst] = true
		}
		x.guests = append(x.guests, p)
	}
	for _, name := range sortedKeys(n.bridges) {
		x := part{name: name, bridge: n.bridges[name]}
		for _, index := range sortedKeys(x.bridge.ports) {
			if p := x.bridge.ports[index]; !p.local {
				take(&x, p)
			}
		}
		all = append(all, x)
	}
	rest := part{}
	for _, index := range sortedKeys(n.ports) {
		if p := n.ports[index]; p.bridge == nil && !p.local {
			take(&rest, p)
		}
	}
	for _, uuid := range sortedKeys(n.insts) { // without any port that is known
		if i := n.insts[uuid]; !seen[i] && i.node == n && len(i.ports) == 0 {
			rest.guests = append(rest.guests, &port{node: n, inst: i, instance: true, macs: i.macs})
		}
	}
	if len(rest.guests)+len(rest.others) > 0 {
		all = append(all, rest)
	}
	return all
}

func (v *viewer) bridge(b *bridge) Health {
	h := worse(v.worst[b.entity()], v.worst[b.node.entity("vswitch", "")])
	if h == "" && b.gone {
		return HealthOff
	}
	return cmp.Or(h, b.node.unnoticed())
}

// unnoticed is the health of a part of a node of which nothing is wrong that is known:
// of one that is not heard, nobody can tell.
func (n *node) unnoticed() Health {
	if n.silent || !n.heard {
		return HealthUnseen
	}
	return HealthGood
}

// guest is the health of the instance behind a port.
func (v *viewer) guest(p *port) Health {
	h := v.worst[p.instanceEntity()]
	if h != "" && h != HealthInfo {
		return h
	}
	switch {
	case p.inst != nil && p.inst.state != "" && !p.inst.runs():
		return HealthOff
	case len(v.observed(p)) == 0:
		return HealthUnseen
	}
	return cmp.Or(h, HealthGood)
}

// observed is who would notice that the instance behind a port is gone.
func (v *viewer) observed(p *port) []string {
	var by []string
	n := p.node
	if n.agentSpeaks(v.s.now) && (p.said != 0 || p.inst != nil && p.inst.saidAt != 0) {
		by = append(by, "agent")
	}
	polled := p.counted && !p.kept && !p.unknown && p.number != 0 && p.number != n.agentNumber()
	if !n.silent && (polled || p.inst != nil && p.inst.host != nil && !p.inst.host.gone) {
		by = append(by, "counters")
	}
	if p.act.firstAt() != 0 {
		return append(by, "samples")
	}
	for _, m := range p.macs {
		if a := v.s.macs[m]; a != nil && slices.ContainsFunc(a.seen, func(x seen) bool { return !x.recalled }) {
			return append(by, "samples")
		}
	}
	return by
}

// agentNumber is that of the host agent, whose word on ports is no counter; 0
// without one.
func (n *node) agentNumber() uint32 {
	if n.agentOf == nil || n.agentOf.stream == nil {
		return 0
	}
	return n.agentOf.stream.number
}
