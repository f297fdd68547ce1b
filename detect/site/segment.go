package site

import (
	"cmp"
	"fmt"
	"slices"

	"weir/detect"
)

// lostSegment is a segment, or what of it is at one switch or on one node.
type lostSegment struct {
	segment segment
	within  *node
	members []*port
	loss    loss
}

// judgeSegments looks for VLANs and virtual networks through which nothing comes
// any more.
func (s *Site) judgeSegments() {
	defer s.recovers()
	by := map[segment][]*port{}
	var order []segment
	for _, p := range s.travelers {
		g := s.segment(p)
		if !g.known() || !s.tells(p) || s.explained(p) {
			continue
		}
		if by[g] == nil {
			order = append(order, g)
		}
		by[g] = append(by[g], p)
	}
	slices.SortFunc(order, segment.compare)
	var found []lostSegment
	for _, g := range order {
		if x, ok := s.lostPart(g, by[g]); ok {
			found = append(found, x)
		}
	}
	behind := map[*node][]*lostSegment{}
	for i := range found {
		if x := &found[i]; s.judgeSegment(x, found) {
			if sw := x.at(); sw != nil {
				behind[sw] = append(behind[sw], x)
			}
		}
	}
	for _, n := range s.order {
		if len(behind[n]) > 1 {
			s.judgeBehind(n, behind[n])
		}
	}
}

// behind names what hangs on a switch.
func (n *node) behind() string { return "behind/" + n.key }

// at is the switch that all who lost the segment are attached to, nil without.
func (x *lostSegment) at() (sw *node) {
	for _, p := range x.loss.lost {
		n := atSwitch(p)
		if n == nil || sw != nil && n != sw {
			return nil
		}
		sw = n
	}
	return sw
}

// judgeBehind raises that all segments at a switch are lost: it, or its uplink, is
// the cause.
func (s *Site) judgeBehind(sw *node, parts []*lostSegment) {
	l := parts[0].loss
	names := parts[0].segment.label()
	for _, x := range parts[1:] {
		if x.loss.at-l.at > 5*second || l.at-x.loss.at > 5*second {
			return
		}
		l.join(&x.loss)
		names += ", " + x.segment.label()
	}
	f := &finding{
		kind: InstanceUnreachable, entity: sw.behind(), subject: sw.subject(TypeNode, "behind it"), severity: detect.Critical, onset: l.at, good: l.at,
		witness: Passive, hold: 5 * second, sure: round3(probability(prior + l.nats + commonEnough)), facts: append(l.facts(besides{}), Noted{
			At: at(l.at), Group: "beside", From: sw.label(), What: fmt.Sprintf("all %d segments that are known behind it: %s", len(parts), names),
		}),
		summary: fmt.Sprintf("nothing comes from beyond it to any of %d instances on %d nodes any more, in all of their %d networks", len(l.lost), len(nodesOf(l.lost)), len(parts)),
		cause:   "its uplink, or what it forwards with", above: sw.above(),
	}
	for _, group := range sortedKeys(sw.groups) {
		if g := sw.ports[group]; (g == nil || len(g.attached) == 0) && len(f.above) < maxUplinks {
			f.above = append(f.above, sw.lagEntity(group))
			if g != nil {
				f.wait = max(f.wait, min(s.pollOf(g)+second, uplinkWait)) // until its status is told
			}
		}
	}
	s.suffer(f, fromAfar, &l, "nothing comes to it from beyond "+sw.label()+" any more")
}

// Bounds of the uplinks of a switch that may be the cause of what is lost behind it.
const (
	maxUplinks = 64
	uplinkWait = 31 * second
)

// lostPart returns what of a segment is lost: all of it, what is at one switch, or
// on one node.
func (s *Site) lostPart(g segment, all []*port) (x lostSegment, ok bool) {
	if s.active(InstanceUnreachable, g.entity(nil)) != nil {
		return x, false
	}
	if l := s.lossOf(all, fromAfar, s.asks, 0); l.enough(siblingsLeast) && len(nodesOf(l.lost)) > 1 {
		return lostSegment{g, nil, all, l}, true
	}
	found := s.lostWithin(g, all, atSwitch)
	if len(found) == 0 {
		found = s.lostWithin(g, all, func(p *port) *node { return p.node })
	}
	if len(found) == 0 {
		return x, false
	}
	x = found[0]
	for i := range found[1:] { // one cause, where it befell several at once
		if y := &found[1+i]; y.loss.at-x.loss.at < 5*second && x.loss.at-y.loss.at < 5*second {
			x.within, x.members = nil, append(x.members, y.members...)
			x.loss.join(&y.loss)
		}
	}
	return x, true
}

