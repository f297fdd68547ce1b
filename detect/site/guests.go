package site

import (
	"weir/detect"
)

// guestsDown puts the instances of a node that is down under it: the alert lists
// them. They ran until then, as far as is known.
func (s *Site) guestsDown(n *node, f *finding) {
	n.guests = true
	for _, uuid := range sortedKeys(n.insts) {
		i := n.insts[uuid]
		if !i.runs() {
			continue
		}
		sub := n.subject(TypeInstance, i.label())
		sub.UUID, sub.Project = i.uuid, i.project
		if len(i.ports) > 0 {
			sub = i.ports[0].instanceSubject()
		}
		s.raise(n, &finding{
			kind: InstanceUnreachable, entity: i.entity(), subject: sub, severity: detect.Warning, onset: f.onset, good: f.good,
			witness: f.witness, sure: f.sure, above: append([]string{n.self()}, f.above...), wait: guestsWait, hold: second,
			summary: "its node " + n.label() + " is down", facts: f.facts,
		})
	}
}

// guestsWait is how long what is under a node waits for it at least.
const guestsWait = 10 * second

// guestsUp takes back what guestsDown has raised.
func (s *Site) guestsUp(n *node) {
	if !n.guests {
		return
	}
	n.guests = false
	for _, uuid := range sortedKeys(n.insts) {
		s.clear(InstanceUnreachable, n.insts[uuid].entity(), "")
		s.unsay(InstanceUnreachable, n.insts[uuid].entity(), "")
	}
}
