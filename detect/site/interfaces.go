package site

import (
	"fmt"
	"slices"

	"weir/detect"
)

// interfaces is above the interfaces of a node that are down at once though it lives:
// a line card, a power feed, a cable duct.
func (n *node) interfaces() string { return n.entity("interfaces", "") }

// interfaceAbove are the things that could be the cause of what happens to an
// interface that is no instance's.
func (p *port) interfaceAbove() []string {
	all := p.above()
	i := slices.Index(all, p.node.self())
	if i < 0 {
		i = len(all)
	}
	return slices.Insert(all, i, p.node.interfaces())
}

// judgeInterfaces puts interfaces of a node that are down since about the same time
// under one finding. Those that lead to a node that is known wait for that, and
// members for their group.
func (s *Site) judgeInterfaces(n *node) {
	entity := n.interfaces()
	all := s.alike(n, InterfaceDown, entity, func(c *condition) bool {
		p := n.ports[c.subject.IfIndex]
		return p != nil && len(p.behind()) == 0
	})
	if all == nil {
		return
	}
	f := &finding{
		kind: InterfaceDown, entity: entity, subject: n.subject(TypeNode, "interfaces"), severity: detect.Info, onset: all[0].onset, good: all[0].good,
		above: n.above(), hold: second, wait: second, summary: "several lost their link at about the same time",
		cause: "what they have in common: a line card, a power feed, a rack",
	}
	for _, c := range all {
		f.witness, f.sure = c.witness, max(f.sure, c.sure)
		if c.severity != detect.Info {
			f.severity = detect.Warning
		}
		f.wait = min(f.wait, max(c.raised+c.wait-s.now, 0)) // no longer than the first of them
	}
	f.facts = []Noted{{
		At: at(f.onset), LastGood: at(f.good), Group: "counters", From: n.label(),
		What: fmt.Sprintf("%d of %d interfaces within %s", len(all), len(n.ports), brief(all[len(all)-1].onset-all[0].onset)),
	}}
	s.raise(n, f)
}
