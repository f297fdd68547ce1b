package site

import (
	"fmt"
	"slices"
	"time"

	"weir/detect"
	"weir/detect/site/fact"
)

// turnedDown is how many times less must be sampled than ever before.
const turnedDown = 8

// hostAgent is who speaks for a node by heartbeats. Its rates adapt and its
// headers end with the transport's, so that what is wanted stands in the
// heartbeats and not in the samples.
const hostAgent = "weir-agent"

// sampling takes that a data source samples at another rate, or sends less of
// each header.
func (s *Site) sampling(n *node, f *fact.Fact) {
	st := s.stream(n, f.Agent, f.Sub)
	p := st.point(f.Index)
	name := "source " + itoa(uint64(f.Index)) + " of sub-agent " + itoa(uint64(f.Sub))
	if f.Kind == fact.HeaderBytes {
		was := p.header
		p.header = max(p.header, f.A)
		p.cut = was != 0 && st.speaks != hostAgent && f.A*2 <= was && f.A < 64
		if p.cut {
			p.bad = Noted{At: at(f.At), Group: "telemetry", From: n.label(), LastGood: at(s.before), What: "octets of headers from " + name, Before: itoa(was), After: itoa(f.A)}
		}
		if was != 0 {
			n.noteSince(s.before, f.At, n.self(), "octets of headers from "+name, itoa(was), itoa(f.A), Passive)
		}
	} else {
		normal := slices.Max(p.rates[:])
		if f.B != 0 {
			n.noteSince(s.before, f.At, n.self(), "sampling rate of "+name, "1:"+itoa(f.B), "1:"+itoa(f.A), Passive)
		}
		crept := p.usual.crept(f)
		p.down = normal > 0 && st.speaks != hostAgent && (f.A >= turnedDown*normal || crept)
		if p.down {
			if crept {
				normal = p.usual.rate
			}
			p.bad = Noted{At: at(f.At), Group: "telemetry", From: n.label(), LastGood: at(s.before), What: "sampling rate of " + name, Before: "1:" + itoa(normal), After: "1:" + itoa(f.A)}
		} else { // part of what is normal
			copy(p.rates[:], p.rates[1:])
			p.rates[len(p.rates)-1] = f.A
			p.usual.take(f)
		}
	}
	n.dirty = true
}

// judgeSampling tells of data sources that show less than they ever did.
func (s *Site) judgeSampling(n *node) {
	entity := n.entity("sampling", "")
	var facts []Noted
	onset := int64(0)
	for _, st := range n.streams {
		if st.retired || st.speaks == hostAgent {
			continue
		}
		for _, index := range sortedKeys(st.points) {
			p := st.points[index]
			if !p.down && !p.cut {
				continue
			}
			facts = append(facts, p.bad)
			if ns := time.Time(p.bad.At).UnixNano(); onset == 0 || ns < onset {
				onset = ns
			}
		}
	}
	if len(facts) == 0 {
		s.clear(TelemetryTampered, entity, "")
		return
	}
	s.raise(n, &finding{
		kind: TelemetryTampered, entity: entity, subject: n.subject(TypeNode, "sampling"), severity: detect.Warning,
		onset: onset, witness: Passive, sure: 0.99, above: n.above(), hold: second,
		summary: "shows less than ever before: " + facts[0].What + " " + facts[0].After + " in place of " + facts[0].Before,
		cause:   "its configuration was changed", facts: facts,
	})
}

// Interleaving: two senders under one agent's address are an imitation when
// both speak, in turns, for so often.
const (
	turnsLeast   = 4
	overlapLeast = 2 * second
	movedAfter   = 5 * second
)

// senders tells an agent that moved from one that is imitated.
func (s *Site) senders(n *node) {
	if len(n.senders) < 2 {
		return
	}
	slices.SortStableFunc(n.senders, func(a, b *sender) int { return int(min(max(a.first-b.first, -1), 1)) })
	entity := n.entity("sender", "")
	newest := n.senders[len(n.senders)-1]
	for _, old := range n.senders[:len(n.senders)-1] {
		if old.source == newest.source || old.agent != newest.agent {
			continue // one host with several agents
		}
		if n.agentOf != nil && n.agentOf.stream != nil && n.agentOf.keyed && n.agentOf.stream.number == old.number && s.now-n.agentOf.signed < keyedFor {
			continue // who has not signed takes nothing over
		}
		overlap := old.last - newest.first
		switch {
		case overlap >= overlapLeast && old.turns >= turnsLeast && newest.turns >= turnsLeast && s.now-min(old.last, newest.last) < 60*second:
			s.raise(n, &finding{
				kind: TelemetryTampered, entity: entity, subject: n.subject(TypeNode, "sender"), severity: detect.Warning, onset: newest.first,
				witness: Passive, sure: 0.99, above: n.above(), hold: 60 * second,
				summary: fmt.Sprintf("two senders speak in its name, in turns: %s and %s", old.source, newest.source),
				cause:   "one of them is not the agent, or two nodes are configured with one address",
				facts: []Noted{
					{At: at(old.first), Group: "sender", From: old.source.String(), What: "speaks in the agent's name"},
					{At: at(newest.first), Group: "sender", From: newest.source.String(), What: "speaks in the agent's name"},
				},
			})
			return
		case overlap < overlapLeast && newest.last-old.last >= movedAfter:
			n.noteSince(old.last, newest.first, n.self(), "agent_moved", old.source.String(), newest.source.String(), Passive)
			s.raise(n, &finding{
				kind: AgentMoved, entity: n.self(), subject: n.subject(TypeNode, ""), severity: detect.Info, onset: newest.first, witness: Passive,
				sure: 0.99, above: n.above()[1:], event: true, summary: fmt.Sprintf("speaks from %s now, before from %s", newest.source, old.source),
				facts: []Noted{{At: at(newest.first), Group: "sender", What: "source address", Before: old.source.String(), After: newest.source.String()}},
			})
			s.leave(n, old)
			return
		}
	}
	s.clear(TelemetryTampered, entity, "")
}

// leave forgets a sender that spoke for the node before another.
func (s *Site) leave(n *node, old *sender) {
	n.senders = slices.DeleteFunc(n.senders, func(x *sender) bool { return x == old })
	n.streams = slices.DeleteFunc(n.streams, func(st *stream) bool {
		if st.number == old.number {
			delete(s.streams, streamKey{st.number, st.sub})
			return true
		}
		return false
	})
}
