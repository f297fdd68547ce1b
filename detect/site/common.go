package site

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"weir/detect"
	"weir/detect/site/incident"
)

// What many instances have in common and what is no part of any one node: a VLAN, a
// virtual network, a router. Such a thing is the cause where nothing comes any more
// to those who hang on it, though they ask, while what else comes to their nodes
// goes on coming. One of them that is still reached vetoes it; who was stopped or
// deleted counts for nothing.

// Bounds of the statistics.
const (
	commonEvery  = second
	commonEnough = decided + 3.5 // nats: and it is looked for all the time
	besideShare  = 0.6           // of those beside who are to be heard of so many must be
	askingEnough = 5             // of many who ask in vain: who went idle does not
	memberMost   = 4.0           // nats at most of one member: it may have gone idle
	spreads      = 2 * second    // for so long a cause may take from the first member to the last
)

// loss is what is known of the silence of all that hang on one thing.
type loss struct {
	at     int64   // the last of them was reached
	lost   []*port // those of whom something was to be expected since
	asking int     // of them
	all    int     // members that should be reachable
	nats   float64
	rate   float64 // samples a second of all of them, over their spread
}

// quiet reports whether nothing has come to any of the members for longer than a
// second and than is usual of all of them together: it is not yet known whether they
// are lost.
func (l *loss) quiet(now int64) bool {
	return now-l.at > second && l.rate*float64(now-l.at)/1e9 >= 5
}

// rhythmOf is how often something comes to a port by the way that is looked at, and
// when it came last.
type rhythmOf func(p *port) (*rhythm, int64)

func fromAfar(p *port) (*rhythm, int64) { return &p.ways.far, p.ways.farAt() }

// lossOf weighs that nothing has come to any of the members for a while. Until is
// when one of them was last reached in another way, 0 unknown.
func (s *Site) lossOf(members []*port, way rhythmOf, asks func(p *port, t int64) bool, until int64) (l loss) {
	l.at = until
	for _, p := range members {
		_, last := way(p)
		l.at = max(l.at, last)
	}
	for _, p := range members {
		l.all++
		r, last := way(p)
		l.rate += r.expects(1e9)
		if last == 0 || !r.regular(last, max(last, l.at-spreads)) {
			continue
		}
		e := r.expects(s.seenFor(p, l.at))
		if e < 0.2 {
			continue
		}
		l.lost = append(l.lost, p)
		l.nats += min(e/2, memberMost)
		if asks(p, l.at) {
			l.asking++
		}
	}
	return l
}

// seenFor is for how long after a time samples of the port's instance would have
// shown something.
func (s *Site) seenFor(p *port, since int64) int64 {
	return min(s.quietFor(since), s.looked(p)-since) - settle
}

// enough reports whether the loss is one: of most of at least so many, of whom some
// ask in vain.
func (l *loss) enough(least int) bool {
	n := len(l.lost)
	return n >= least && l.nats >= commonEnough && 2*n >= l.all && l.asking >= max(min(n/4, askingEnough), least)
}

// join adds another part of the same.
func (l *loss) join(o *loss) {
	l.at = max(l.at, o.at)
	l.lost, l.asking, l.all, l.nats = append(l.lost, o.lost...), l.asking+o.asking, l.all+o.all, l.nats+o.nats
}

// besides is what is known of others on the same nodes since a loss.
type besides struct {
	known int     // of whom something is to be expected in time
	want  float64 // of them were to be heard of since
	well  int     // were
}

// beside looks at those on the nodes of a loss that of names.
func (s *Site) beside(l *loss, of func(p *port) bool, way rhythmOf) (b besides) {
	nodes := nodesOf(l.lost)
	for _, p := range s.travelers {
		if !slices.Contains(nodes, p.node) || !of(p) {
			continue
		}
		r, last := way(p)
		regular := last != 0 && r.regular(min(last, l.at), l.at)
		if last > l.at+second/2 {
			b.well++
		}
		if regular {
			b.known++
			b.want += 1 - math.Exp(-r.expects(s.seenFor(p, l.at)))
		}
	}
	return b
}

// living reports whether the others are as well as ever.
func (b *besides) living() bool {
	return b.want >= 1 && b.well >= 2 && float64(b.well) >= besideShare*b.want
}

// nodesOf are the nodes of ports, in the order of their keys.
func nodesOf(all []*port) (nodes []*node) {
	for _, p := range all {
		if i, ok := slices.BinarySearchFunc(nodes, p.node.key, func(n *node, k string) int { return cmp.Compare(n.key, k) }); !ok {
			nodes = slices.Insert(nodes, i, p.node)
		}
	}
	return nodes
}

// judgeCommon looks, once a second, for causes that instances have in common.
func (s *Site) judgeCommon() {
	if s.now-s.commonAt < commonEvery && s.now >= s.commonAt {
		return
	}
	s.commonAt = s.now
	quiet := 0
	s.travelers = slices.DeleteFunc(s.travelers, func(p *port) bool {
		if p.node.ports[p.index] != p {
			return true
		}
		if w := &p.ways; w.far.expects(s.now-w.farAt()) > 0.5 || w.in.expects(s.now-w.inAt) > 0.5 {
			quiet++
		}
		return false
	})
	s.takeUp()
	if quiet < siblingsLeast && len(s.common) == 0 {
		return
	}
	s.judgeRouters()
	s.judgeSegments()
}

