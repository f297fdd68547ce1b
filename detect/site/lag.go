package site

import (
	"fmt"
	"hash/fnv"
	"slices"

	"weir/detect"
	"weir/detect/site/fact"
)

// A link aggregation group is known by its members: they say which interface they
// are attached to (lag_port_stats), or the host agent names their bond. While one
// of them is up the loss of another is information; with all of them the group is
// down, and is the cause of theirs.

// grouped notes that a port is a member of the group with that ifIndex. A member
// whose link is lost is attached to none: it stays one.
func (n *node) grouped(p *port, group uint32) {
	if group == 0 || group == p.index || len(n.groups) >= maxPerNode {
		return
	}
	if p.bonded && n.bonds[group] == "" {
		return // the host agent knows better
	}
	p.group = group
	if n.groups == nil {
		n.groups = map[uint32]bool{}
	}
	n.groups[group] = true
}

// bondSaid notes of which bond of Open vSwitch a port is a member, as the host agent
// says; "" of none. Such a bond has no interface.
func (n *node) bondSaid(p *port, bond string) {
	if bond == "" {
		if p.bonded {
			p.bonded, p.group = false, 0
		}
		return
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(bond))
	group := fact.OwnGroup | 1<<30 | h.Sum32()>>2
	if n.bonds == nil {
		n.bonds = map[uint32]string{}
	}
	if n.bonds[group] == "" && len(n.bonds) >= maxPerNode {
		return
	}
	n.bonds[group], p.bonded = bond, true
	n.grouped(p, group)
}

// lagEntity names a group of the node.
func (n *node) lagEntity(group uint32) string {
	if name := n.lagName(group); name != "" {
		return n.entity("lag", name)
	}
	return n.entity("lag", "LAG "+itoa(uint64(group)))
}

// lagName is the name of a group: that of its interface, or of its bond.
func (n *node) lagName(group uint32) string {
	if p := n.ports[group]; p != nil {
		return p.name
	}
	return n.bonds[group]
}

// lagLabel is what a group is called: by its name, else by its members where it has
// no number either that somebody would know.
func (n *node) lagLabel(group uint32) string {
	switch name := n.lagName(group); {
	case name != "":
		return name
	case group < fact.OwnGroup:
		return "LAG " + itoa(uint64(group))
	}
	var members []*port
	for _, p := range n.portList() {
		if p.group == group {
			members = append(members, p)
		}
	}
	return "LAG of " + portNames(members)
}

// point is where what is seen at a port is attached: its group, or itself.
func (p *port) point() *port {
	if g := p.node.ports[p.group]; p.group != 0 && g != nil {
		return g
	}
	return p
}

// joined is the group that is attached to what a port is: its own, or the one that
// it is a member of; 0 none.
func (p *port) joined() uint32 {
	if p.aggregates() {
		return p.index
	}
	return p.group
}

// maxSystems bounds the names that nodes have in LACP.
const maxSystems = 65536

// system notes what a node calls itself in LACP. What two of them do names neither.
func (s *Site) system(n *node, mac uint64) {
	if mac == 0 {
		return
	}
	if o, known := s.systems[mac]; known && o != n {
		s.systems[mac] = nil
	} else if !known && len(s.systems) < maxSystems {
		s.systems[mac] = n
	}
}

// partners notes who is at the other end of a group, as LACP tells its members: by
// what he calls himself there, or by an address of his.
func (s *Site) partners(members []*port) {
	for _, p := range members {
		n := s.systems[p.partner]
		if a := s.macs[p.partner]; n == nil && a != nil {
			n = a.owner
		}
		if n != nil && n != p.node {
			s.attachTo(n, p)
		}
	}
}

// members are the ports of each group of the node, by their index.
func (n *node) members() map[uint32][]*port {
	if len(n.groups) == 0 {
		return nil
	}
	by := map[uint32][]*port{}
	for _, p := range n.portList() {
		if p.group != 0 && p.group != p.index && p.counted && p.wasUp && !p.unknown {
			by[p.group] = append(by[p.group], p)
		}
	}
	return by
}

// judgeLAGs tells of groups that have lost all of their members.
func (s *Site) judgeLAGs(n *node) {
	by := n.members()
	for _, group := range sortedKeys(by) {
		s.partners(by[group])
		s.judgeLAG(n, group, by[group])
	}
}

func (s *Site) judgeLAG(n *node, group uint32, members []*port) {
	entity, own := n.lagEntity(group), n.ports[group]
	down, onset, good := 0, int64(0), int64(0)
	var facts []Noted
	for _, p := range members {
		if p.up() && (!p.gone || p.removed == 0) { // to be told of no more is not to be down
			continue
		}
		down++
		onset, good = max(onset, p.downAt, p.goneAt), max(good, p.goodAt)
		facts = append(facts, Noted{
			At: at(max(p.downAt, p.goneAt)), LastGood: at(p.goodAt), Group: "counters", From: n.label(), What: "status of its member " + p.label(),
			Before: "up", After: statusText(p.status), Weight: weightPortDown,
		})
	}
	lost := down == len(members)
	if own != nil && own.counted && own.wasUp && !own.unknown && !own.gone {
		if lost = !own.up(); lost {
			onset, good = max(onset, own.downAt), max(good, own.goodAt)
			facts = append(facts, Noted{
				At: at(own.downAt), LastGood: at(own.goodAt), Group: "counters", From: n.label(), What: "status of the group", Before: "up", After: statusText(own.status), Weight: weightPortDown,
			})
		}
	}
	if !lost {
		s.clear(InterfaceDown, entity, "")
		s.unsay(InterfaceDown, entity, "")
		return
	}
	p := members[0].point()
	f := &finding{
		kind: InterfaceDown, entity: entity, subject: n.subject(TypeLAG, n.lagLabel(group)), severity: detect.Warning, onset: onset, good: good,
		witness: Passive, sure: 0.999, above: p.above(), hold: 5 * second, wait: second, facts: facts,
		summary: fmt.Sprintf("none of its %d members is up", len(members)),
	}
	if down < len(members) {
		f.summary = fmt.Sprintf("down, with %d of its %d members", down, len(members))
	}
	f.above = slices.DeleteFunc(f.above, func(e string) bool { return e == entity })
	if group < fact.OwnGroup {
		f.subject.IfIndex = group
	}
	if members[0].said != 0 && n.agentSpeaks(s.now) {
		f.wait = saidWait
	}
	s.raisePort(p, f)
}

// aggregates reports whether the port is a group's own, of which judgeLAG tells.
func (p *port) aggregates() bool { return p.node.groups[p.index] }

// groupUp reports whether the port's group is up without it: by its own status, or
// by another member.
func (p *port) groupUp() bool {
	if p.group == 0 {
		return false
	}
	if g := p.node.ports[p.group]; g != nil && g.counted {
		return g.up()
	}
	for _, o := range p.node.ports {
		if o != p && o.group == p.group && o.counted && o.up() && !o.gone {
			return true
		}
	}
	return false
}

// memberWait is how long the loss of one member waits for that of the others.
const memberWait = 3 * second
