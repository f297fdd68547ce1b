package site

import (
	"slices"

	"weir/detect"
)

// Of how many nodes silence together means a cause in common, and for how long
// one of them waits for the others.
const (
	groupLeast = 3
	groupWait  = 2 * second
)

// window is how far apart the last words of nodes may be that fell silent
// together: the larger of 5 s and three periods.
func (s *Site) window(n *node) int64 { return max(5*second, s.bound(n)) }

// gather finds out, once a tick, who has said nothing for longer than usual.
func (s *Site) gather() {
	s.lates, s.heard = s.lates[:0], 0
	for _, n := range s.order {
		if !n.heard {
			continue
		}
		period := s.period(n)
		if period == 0 {
			continue
		}
		usual := n.rhythm()
		last := n.lastHeard()
		quiet := s.quietFor(last)
		if quiet < 10*s.bound(n)+60*second {
			s.heard++
		}
		if n.silent || quiet > usual*3/2 {
			s.lates = append(s.lates, late{last, s.window(n), n.silent || quiet > usual*5/2})
		}
	}
}

// late is a node that has said nothing for longer than usual.
type late struct {
	last, window int64
	long         bool // for much longer
}

// late counts the nodes that have said nothing since about a time, and those of
// them that have not for long.
func (s *Site) late(onset int64) (n, long int) {
	for _, l := range s.lates {
		if d := l.last - onset; d > -l.window && d < l.window {
			n++
			if l.long {
				long++
			}
		}
	}
	return n, long
}

// period is the pace of the node's fastest stream, 0 unknown.
func (s *Site) period(n *node) int64 {
	p := int64(0)
	for _, st := range n.streams {
		if q := st.pace.Period(); q > 0 && !st.retired && (p == 0 || q < p) {
			p = q
		}
	}
	return p
}

// usually is how long the stream is quiet as a rule: many send samples far more
// often than what has a pace. 0 is unknown.
func (st *stream) usually() int64 {
	p, q := st.pace.Period(), st.traffic.Period()
	if q > 0 && (p == 0 || q < p) {
		return max(q, second/2)
	}
	return p
}

// rhythm is how long the node is quiet as a rule.
func (n *node) rhythm() (u int64) {
	for _, st := range n.streams {
		if q := st.usually(); q > 0 && !st.retired && (u == 0 || q < u) {
			u = q
		}
	}
	return u
}

// deaf reports whether all nodes fell silent at once, so that it must be us, or
// our way to all of them. One or two nodes prove nothing.
func (s *Site) deaf(onset int64) bool {
	if s.hearsNothing {
		return true
	}
	n, _ := s.late(onset)
	return s.heard >= groupLeast && n >= s.heard
}

const collectorEntity = "collector"

// judgeGroups looks for causes that many nodes have in common.
func (s *Site) judgeGroups() {
	s.judgeDeaf()
	for _, kind := range [...]detect.Kind{NodeDown, TelemetrySilent} {
		s.judgeGroup(kind)
	}
}

// judgeDeaf follows whether anything is heard at all.
func (s *Site) judgeDeaf() {
	if !s.gathered && !s.hearsNothing {
		return // nobody is silent
	}
	silent, heard := 0, 0
	onset := int64(0)
	for _, n := range s.order {
		if !n.heard || s.period(n) == 0 {
			continue
		}
		switch {
		case n.silent:
			silent++
			onset = max(onset, n.silentAt)
		case s.now-n.lastHeard() < second/2:
			heard++
		}
	}
	if s.hearsNothing {
		if heard > 0 {
			// Whoever is still silent has until then to be heard again.
			s.hearsNothing = false
			s.Blind(s.deafSince, s.now, WhyDeaf)
			s.clear(CollectorDeaf, collectorEntity, "")
			for _, n := range s.order {
				n.dirty = true
			}
		}
		return
	}
	if _, long := s.late(onset); silent < groupLeast || long < s.heard || !s.deaf(onset) {
		return
	}
	s.hearsNothing, s.deafSince = true, onset
	for _, n := range s.order {
		for _, kind := range [...]detect.Kind{NodeDown, TelemetrySilent} {
			if c := s.active(kind, n.self()); c != nil && !c.open {
				s.over(c, "")
			}
		}
	}
	if s.cfg.Mute {
		return
	}
	s.raise(nil, &finding{
		kind: CollectorDeaf, entity: collectorEntity, subject: Subject{Type: TypeCollector, Name: "collector"}, severity: detect.Critical,
		onset: onset, good: onset, witness: Passive, sure: 0.99, hold: second,
		summary: "nothing is heard of all " + itoa(uint64(s.heard)) + " nodes since about the same time",
		cause:   "this collector's network, or what all of them have in common",
		facts:   []Noted{{At: at(onset), LastGood: at(onset), Group: "silence", What: itoa(uint64(s.heard)) + " nodes silent together"}},
	})
}

