package site

import (
	"cmp"
	"net/netip"
	"slices"

	"weir/detect/site/fact"
)

// seen notes that a watched address sends somewhere else than at its home.
func (s *Site) seen(n *node, f *fact.Fact) {
	m := f.A
	s.routerSeen(n, f)
	var a *address
	if m&fact.HostIP != 0 {
		if a = s.hostAddress(uint32(m)); a == nil {
			return
		}
	} else if a = s.macs[m]; a == nil {
		return
	}
	var place *seen
	for i := range a.seen {
		if x := s.current(&a.seen[i]); x.number == f.Agent && x.sub == f.Sub {
			place = x
		}
	}
	if place == nil {
		if len(a.seen) < maxSights {
			a.seen = append(a.seen, seen{})
		} else {
			slices.SortFunc(a.seen, func(x, y seen) int { return cmp.Compare(y.last, x.last) })
		}
		place = &a.seen[len(a.seen)-1]
		*place = seen{number: f.Agent, sub: f.Sub}
	}
	place.add(f.At, f.C)
	place.input = uint32(f.B)
	if owner := a.node(); owner != nil {
		if owner.silent {
			owner.dirty = true
		}
		if p := n.ports[place.input]; p != nil && n != owner && !p.instance {
			s.attach(owner, a, p)
		}
	}
}

// node is the node that an address is on.
func (a *address) node() *node {
	if a.owner != nil {
		return a.owner
	}
	if a.home != nil {
		return a.home.node
	}
	return nil
}

// attach notes at which port of a switch a node's own address enters. Uplinks
// carry the addresses of many nodes: the port with the fewest is where it is, of
// those with as many the slower one.
// The uplink of another hypervisor carries them too, and is no cause of anything.
func (s *Site) attach(n *node, a *address, p *port) {
	if a.owner == n {
		s.attachTo(n, p)
	}
}

// attachTo notes that a node is attached to a port of a switch.
func (s *Site) attachTo(n *node, p *port) {
	if p.node.carries {
		return
	}
	p = p.point()
	n.attached(p, s.now)
	if slices.Contains(p.attached, n) {
		return
	}
	if len(p.attached) < 64 {
		p.attached = append(p.attached, n)
	}
	if q := n.switchPort; q == nil || p.nearer(q) || q.point() == p {
		n.switchPort = p
	}
}

// carriesInstances notes that a node is no switch: nobody is attached to it.
func (n *node) carriesInstances() {
	if n.carries {
		return
	}
	n.carries = true
	for _, p := range n.ports {
		for _, o := range p.attached {
			if o.switchPort == p {
				o.switchPort = nil
			}
		}
		p.attached = nil
	}
}

// hostAddress returns the pseudo-address of a node that is known by its IPv4
// address alone.
func (s *Site) hostAddress(ip uint32) *address {
	key := uint64(ip) | fact.HostIP
	if a := s.macs[key]; a != nil {
		return a
	}
	n := s.nodes[netip.AddrFrom4([4]byte{byte(ip >> 24), byte(ip >> 16), byte(ip >> 8), byte(ip)}).String()]
	if n == nil {
		return nil
	}
	a := s.address(key)
	if a != nil {
		a.owner = n
		n.own = append(n.own, key)
	}
	return a
}
