package traffic

import (
	"fmt"
	"net/netip"
)

// routes finds the way of a flow through the agents.
type routes struct {
	peer  map[End]End // the other end of a link
	ports [][]uint32  // of each agent
	exact map[netip.Addr]End
	nets  []Host
	known map[[2]End][]Hop
}

func newRoutes(c *Config) *routes {
	r := &routes{peer: map[End]End{}, exact: map[netip.Addr]End{}, known: map[[2]End][]Hop{}}
	for _, a := range c.Agents {
		var ports []uint32
		for _, p := range a.Ports {
			ports = append(ports, p.Index)
		}
		r.ports = append(r.ports, ports)
	}
	for _, l := range c.Links {
		r.peer[l.A], r.peer[l.B] = l.B, l.A
	}
	for _, h := range c.Hosts {
		if h.Net.IsSingleIP() {
			r.exact[h.Net.Addr()] = h.At
		} else {
			r.nets = append(r.nets, h)
		}
	}
	return r
}

// attach returns the port behind which addr is: the longest prefix wins.
func (r *routes) attach(addr netip.Addr) (End, bool) {
	if e, ok := r.exact[addr]; ok {
		return e, true
	}
	var at End
	longest := -1
	for _, h := range r.nets {
		if h.Net.Bits() > longest && h.Net.Contains(addr) {
			at, longest = h.At, h.Net.Bits()
		}
	}
	return at, longest >= 0
}

// mac returns the Ethernet address that packets from addr arrive with: behind a
// network is its router's.
func (r *routes) mac(addr netip.Addr) [6]byte {
	if _, ok := r.exact[addr]; ok {
		return mac(addr)
	}
	for _, h := range r.nets {
		if h.Net.Contains(addr) {
			return mac(h.Net.Addr())
		}
	}
	return mac(addr)
}

func (r *routes) path(src, dst netip.Addr) ([]Hop, error) {
	from, ok := r.attach(src)
	if !ok {
		return nil, fmt.Errorf("no host has %s", src)
	}
	to, ok := r.attach(dst)
	if !ok {
		return nil, fmt.Errorf("no host has %s", dst)
	}
	if p, ok := r.known[[2]End{from, to}]; ok {
		return p, nil
	}
	p, ok := r.search(from, to)
	if !ok {
		return nil, fmt.Errorf("no way from %s to %s", src, dst)
	}
	r.known[[2]End{from, to}] = p
	return p, nil
}

// search is a breadth-first walk over the agents, by the ports a packet enters.
func (r *routes) search(from, to End) ([]Hop, bool) {
	type step struct {
		in   End
		prev int    // in steps
		out  uint32 // of the previous agent
	}
	steps := []step{{in: from, prev: -1}}
	seen := map[int]bool{from.Agent: true}
	for i := 0; i < len(steps); i++ {
		at := steps[i]
		if at.in.Agent == to.Agent {
			var path []Hop
			out := to.Port
			for j := i; j >= 0; j = steps[j].prev {
				path = append([]Hop{{Agent: steps[j].in.Agent, In: steps[j].in.Port, Out: out}}, path...)
				out = steps[j].out
			}
			return path, true
		}
		for _, p := range r.ports[at.in.Agent] {
			next, ok := r.peer[End{at.in.Agent, p}]
			if ok && !seen[next.Agent] {
				seen[next.Agent] = true
				steps = append(steps, step{in: next, prev: i, out: p})
			}
		}
	}
	return nil, false
}
