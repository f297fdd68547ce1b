package site

import (
	"weir/detect"
)

// judgeSpoke tells of instances that have sent nothing since they were started,
// by the counters of all their taps.
func (s *Site) judgeSpoke(n *node) {
	for _, id := range sortedKeys(n.insts) {
		i := n.insts[id]
		entity := i.entity()
		switch {
		case i.started == 0:
			continue
		case i.spoke, !i.runs(), i.state == "paused":
			i.started = 0 // never again, until it is started
			s.unsay(InstanceNoAddress, entity, "it speaks")
			continue
		case s.now-i.started < noAddressAfter || !i.countedSince(i.started) || s.active(InstanceNoAddress, entity) != nil:
			continue
		}
		sub := i.ports[0].instanceSubject()
		s.raise(n, &finding{
			kind: InstanceNoAddress, entity: entity, subject: sub, severity: detect.Warning, onset: i.started, witness: Agent, sure: 0.99,
			above: i.ports[0].above(), hold: second, summary: "has sent nothing since it was started, not even a request for an address",
			facts: []Noted{{At: at(s.now), LastGood: at(i.started), Group: "counters", From: n.label(), What: "octets that its ports have received", After: "0"}},
		})
	}
}

// countedSince reports whether the counters of all ports of an instance were
// read since a time, all of them up.
func (i *instance) countedSince(ns int64) bool {
	for _, p := range i.ports {
		if p.gone || !p.counted || p.unknown || !p.up() || p.stillAt < ns {
			return false
		}
	}
	return len(i.ports) > 0
}
