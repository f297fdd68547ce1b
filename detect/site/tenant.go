package site

import (
	"encoding/binary"
	"net/netip"
	"slices"
)

// Tenancy is by what an instance of a project is known.
type Tenancy struct {
	Project   string
	UUID      string
	Ports     []Tap
	Addresses []netip.Addr
}

// Tap is a port of an instance, as the agent of its node names it.
type Tap struct {
	Agent netip.Addr
	Name  string
}

// Tenancies returns what is known of the instances whose project is. Call it from
// the Site's goroutine.
func (s *Site) Tenancies() (all []Tenancy) {
	for _, uuid := range sortedKeys(s.insts) {
		i := s.insts[uuid]
		if i.project == "" {
			continue
		}
		t := Tenancy{Project: i.project, UUID: uuid}
		macs := slices.Clone(i.macs)
		for _, p := range i.ports {
			if p == nil {
				continue
			}
			macs = append(macs, p.macs...)
			if p.name != "" && p.node != nil {
				t.Ports = append(t.Ports, Tap{p.node.addr, p.name})
			}
		}
		for _, m := range macs {
			a := s.macs[m]
			if a == nil || sharedMAC(m) {
				continue
			}
			for _, ip := range a.ips {
				addr := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, ip)))
				if ip != 0 && !slices.Contains(t.Addresses, addr) {
					t.Addresses = append(t.Addresses, addr)
				}
			}
		}
		all = append(all, t)
	}
	return all
}