// aboveSilent are the possible causes of a node's silence since onset. A group
// that fell silent at another time is none of them.
func (s *Site) aboveSilent(n *node, onset int64) []string {
	all := n.above()[1:]
	for _, kind := range [...]detect.Kind{NodeDown, TelemetrySilent} {
		if c := s.active(kind, groupEntity); c != nil && onset-c.onset > s.window(n) {
			return all
		}
	}
	return append(all, groupEntity)
}

// judgeGroup puts nodes that failed together under one finding: the switch they
// are attached to where that is known, else a group.
func (s *Site) judgeGroup(kind detect.Kind) {
	entity := groupEntity
	if c := s.active(kind, entity); c != nil {
		if it := s.board.Find(conditionKey(kind, entity)); len(it.Children()) == 0 {
			s.clear(kind, entity, "")
		}
		return
	}
	var all []*condition
	for _, it := range s.board.Below(groupEntity, string(kind)) {
		if c := it.Value; it.Parent() == nil && c.clearing == 0 && c.subject.Type == TypeNode {
			all = append(all, c)
		}
	}
	if len(all) < groupLeast {
		return
	}
	slices.SortFunc(all, byOnset)
	// The largest run that fits into a window.
	var run []*condition
	for i, j := 0, 0; j < len(all); j++ {
		for all[j].onset-all[i].onset > s.window(all[j].node) {
			i++
		}
		if j-i+1 > len(run) {
			run = all[i : j+1]
		}
	}
	if len(run) < groupLeast {
		return
	}
	name := itoa(uint64(len(run))) + " nodes"
	summary := name + " fell silent together"
	cause := "what they have in common: a rack, a switch, power, a network"
	var above []string
	if sw := commonSwitch(run); sw != nil {
		if s.now-run[0].raised < holdsFor && s.falls(sw) {
			return // it is the cause, if it is silent too
		}
		if s.missesBeats(sw) {
			above = append(above, sw.self()) // it may yet be found down itself
		}
		cause = "the switch " + sw.label() + " that they are attached to"
	}
	wait := int64(0)
	if kind == TelemetrySilent {
		wait = 2 * groupWait // that they are down is found a little later of some
	}
	s.raise(nil, &finding{
		kind: kind, entity: entity, above: above, wait: wait, subject: Subject{Type: TypeGroup, Name: "group of " + run[0].node.label()}, severity: detect.Critical,
		onset: run[0].onset, good: run[0].good, witness: Passive, sure: 0.99, confirm: run[0].confirm, hold: second, summary: summary, cause: cause,
		facts: []Noted{{At: at(run[0].onset), Group: "silence", What: name + " within " + brief(run[len(run)-1].onset-run[0].onset)}},
	})
}

// commonSwitch is the node that all are attached to, nil without.
func commonSwitch(all []*condition) *node {
	var in []*node
	for i, c := range all {
		var mine []*node
		for _, p := range c.node.attachments() {
			mine = append(mine, p.node)
		}
		if i == 0 {
			in = mine
			continue
		}
		in = slices.DeleteFunc(in, func(n *node) bool { return !slices.Contains(mine, n) })
	}
	if len(in) == 0 {
		return nil
	}
	return in[0]
}
