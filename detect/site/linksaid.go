package site

import (
	"slices"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// linkSaid takes the state of a link.
func (s *Site) linkSaid(n *node, f *fact.Fact) {
	d := f.Detail
	index, ok := d.Uint(witness.IfIndex)
	if !ok || d.Entity == "" {
		return
	}
	if old := n.ports[uint32(index)]; old != nil && old.stale(f.At) {
		return
	}
	p := s.saidPort(n, f, uint32(index), d.Entity)
	if p == nil {
		return
	}
	kind, master := d.Text(witness.Kind), d.Text(witness.Master)
	p.bond = kind == "bond"
	if g := n.byName[master]; g != nil && g.bond {
		n.grouped(p, g.index)
	}
	// A bridge's own port may be a tap too; libvirt tells of other names.
	if p.instance = fact.InstancePort(d.Entity) && kind != "bridge" && !p.internal || p.inst != nil; p.instance {
		n.carriesInstances()
	}
	s.portStatus(p, status3(d.Text(witness.Admin), d.Text(witness.Oper), d.Text(witness.Carrier)), f.At)
	if kind == "bridge" {
		b := s.bridgeOf(n, d.Entity)
		b.linux, b.local, p.local, p.bridge = true, p, true, b
		b.ports[p.index] = p
		return
	}
	if b := n.bridges[master]; master != "" && b != nil && b.linux && p.bridge != b {
		s.enter(p, b)
	} else if master == "" && p.bridge != nil && p.bridge.linux {
		delete(p.bridge.ports, p.index)
		p.bridge = nil
	}
	s.recount(p, f.At)
}

// status3 is a link's state as ifStatus has it.
func status3(admin, oper, carrier string) uint8 {
	switch {
	case admin == "down":
		return 0
	case oper == "up", carrier == "up" && (oper == "unknown" || oper == ""):
		return 3
	}
	return 1
}

// saidPort returns the port that an agent speaks of, which it makes.
func (s *Site) saidPort(n *node, f *fact.Fact, index uint32, name string) *port {
	p := n.ports[index]
	if p != nil {
		s.met(p, name)
	}
	if p != nil && p.name != name {
		if n.byName[p.name] == p {
			delete(n.byName, p.name)
		}
		p.name = name
		n.byName[name] = p
	}
	if p == nil {
		if len(n.ports) >= maxPerNode {
			s.refused++
			return nil
		}
		p = &port{node: n, index: index, since: f.At, name: name, number: f.Agent, sub: f.Sub}
		if old := n.byName[name]; old != nil {
			s.inherit(p, old)
		}
		n.ports[index], n.byName[name] = p, p
	}
	p.said = f.At
	if p.gone {
		p.gone, p.goneAt, p.since = false, 0, f.At
	}
	return p
}

// portStatus takes a port's status from the host agent.
func (s *Site) portStatus(p *port, status uint8, at int64) {
	s.status(p, &fact.Detail{Status: status, Counted: true}, at)
}

// lldpSaid notes at which port of which switch a NIC is.
func (s *Site) lldpSaid(n *node, f *fact.Fact) {
	system, text := f.Detail.Text("system"), f.Detail.Text(witness.Port)
	for _, o := range s.order {
		if system == "" || o.name != system {
			continue
		}
		p := o.byName[text]
		if p == nil {
			p = o.byName[f.Detail.Text(witness.PortDesc)]
		}
		if p != nil {
			p = p.point()
			n.switchPort = p
			n.attached(p, f.At)
			if !slices.Contains(p.attached, n) && len(p.attached) < 64 {
				p.attached = append(p.attached, n)
			}
		}
	}
}
