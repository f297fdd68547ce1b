package site

import (
	"weir/detect/site/fact"
)

// sender notes that a source address speaks as an agent.
func (s *Site) sender(f *fact.Fact) {
	n := s.node(f.Detail.Agent, f.Detail.Source)
	if n == nil {
		return
	}
	s.byNumber[f.Agent] = n
	s.adopt(n, f)
	if n.first == 0 {
		n.first = f.At
	}
	n.heard = true
	if f.Detail.Keyed {
		if n.agentOf == nil {
			n.agentOf = newAgent()
		}
		n.agentOf.keyed = true
	}
	if len(n.senders) < 16 {
		n.senders = append(n.senders, &sender{number: f.Agent, source: f.Detail.Source, agent: f.Detail.Agent, first: f.At, last: f.At})
	}
	n.dirty = true
}

// outage is the shortest time without a datagram that is never taken for loss.
const outage = 6 * second

// alive notes what a sub-agent sent since the last tick.
func (s *Site) alive(n *node, f *fact.Fact) {
	st := s.stream(n, f.Agent, f.Sub)
	n.last = max(n.last, f.At)
	if n.silent {
		n.wokeAt = f.At
	}
	if st.kept {
		return // it signs
	}
	seq, came := uint32(f.A>>32), uint32(f.A)
	uptime := uint32(f.B >> 32)
	boot := f.At - int64(uptime)*millisecond
	whole := st.last != 0 && seq-st.seq == came && int32(uptime-st.uptime) >= 0
	switch {
	case st.last == 0, st.turns.going(f.At): // two of one name neither restart nor lose
	case int32(uptime-st.uptime) < 0 && boot-st.boot > 2*second:
		s.restarted(st, f.At, uptime)
		// One made anew was not silent before. Uptimes may be whole seconds.
		st.born = boot - second
		st.pace.Reset()
		st.traffic.Reset()
		if b := st.bridge; b == nil || b.local == nil || b.local.sub != st.sub || b.local.told < boot {
			st.bridge = nil // sub-agents are renumbered when a bridge goes
		}
	case s.blindness.takes(st.last, f.At, seq-st.seq-came):
		// Nor is what this collector has dropped, nor a longer gap a pace.
		st.pace.Reset()
		st.traffic.Reset()
	case st.silent || st.last < n.wokeAt || f.At-st.last > max(outage, 4*st.pace.Period()):
		// What an outage took is no loss on the way.
		st.lostRun(f.At)
	default:
		if gap := seq - st.seq; gap >= came && gap < 10000 {
			st.pace.Count(came, gap-came)
			st.traffic.Count(came, gap-came)
			s.losses.Count(came, gap-came)
			if gap > came {
				st.lostAt = f.At
			}
			if gap > came+1 { // one alone is no run
				st.lostRun(f.At)
			}
		}
	}
	st.seq, st.uptime, st.boot = seq, uptime, boot
	if st.silent || st.last == 0 || st.retired {
		n.dirty = true
	}
	st.fell = st.fell || st.silent || n.silent
	if n.signs(st) {
		return // only what is signed shows that it lives
	}
	if st.last != 0 {
		st.hush = max(st.hush, f.At-st.last)
	}
	st.last, st.retired = f.At, false
	st.samples = st.samples || uint32(f.B) > 0
	st.traffic.Beat(f.At, st.deadline)
	if f.C != 0 && int64(f.C) >= st.born {
		st.beats = true
		deadline := st.deadline
		if st.hush <= deadline {
			deadline = 0 // samples came meanwhile: its beats are that far apart
		}
		if st.fell {
			deadline, st.fell = 1, false // it was called a silence, however short
		}
		st.hush = 0
		st.unhurried(int64(f.C), whole)
		if missed := st.pace.Beat(int64(f.C), deadline); missed > 0 {
			s.losses.Missed(st.pace.Period(), missed)
		}
	}
	s.turn(n, f)
	if n.next == 0 || n.silent {
		n.dirty = true
	}
}

// gapsFor is for how long the longest gap of a stream counts.
const gapsFor = 15 * second

// lostRun notes that several datagrams may be missing before the one at.
func (st *stream) lostRun(at int64) {
	if at-st.gapAt > gapsFor {
		st.gapFor = 0
	}
	st.gapAt, st.gapFor = at, max(st.gapFor, at-st.last)
}

// turn follows which of a node's senders speaks.
func (s *Site) turn(n *node, f *fact.Fact) {
	if len(n.senders) < 2 {
		if len(n.senders) == 1 {
			n.senders[0].last = f.At
		}
		return
	}
	for _, x := range n.senders {
		if x.number != f.Agent {
			continue
		}
		for _, o := range n.senders {
			if o != x && o.last > x.last {
				x.turns++
				n.dirty = true
				break
			}
		}
		x.last = f.At
	}
}

// stream returns the stream of a sub-agent, which it makes.
func (s *Site) stream(n *node, number, sub uint32) *stream {
	k := streamKey{number, sub}
	st := s.streams[k]
	if st == nil {
		st = &stream{node: n, number: number, sub: sub}
		s.streams[k] = st
		n.streams = append(n.streams, st)
	}
	if st.kept && !n.signs(st) {
		st.meet()
	}
	return st
}

func (st *stream) point(index uint32) *point {
	if st.points == nil {
		st.points = map[uint32]*point{}
	}
	p := st.points[index]
	if p == nil {
		p = &point{index: index}
		st.node.usually(st, p)
		if len(st.points) < maxPerNode {
			st.points[index] = p
		}
	}
	return p
}

// forwards notes that a bridge takes samples of packets with a way out.
func (s *Site) forwards(n *node, f *fact.Fact) {
	st := s.stream(n, f.Agent, f.Sub)
	if in := n.ports[uint32(f.C)]; in != nil && in.bridge != nil {
		st.bridge = in.bridge
	}
	if b := st.bridge; b != nil {
		b.flow.add(f.At, f.A, f.B, s.blindSince(b.flow.at))
	}
	p := st.point(f.Index)
	p.at = f.At
	if f.B > 0 {
		p.forwarded = f.At
	}
}
