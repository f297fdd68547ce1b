package site

import (
	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// ovsPortSaid takes what the database of Open vSwitch says of a port: to which
// bridge it belongs and, as Neutron and Nova have written it, whose it is.
func (s *Site) ovsPortSaid(n *node, f *fact.Fact) {
	d := f.Detail
	index, ok := d.Uint(witness.IfIndex)
	if !ok || index == 0 || index > 1<<31 || d.Entity == "" {
		s.straySaid(n, f) // a port without an interface of the kernel, such as of a patch
		return
	}
	delete(n.agentOf.strays, d.Entity)
	p := s.saidPort(n, f, uint32(index), d.Entity)
	if p == nil {
		return
	}
	kind, master := d.Text(witness.Kind), d.Text(witness.Master)
	if b := n.bridges[master]; b != nil && !b.linux && p.bridge != b {
		if p.local = p.name == master; p.local {
			b.local = p
		}
		s.enter(p, b)
	}
	p.network, p.neutron = networkSaid(d), d.Text(witness.IfaceID)
	n.bondSaid(p, d.Text(witness.Bond))
	vm := d.Text(witness.VMID)
	// Nova writes whose it is beside Neutron's id; what has that id alone is Neutron's
	// own, and so is what Open vSwitch has made itself.
	if p.internal = kind == "internal" || vm == "" && d.Text(witness.IfaceID) != ""; p.internal && p.inst == nil {
		p.instance = false
	}
	if vm == "" || kind == "internal" || infrastructure(p.name) {
		return
	}
	i := s.instance(vm)
	if i == nil || i.node != nil && i.node != n {
		return // libvirt or a move tells where it is
	}
	i.place(n)
	s.bind(i, p)
	if m, ok := parseMAC(d.Text(witness.MAC)); ok && !sharedMAC(m) {
		s.macAt(p, m, f.At)
	}
}

// networkSaid is the segment that a port is in as Neutron has written it.
func networkSaid(d *fact.Detail) segment {
	id, _ := d.Uint(witness.Segment)
	switch typ := d.Text(witness.NetworkType); {
	case id == 0 || id > 1<<24:
		return segment{name: d.Text(witness.Network)}
	case typ == "vlan":
		return segment{id: uint32(id)}
	case typ == "vxlan", typ == "gre", typ == "geneve":
		return segment{virtual: true, id: uint32(id)}
	}
	return segment{name: d.Text(witness.Network)}
}
