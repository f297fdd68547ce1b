package site

import (
	"cmp"
	"slices"

	"weir/detect"
	"weir/detect/site/fact"
)

// ways is by which ways an instance's port is reached, as samples tell.
type ways struct {
	known  bool    // it is among Site.travelers
	next   *router // what it reaches other networks by; nil unknown
	in     rhythm  // samples that come from there
	inAt   int64
	outAt  int64  // last sent there
	afar   rhythm // unicast from other nodes, the router's apart
	afarAt int64
	far    rhythm // both
	askAt  int64  // last sent something that asks for an answer
}

// farAt is when something last came to the port from beyond its node.
func (w *ways) farAt() int64 { return max(w.inAt, w.afarAt) }

// portWays takes by which ways unicast came to and left an instance's port.
func (s *Site) portWays(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	if p == nil || infrastructure(p.name) {
		return
	}
	w := &p.ways
	if !w.known {
		w.known = true
		s.travelers = append(s.travelers, p)
	}
	out, in := uint32(f.B>>32), uint32(f.B)
	more := fact.UnpackPortAfar(f.C)
	if r := s.router(f.A); r != w.next && r != nil {
		if w.next != nil {
			w.next.clients = slices.DeleteFunc(w.next.clients, func(o *port) bool { return o == p })
		}
		if len(r.clients) < maxClients {
			r.clients = append(r.clients, p)
		}
		w.next, w.in, w.inAt, w.outAt = r, rhythm{}, 0, 0
	}
	if in > 0 {
		w.in.add(f.At, float64(in))
		w.inAt = f.At
	}
	if more.Afar > 0 {
		w.afar.add(f.At, float64(more.Afar))
		w.afarAt = f.At
	}
	if in+more.Afar > 0 {
		w.far.add(f.At, float64(in+more.Afar))
	}
	if out > 0 {
		w.outAt = f.At
	}
	if more.Asks > 0 {
		w.askAt = f.At
	}
}

// expects is how many samples of a rhythm are to be expected in d ns, over their
// spread.
func (r *rhythm) expects(d int64) float64 { return r.rate * float64(max(d, 0)) / 1e9 / r.usualSpread() }

// regular reports whether a rhythm that was heard last at a time was still going on
// at t, and has been for long enough to be one.
func (r *rhythm) regular(last, t int64) bool {
	return r.rate > 0 && last-r.firstAt >= rhythmKnown && r.expects(t-last) < 5
}

// rhythmKnown is how long a rhythm must have been followed.
const rhythmKnown = 20 * second

// tells reports whether the port's instance could be missed: it should be
// reachable, and nothing nearer than what it has in common with others explains
// that it is not.
func (s *Site) tells(p *port) bool {
	n := p.node
	switch {
	case p.gone || p.kept || n.ports[p.index] != p || n.silent || !n.heard:
		return false
	case p.inst != nil && (!p.inst.runs() || p.inst.state == "paused"):
		return false
	case p.counted && !p.up() && !p.unknown:
		return false // its own port is down
	case p.act.movedAt != 0 && s.now-p.act.movedAt < 60*second:
		return false
	}
	if b := p.bridge; b != nil {
		if c := s.active(BridgeDown, b.entity()); c != nil && c.severity == detect.Critical {
			return false
		}
	}
	return true
}

// asks reports whether the port's instance has asked for an answer since t: by
// samples, or by counters that tell that it sends and is sent nothing.
func (s *Site) asks(p *port, t int64) bool {
	if p.ways.askAt > t+settle || p.ways.outAt > t+settle && p.ways.askAt > t {
		return true
	}
	if s.flatSince(p, t) {
		return true
	}
	c := s.active(InstanceUnreachable, p.instanceEntity())
	return c != nil && c.clearing == 0
}

// flatSince reports whether counters tell since about t that the port's instance
// sends and is sent nothing.
func (s *Site) flatSince(p *port, t int64) bool {
	f := &p.flat[1]
	return f.since > t-2*s.pollOf(p) && f.nats >= enough
}

// looked is until when samples of where the port's are taken have come.
func (s *Site) looked(p *port) int64 {
	last := s.sampled(p)
	return min(s.now, last+int64(1e9))
}

// segment is a VLAN or a virtual network.
type segment struct {
	virtual bool
	id      uint32
	name    string // of a network of which no number is known
}

// known reports whether it is one.
func (g segment) known() bool { return g != segment{} }

// label is how people call it.
func (g segment) label() string {
	switch {
	case g.name != "":
		return "network " + g.name
	case g.virtual:
		return "VNI " + itoa(uint64(g.id))
	}
	return "VLAN " + itoa(uint64(g.id))
}

// entity names the segment, or a part of it: within a switch or a node.
func (g segment) entity(within *node) string {
	e := "vlan/" + itoa(uint64(g.id))
	switch {
	case g.name != "":
		e = "network/" + g.name
	case g.virtual:
		e = "network/vni-" + itoa(uint64(g.id))
	}
	if within != nil {
		e += "/" + within.key
	}
	return e
}

func (g segment) compare(o segment) int {
	return cmp.Or(cmp.Compare(g.name, o.name), cmp.Compare(g.id, o.id), cmp.Compare(g.number(), o.number()))
}

func (g segment) number() int {
	if g.virtual {
		return 1
	}
	return 0
}

// segmentFlips is how often an address may be seen in another segment than before
// until it is taken to be in none.
const segmentFlips = 6

// carried notes in which segment an address sends.
func (s *Site) carried(f *fact.Fact) {
	a := s.macs[f.A]
	if a == nil {
		return
	}
	g := fact.UnpackSegment(f.B)
	if g.ID == 0 {
		return
	}
	id, flips := &a.vlan, &a.vlanFlips
	if g.Virtual {
		id, flips = &a.vni, &a.vniFlips
	}
	if *id != 0 && *id != g.ID && *flips < 255 {
		*flips++
	}
	*id = g.ID
}

// segment is what the port is in: as the host agent says, else the VLAN or virtual
// network that samples of its addresses show, else the network that its bridge is
// named after.
func (s *Site) segment(p *port) segment {
	if p.network.known() {
		return p.network
	}
	for _, m := range p.macs {
		a := s.macs[m]
		switch {
		case a == nil || a.many:
		case a.vlan != 0 && a.vlanFlips < segmentFlips:
			return segment{id: a.vlan}
		case a.vni != 0 && a.vniFlips < segmentFlips:
			return segment{virtual: true, id: a.vni}
		}
	}
	if b := p.bridge; b != nil && b.linux && len(b.name) == 14 && b.name[:3] == "brq" {
		return segment{name: b.name[3:]}
	}
	return segment{}
}

// commonAbove are what the instance behind a port has in common with others and
// what could be the cause of what happens to it.
func (s *Site) commonAbove(p *port) (all []string) {
	if r := p.ways.next; r != nil {
		all = append(all, r.entity())
	}
	if g := s.segment(p); g.known() {
		all = append(all, g.entity(p.node))
		if q := p.node.switchPort; q != nil {
			all = append(all, g.entity(q.node))
		}
		all = append(all, g.entity(nil))
	}
	if q := p.node.switchPort; q != nil {
		all = append(all, q.node.behind())
	}
	return all
}
