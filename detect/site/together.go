package site

import (
	"fmt"

	"weir/detect"
)

// together is above all instances of a node: what befalls several of them at
// once, though neither their bridge nor the node is down.
func (n *node) together() string { return n.entity("instances", "") }

// judgeTogether puts instances of a node that can not be reached since about the
// same time under one finding: one cause, though it is not known.
func (s *Site) judgeTogether(n *node) {
	entity := n.together()
	all := s.alike(n, InstanceUnreachable, entity, func(*condition) bool { return true })
	if all == nil {
		return
	}
	common := shared(all)
	if last := all[len(all)-1]; len(common) > 0 && s.now-last.raised < commonWait {
		n.dirty = true
		return
	}
	witness, sure := Passive, 0.0
	for _, c := range all {
		witness, sure = c.witness, max(sure, c.sure)
	}
	s.raise(n, &finding{
		kind: InstanceUnreachable, entity: entity, subject: n.subject(TypeNode, "instances"), severity: detect.Critical, onset: all[0].onset, good: all[0].good,
		witness: witness, sure: sure, above: append(n.above(), common...), hold: second,
		summary: fmt.Sprintf("%d instances can not be reached, since about the same time", len(all)), cause: "what they have in common: a network, a VLAN, a security group, storage",
		facts: []Noted{{At: at(all[0].onset), Group: "instances", From: n.label(), What: fmt.Sprintf("%d instances within %s", len(all), brief(all[len(all)-1].onset-all[0].onset))}},
	})
}
