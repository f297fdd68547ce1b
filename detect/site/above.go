package site

import "slices"

// above are the things that could be the cause of what happens at a port.
func (p *port) above() []string {
	var all []string
	if p.group != 0 && p.group != p.index {
		all = append(all, p.node.lagEntity(p.group))
		if g := p.point(); g != p && p.bridge == nil {
			return append(all, g.above()...)
		}
	}
	if p.bridge != nil {
		return append(append(append(all, p.behind()...), p.bridge.entity()), p.bridge.above()...)
	}
	return append(append(all, p.behind()...), p.node.above()...)
}

// behind are the parts of the node that is attached to the port that could be the
// cause of what happens to it: bridges that it is the way out of, and the node.
func (p *port) behind() (all []string) {
	n := p.leadsTo()
	if n == nil {
		return nil
	}
	for _, name := range sortedKeys(n.bridges) {
		if b := n.bridges[name]; len(b.uplinks()) > 0 && len(all) < maxUplinks {
			all = append(all, b.entity())
		}
	}
	return append(all, n.self())
}

// leadsTo is the one node that is attached to the port, nil without: where it is
// down its switch's port is too.
func (p *port) leadsTo() (one *node) {
	for _, n := range p.attached {
		if n == p.node || !slices.Contains(n.attachments(), p.point()) {
			continue
		}
		if one != nil {
			return nil
		}
		one = n
	}
	return one
}

// above are the switch daemon that all bridges of a node have in common, and the
// node.
func (b *bridge) above() []string {
	if b.linux {
		return b.node.above()
	}
	return append([]string{b.node.entity("vswitch", "")}, b.node.above()...)
}

func (b *bridge) entity() string { return b.node.entity("bridge", b.name) }

// above are the node and what it is attached to.
func (n *node) above() []string {
	all := []string{n.self()}
	for _, p := range n.attachments() {
		if p.node == n {
			continue
		}
		all = append(all, p.entity())
		if group := p.joined(); group != 0 {
			all = append(all, p.node.lagEntity(group))
		}
		if e := p.node.self(); !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return all
}

// groupEntity is above nodes that fell silent: what many of them have in common.
const groupEntity = "group"