// commonLoss is a finding about something that instances have in common.
type commonLoss struct {
	entity string
	way    rhythmOf
	ports  []*port
	since  int64
}

// suffer raises f, and what the members of a loss suffer from it under it.
func (s *Site) suffer(f *finding, way rhythmOf, l *loss, what string) {
	own := f.subjectNode(s)
	s.raise(own, f)
	for _, n := range nodesOf(l.lost) {
		if n != own {
			n.noteSince(f.good, max(f.onset, s.now), f.entity, string(f.kind)+": "+f.subject.Name+": "+f.summary, "", "", f.witness)
		}
	}
	s.common = append(s.common, &commonLoss{f.entity, way, l.lost, s.now})
	for _, p := range l.lost {
		above := s.instanceAbove(p)
		if !slices.Contains(above, f.entity) {
			above = append(above, f.entity)
		}
		s.raise(p.node, &finding{
			kind: InstanceUnreachable, entity: p.instanceEntity(), subject: p.instanceSubject(), severity: detect.Warning, onset: l.at, good: l.at,
			witness: Passive, sure: f.sure, above: above, wait: 10 * second, hold: second, summary: what, facts: f.facts,
		})
	}
}

// subjectNode is the node that a finding about something in common is about, nil
// where it is about no one.
func (f *finding) subjectNode(s *Site) *node {
	if f.subject.Agent.IsValid() {
		return s.nodes[f.subject.Agent.String()]
	}
	return nil
}

// recovers ends what is over: half of those that were lost and are still there are
// reached again.
func (s *Site) recovers() {
	s.common = slices.DeleteFunc(s.common, func(x *commonLoss) bool {
		c := s.active(InstanceUnreachable, x.entity)
		if c == nil {
			s.release(x)
			return true
		}
		if c.clearing != 0 {
			return false
		}
		there, back := 0, 0
		for _, p := range x.ports {
			if !s.tells(p) {
				continue
			}
			there++
			if _, last := x.way(p); last > max(c.onset, x.since)+second/2 {
				back++
			}
		}
		if 2*back >= there {
			s.clear(InstanceUnreachable, x.entity, "")
			s.release(x)
		}
		return false
	})
}

// How long after a restart it takes until it is known who hangs on what was lost
// before, and when that is given up.
const (
	takeUpAfter = 60 * second
	takeUpMost  = 600 * second
)

// takeUp finds those again that hang on what was lost before a restart.
func (s *Site) takeUp() {
	if len(s.restored) == 0 || s.now-s.started < takeUpAfter {
		return
	}
	s.restored = slices.DeleteFunc(s.restored, func(entity string) bool {
		c := s.active(InstanceUnreachable, entity)
		if c == nil {
			return true
		}
		x := &commonLoss{entity, fromAfar, nil, s.now}
		if strings.HasPrefix(entity, "router/") {
			x.way = routed
		}
		for _, p := range s.travelers {
			if slices.Contains(s.instanceAbove(p), entity) {
				x.ports = append(x.ports, p)
			}
		}
		switch {
		case len(x.ports) > 0:
			s.common = append(s.common, x)
		case s.now-s.started < takeUpMost:
			return false
		default:
			s.over(c, "nothing is known of it since weir was started anew")
		}
		return true
	})
}

// release takes back what suffer has raised of the members.
func (s *Site) release(x *commonLoss) {
	for _, p := range x.ports {
		s.clear(InstanceUnreachable, p.instanceEntity(), "")
		s.unsay(InstanceUnreachable, p.instanceEntity(), "")
	}
}

// explained reports whether a port is among those that an open finding about
// something in common tells of.
func (s *Site) explained(p *port) bool {
	for _, x := range s.common {
		if slices.Contains(x.ports, p) {
			return true
		}
	}
	return false
}

// facts are what a loss rests on.
func (l *loss) facts(b besides) []Noted {
	f := []Noted{{
		At: at(l.at), LastGood: at(l.at), Group: "traffic", Weight: round3(min(l.nats, 99)),
		What: fmt.Sprintf("nothing comes to any of %d of %d instances any more, and %d of them ask in vain", len(l.lost), l.all, l.asking),
	}}
	if b.well > 0 {
		f = append(f, Noted{At: at(l.at), Group: "beside", What: fmt.Sprintf("of others on the same nodes %d were reached since, of %.0f to be expected", b.well, max(b.want, 1))})
	}
	return f
}

// commonCause reports whether an effect is told under something that instances have
// in common, which is no part of their node.
func commonCause(it *incident.Item[*condition]) bool { return it != nil && isCommon(it.Entity) }

// isCommon reports whether an entity is something that instances have in common.
func isCommon(entity string) bool {
	for _, p := range [...]string{"vlan/", "network/", "router/", "behind/"} {
		if strings.HasPrefix(entity, p) {
			return true
		}
	}
	return false
}

// commonWait is how long several instances of a node wait for what they have in
// common with others elsewhere to be found lost.
const commonWait = 8 * second

// shared are the things beyond their node that conditions of instances have in
// common, as they could be their cause.
func shared(all []*condition) (common []string) {
	for i, c := range all {
		var mine []string
		for _, e := range c.above {
			if isCommon(e) {
				mine = append(mine, e)
			}
		}
		if i == 0 {
			common = mine
			continue
		}
		common = slices.DeleteFunc(common, func(e string) bool { return !slices.Contains(mine, e) })
	}
	return common
}
