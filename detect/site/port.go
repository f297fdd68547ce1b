package site

import (
	"cmp"
	"slices"

	"weir/detect/site/fact"
)

// portFact takes identity and status of an interface.
func (s *Site) portFact(n *node, f *fact.Fact) {
	d := f.Detail
	p := n.ports[f.Index]
	if p == nil {
		if len(n.ports) >= maxPerNode {
			s.refused++
			return
		}
		p = &port{node: n, index: f.Index, since: f.At}
		n.ports[f.Index] = p
	}
	if p.stale(f.At) {
		return
	}
	s.met(p, d.Name)
	if p.name != d.Name {
		if n.byName[p.name] == p {
			delete(n.byName, p.name)
		}
		if old := n.byName[d.Name]; old != nil && old != p && d.Name != "" {
			s.inherit(p, old)
		}
		p.name = d.Name
		if d.Name != "" {
			n.byName[d.Name] = p
		}
	}
	if p.gone {
		p.since = f.At
	}
	p.isBridge, p.told = d.Bridge, f.At
	p.number, p.sub, p.gone, p.goneAt = f.Agent, f.Sub, false, 0
	p.speed = d.Speed
	n.grouped(p, d.Group)
	p.partner = d.Partner
	s.system(n, d.Actor)
	if d.Datapath != 0 || p.said == 0 { // else the host agent knows better
		p.instance, p.local = d.Instance && !p.internal, fact.IsLocalPort(d.OFPort) && d.Datapath != 0
		if p.instance {
			n.carriesInstances()
		}
	}
	s.status(p, d, f.At)
	if d.Datapath != 0 {
		s.join(p, d.Datapath)
		st := s.stream(n, f.Agent, f.Sub)
		if st.speaks == "" {
			st.speaks = openVSwitch
		}
		if p.bridge != nil {
			st.bridge = p.bridge
		}
	}
	n.dirty = true
}

// inherit lets a port that has come back under another index keep what is known
// of it.
func (s *Site) inherit(p, old *port) {
	p.macs, p.inst, p.wasUp, p.act, p.network = old.macs, old.inst, old.wasUp || p.wasUp, old.act, old.network
	for _, m := range p.macs {
		if a := s.macs[m]; a != nil && a.home == old {
			a.home = p
		}
	}
	if p.inst != nil {
		p.inst.replace(old, p)
	}
	if b := old.bridge; b != nil {
		delete(b.ports, old.index)
	}
	delete(p.node.ports, old.index)
	old.gone = true
}

// status takes a port's status.
func (s *Site) status(p *port, d *fact.Detail, at int64) {
	if !d.Counted {
		return
	}
	was := p.status
	if !p.counted || was != d.Status || p.unknown != d.Unknown {
		p.changed, p.before = at, was
		if p.counted && was != d.Status {
			if p.said == at {
				p.node.noteSince(s.before, at, p.entity(), "status of "+s.shown(p), statusText(was), statusText(d.Status), Agent)
			} else { // at any time since the poll before
				p.node.noteSince(cmp.Or(s.before, at-s.pollOf(p)), at, p.entity(), "status of "+s.shown(p), statusText(was), statusText(d.Status), Passive)
			}
		}
	}
	if !p.counted {
		// After a restart: what is down now may be told already.
		p.wasUp = s.active(InterfaceDown, p.entity()) != nil || s.active(InstanceUnreachable, p.instanceEntity()) != nil ||
			p.bridge != nil && s.active(BridgeDown, p.bridge.entity()) != nil
	}
	p.counted, p.status, p.unknown = true, d.Status, d.Unknown
	if p.up() {
		p.wasUp, p.goodAt, p.downAt = true, at, 0
	} else if p.downAt == 0 {
		if p.wasUp { // it was at the poll before, or until now
			p.goodAt = max(p.goodAt, cmp.Or(s.before, at))
		}
		p.downAt = at
	}
}

func statusText(v uint8) string {
	switch v {
	case 3:
		return "up"
	case 1:
		return "no carrier"
	case 0:
		return "down"
	case fact.StatusNew:
		return "unknown"
	}
	return "oper up, admin down"
}

// join puts a port into the bridge of its datapath. A datapath's id follows the
// lowest MAC address of its ports and may change; its own port's name does not.
func (s *Site) join(p *port, datapath uint64) {
	n := p.node
	if p.local {
		b := n.bridges[p.name]
		if b == nil {
			b = &bridge{node: n, name: p.name, ports: map[uint32]*port{}}
			n.bridges[p.name] = b
		}
		b.local = p
		if !slices.Contains(b.datapaths, datapath) {
			b.datapaths = append(b.datapaths, datapath)
			if len(b.datapaths) > 4 {
				b.datapaths = b.datapaths[1:]
			}
		}
		for _, o := range n.ports {
			if o.datapath == datapath {
				s.enter(o, b)
			}
		}
	}
	p.datapath = datapath
	for _, b := range n.bridges {
		if slices.Contains(b.datapaths, datapath) {
			s.enter(p, b)
		}
	}
}

// enter makes p a port of b.
func (s *Site) enter(p *port, b *bridge) {
	if p.bridge != b {
		if old := p.bridge; old != nil {
			delete(old.ports, p.index)
			old.vacated = old.vacated || old.gone && p.instance
		}
		p.bridge = b
	}
	b.ports[p.index] = p
	if b.gone {
		b.gone, b.removed, b.vacated = false, false, false
		p.node.dirty = true
	}
}

// portGone notes that a port is polled no more while its agent goes on.
func (s *Site) portGone(n *node, f *fact.Fact) {
	s.unpolled(n, f)
	p := n.ports[f.Index]
	if p == nil || p.gone || p.number != f.Agent {
		return
	}
	p.gone, p.goneAt, p.polled, p.missedAt = true, f.At, int64(f.A), s.now
	if len(n.left) < maxPerNode {
		n.left = append(n.left, p)
	}
	n.noteSince(f.At, f.At+max(int64(f.A), second), p.entity(), "port_gone: "+p.label()+" is polled no more", statusText(p.status), "", Passive)
	n.dirty = true
}

// portMAC notes an address that sends at an instance's port.
func (s *Site) portMAC(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	if p == nil || sharedMAC(f.A) || infrastructure(p.name) {
		return
	}
	a := s.address(f.A)
	if a == nil {
		return
	}
	if ip := uint32(f.B); ip != 0 && !slices.Contains(a.ips, ip) && len(a.ips) < 4 {
		a.ips = append(a.ips, ip)
		s.watching = true
	}
	switch old := a.home; {
	case old == p:
		return
	case s.contested(old, p):
		s.contest(a, p)
		return
	}
	s.settle(a)
	s.housed(a, p, f.At)
}

// housed notes that an address is at p now.
func (s *Site) housed(a *address, p *port, at int64) {
	if old := a.home; old != nil && old != p {
		old.macs = slices.DeleteFunc(old.macs, func(m uint64) bool { return m == a.mac })
		if old.node != p.node {
			s.moved(a, old, p, at)
		}
	}
	a.home = p
	if len(p.macs) < 8 && !slices.Contains(p.macs, a.mac) {
		p.macs = append(p.macs, a.mac)
	}
	p.node.join(s, p, a.mac)
	p.node.dirty = true
}

// join joins a port with the instance that was described with its address before
// the port was known.
func (n *node) join(s *Site, p *port, mac uint64) {
	if p.inst != nil {
		return
	}
	for _, uuid := range sortedKeys(n.insts) {
		if i := n.insts[uuid]; slices.Contains(i.macs, mac) {
			s.bind(i, p)
			return
		}
	}
}
