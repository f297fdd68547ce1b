package site

import (
	"fmt"
	"slices"
	"strings"

	"weir/detect"
	"weir/detect/site/fact"
)

// Whoever sends in an agent's name from the agent's own address is given away by
// uptimes and sequence numbers: those of the agent go on between his. Some agents
// have several sequences under one name from the beginning on: that is how they are.

// turns are those of two that speak under one name from one address.
type turns struct {
	count      int
	from, at   int64 // the first of them, and the last
	one, other uint64
}

// Of one node so many sub-agents may be plural, from the beginning on.
const (
	pluralLearnt = 60 * second
	maxPlural    = 64
	turnsFor     = 60 * second // without any they are over
)

// going reports whether turns go on.
func (t *turns) going(now int64) bool { return t.at != 0 && now-t.at < turnsFor }

// voices takes that one is heard again in whose place another spoke.
func (s *Site) voices(n *node, f *fact.Fact) {
	st := s.stream(n, f.Agent, f.Sub)
	t := &st.turns
	if !t.going(f.At) {
		*t = turns{from: f.At}
	}
	t.count, t.at, t.one, t.other = t.count+int(f.C), f.At, f.A, f.B
	if f.At-n.first < pluralLearnt && len(n.plural) < maxPlural && !slices.Contains(n.plural, f.Sub) {
		n.plural = append(n.plural, f.Sub)
	}
	n.dirty = true
}

// judgeTurns tells of sub-agents that two speak for in turns, from one address. One
// datagram that is overtaken by those after a restart is none.
func (s *Site) judgeTurns(n *node) {
	var all []*stream
	for _, st := range n.streams {
		if t := &st.turns; t.going(s.now) && t.count >= turnsLeast && t.at-t.from >= overlapLeast && !slices.Contains(n.plural, st.sub) {
			all = append(all, st)
		}
	}
	entity := n.entity("voices", "")
	if len(all) == 0 {
		s.clear(TelemetryTampered, entity, "")
		return
	}
	f := &finding{
		kind: TelemetryTampered, entity: entity, subject: n.subject(TypeNode, "sequence"), severity: detect.Warning, onset: all[0].turns.from,
		witness: Passive, sure: 0.99, above: n.above(), hold: second,
		cause: "one of them is not the agent, or two agents are configured with one name and address",
	}
	var names []string
	for _, st := range all {
		t := &st.turns
		f.onset = min(f.onset, t.from)
		names = append(names, st.label())
		if len(f.facts) < 16 {
			f.facts = append(f.facts, Noted{
				At: at(t.from), Group: "sender", From: n.label(), What: "uptime and sequence number of " + st.label() + ", in turns", Before: voiceText(t.one), After: voiceText(t.other),
			})
		}
	}
	f.summary = "two speak in its name from one address, in turns: by uptimes and sequence numbers of " + strings.Join(names[:min(len(names), 4)], ", ")
	if c := s.active(f.kind, entity); c != nil {
		f.summary = c.summary
	}
	s.raise(n, f)
}

func voiceText(v uint64) string {
	return fmt.Sprintf("up %s, number %d", brief(int64(v>>32)*millisecond), uint32(v))
}
