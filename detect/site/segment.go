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
	for i := range found {
		s.judgeSegment(&found[i], found)
	}
}

// lostPart returns what of a segment is lost: all of it, what is at one switch, or
// on one node.
func (s *Site) lostPart(g segment, all []*port) (x lostSegment, ok bool) {
	if s.active(InstanceUnreachable, g.entity(nil)) != nil {
		return x, false
	}
	if l := s.lossOf(all, fromAfar, 0); l.enough(siblingsLeast) && len(nodesOf(l.lost)) > 1 {
		return lostSegment{g, nil, all, l}, true
	}
	if found := s.lostWithin(g, all, atSwitch); len(found) > 0 {
		return found[0], true
	}
	found := s.lostWithin(g, all, func(p *port) *node { return p.node })
	if len(found) == 0 {
		return x, false
	}
	x = found[0]
	for i := range found[1:] { // one cause, where it befell several nodes at once
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
	for _, n := range order {
		if s.active(InstanceUnreachable, g.entity(n)) != nil {
			continue
		}
		if l := s.lossOf(within[n], fromAfar, 0); l.enough(siblingsLeast) {
			found = append(found, lostSegment{g, n, within[n], l})
		}
	}
	return found
}

// atSwitch is the switch that a port's node is attached to.
func atSwitch(p *port) *node {
	if q := p.node.switchPort; q != nil {
		return q.node
	}
	return nil
}

// judgeSegment raises a lost segment where others on the same nodes are well.
// Members of others that are lost too say nothing of it.
func (s *Site) judgeSegment(x *lostSegment, found []lostSegment) {
	well, ill := s.beside(&x.loss, func(p *port) bool {
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
		witness: Passive, hold: 5 * second, sure: round3(probability(prior + x.loss.nats + commonEnough)), facts: x.loss.facts(well, ill),
		summary: fmt.Sprintf("nothing comes through it%s to any of its %d instances on %d nodes any more", on, len(x.loss.lost), len(nodes)),
		cause:   "it was taken off a trunk, or what carries it is down",
	}
	if sub.Type == TypeNetwork {
		f.cause = "its tunnels, or what carries them, are down"
	}
	switch {
	case well+ill == 0 && len(nodes) > 1 && len(found) == 1:
		f.sure = min(f.sure, 0.9)
		f.blind = "all that is known on these nodes is in it: whether it is the segment or their way out cannot be told"
	case well < 2 || well < commonShare*ill:
		return
	}
	s.suffer(f, fromAfar, &x.loss, "nothing comes to it through "+x.segment.label()+" any more")
}
