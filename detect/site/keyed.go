package site

import (
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// Where a node's agent has a key, what anybody can send in the node's name does
// not count for it: its stream lives by signed heartbeats alone, and a critical
// alert about the node is resolved only while they come.

// signs reports whether a stream is that of an agent that signs.
func (n *node) signs(st *stream) bool {
	return n.agentOf != nil && n.agentOf.keyed && n.agentOf.stream == st && st != nil
}

// fresh takes a signed heartbeat as a sign of life, unless it is one of before:
// whoever hears one can send it again.
func (s *Site) fresh(n *node, st *stream, f *fact.Fact) bool {
	a := n.agentOf
	seq, _ := f.Detail.Uint(witness.Sequence)
	started, _ := f.Detail.Uint(witness.Started)
	if f.Detail.Text(witness.BootID) == a.bootID && (started < a.started || started == a.started && seq <= a.seq) {
		n.note(f.At, n.self(), "a signed heartbeat came again", itoa(a.seq), itoa(seq), Agent)
		return false
	}
	if st.kept {
		st.meet()
	}
	if started == a.started && seq > a.seq && seq-a.seq < 1000 {
		lost := uint32(seq - a.seq - 1)
		st.pace.Count(1, lost)
		s.losses.Count(1, lost)
	}
	if st.silent {
		n.dirty = true
	}
	st.last, st.retired, st.beats = f.At, false, true
	st.pace.Beat(f.At, st.deadline)
	a.signed = f.At
	return true
}

// vouchFor is how old a signed heartbeat may be that vouches for a node.
const vouchFor = 5 * second

// vouched reports whether the end of a condition can be believed: a critical one
// about a node with a key ends only while its agent is heard, signed, and does not
// say otherwise.
func (s *Site) vouched(c *condition) bool {
	if c.severity != detect.Critical || c.node == nil || c.node.agentOf == nil || !c.node.agentOf.keyed || !c.open {
		return true
	}
	a := c.node.agentOf
	if a.signed <= c.onset || s.now-a.signed > vouchFor {
		return false
	}
	for _, b := range c.node.bridges {
		if c.kind == BridgeDown && c.entity == b.entity() && b.said != nil && b.said.forwarding == "no" {
			return false
		}
	}
	return true
}

// By how much what an agent says may be older than what it said last: datagrams pass each
// other, and events are said again a second later.
const (
	stateTolerance = second
	eventTolerance = 10 * second
)

// again reports whether a signed statement was said before: whoever hears it can send
// it later.
func (s *Site) again(n *node, f *fact.Fact) bool {
	a := n.agentOf
	at, ok := f.Detail.Uint(witness.At)
	if !ok || f.Detail.Topic == witness.ClassHeartbeat {
		return false // heartbeats are counted
	}
	tolerance := stateTolerance
	if f.Detail.Topic == witness.ClassEvent {
		tolerance = eventTolerance
	}
	said := int64(min(at, 1<<62))
	if said < a.saidAt-tolerance {
		n.note(f.At, n.self(), "a signed statement came again: "+f.Detail.Topic+"/"+f.Detail.Entity, "", "", Agent)
		return true
	}
	a.saidAt = max(a.saidAt, said)
	return false
}

// keyedFor is for how long after its last signed heartbeat nobody else is taken for
// an agent that has moved.
const keyedFor = 24 * 3600 * second