// lostWithin returns what of a segment is lost at each of the nodes that of names.
func (s *Site) lostWithin(g segment, all []*port, of func(p *port) *node) (found []lostSegment) {
	within := map[*node][]*port{}
	var order []*node
	for _, p := range all {
		n := of(p)
		if n == nil {
			continue
		}
		if within[n] == nil {
			order = append(order, n)
		}
		within[n] = append(within[n], p)
	}
	slices.SortFunc(order, func(a, b *node) int { return cmp.Compare(a.key, b.key) })
	var doubt []int64 // when those were reached last that may be lost too
	for _, n := range order {
		if s.active(InstanceUnreachable, g.entity(n)) != nil {
			continue
		}
		l := s.lossOf(within[n], fromAfar, s.asks, 0)
		switch {
		case l.enough(siblingsLeast):
			found = append(found, lostSegment{g, n, within[n], l})
		case len(l.lost) > 0, l.quiet(s.now):
			doubt = append(doubt, l.at)
		}
	}
	return slices.DeleteFunc(found, func(x lostSegment) bool {
		return s.now-x.loss.at < doubtMost && slices.ContainsFunc(doubt, func(last int64) bool { return last < x.loss.at+spreads })
	})
}

// doubtMost is how long what is lost at one place waits for others of which it is
// not yet known whether they are.
const doubtMost = 20 * second

// atSwitch is the switch that a port's node is attached to.
func atSwitch(p *port) *node {
	if q := p.node.switchPort; q != nil {
		return q.node
	}
	return nil
}

// judgeSegment raises a lost segment where others on the same nodes are well.
// Members of others that are lost too say nothing of it; alone reports that nobody
// else does.
func (s *Site) judgeSegment(x *lostSegment, found []lostSegment) (alone bool) {
	b := s.beside(&x.loss, func(p *port) bool {
		g := s.segment(p)
		if g == x.segment || !s.tells(p) {
			return false
		}
		for i := range found {
			if found[i].segment == g && slices.Contains(found[i].loss.lost, p) {
				return false
			}
		}
		return true
	}, fromAfar)
	nodes := nodesOf(x.loss.lost)
	sub := Subject{Type: TypeVLAN, Name: x.segment.label()}
	if x.segment.virtual || x.segment.name != "" {
		sub.Type = TypeNetwork
	}
	on := ""
	if x.within != nil {
		sub.Node, sub.Agent, sub.Source = x.within.label(), x.within.addr, x.within.source
		on = " at " + x.within.label()
	}
	f := &finding{
		kind: InstanceUnreachable, entity: x.segment.entity(x.within), subject: sub, severity: detect.Critical, onset: x.loss.at, good: x.loss.at,
		witness: Passive, hold: 5 * second, sure: round3(probability(prior + x.loss.nats + commonEnough)), facts: x.loss.facts(b),
		summary: fmt.Sprintf("nothing comes through it%s to any of its %d instances on %d nodes any more", on, len(x.loss.lost), len(nodes)),
		cause:   "it was taken off a trunk, or what carries it is down",
	}
	if x.within != nil {
		f.above = append(f.above, x.segment.entity(nil))
	}
	if sub.Type == TypeNetwork {
		f.cause = "its tunnels, or what carries them, are down"
	}
	switch {
	case b.known+b.well == 0 && len(nodes) > 1 && len(found) == 1:
		f.sure = min(f.sure, 0.9)
		f.blind = "all that is known on these nodes is in it: whether it is the segment or their way out cannot be told"
	case !b.living():
		return b.known+b.well == 0
	}
	s.suffer(f, fromAfar, &x.loss, "nothing comes to it through "+x.segment.label()+" any more")
	return false
}
