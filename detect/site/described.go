package site

import (
	"encoding/hex"
	"fmt"
	"slices"

	"weir/decoder/sflow"
	"weir/detect/site/fact"
)

// described takes the description of a host or virtual machine.
func (s *Site) described(n *node, f *fact.Fact) {
	d := f.Detail
	src := sflow.DataSource{Class: d.Class, Index: f.Index}
	h := n.hosts[src]
	if h == nil {
		if len(n.hosts) >= maxPerNode {
			s.refused++
			return
		}
		h = &host{src: src}
		n.hosts[src] = h
	}
	h.name, h.uuid, h.parent, h.gone = d.Name, uuidText(d.UUID), d.Virtual, false
	h.macs, h.ports = h.macs[:0], d.Ports
	for _, m := range d.MACs {
		h.macs = append(h.macs, fact.MAC(m))
	}
	n.dirty = true
	if d.Virtual || d.Class == sflow.ClassLogical {
		s.meet(n, h)
		return
	}
	if d.Name != "" && n.name != d.Name {
		n.name = d.Name
	}
	if st := s.stream(n, f.Agent, f.Sub); st.speaks == "" {
		who := "the host's agent"
		if f.Sub >= hsflowdSub {
			who = hsflowd
		}
		s.introduced(st, who)
	}
	for k, m := range h.macs {
		// Adapters of a hypervisor are its taps too: those belong to instances.
		if k < len(h.ports) && h.ports[k] != 0 {
			if p := n.ports[h.ports[k]]; p != nil && p.instance {
				continue
			}
		}
		if sharedMAC(m) || m>>40 == 0xfe {
			continue
		}
		a := s.address(m)
		if a == nil {
			break
		}
		if o := a.owner; o != nil && o != n && o.heard && !o.silent {
			a.many = true
			continue
		}
		if o := a.owner; o != nil && o != n { // it has another address now
			o.own = slices.DeleteFunc(o.own, func(x uint64) bool { return x == m })
		}
		a.owner = n
		if !slices.Contains(n.own, m) && len(n.own) < 64 {
			n.own = append(n.own, m)
		}
	}
}

// meet joins a described virtual machine with its instance and ports.
func (s *Site) meet(n *node, h *host) *instance {
	if h.uuid == "" {
		return nil
	}
	i := s.instance(h.uuid)
	if i == nil || s.elsewhere(i, n) {
		return nil
	}
	if i.node != nil && i.node != n {
		s.settled(i, n)
	}
	i.host, i.unseen = h, false
	i.place(n)
	if i.domain == "" {
		i.domain = h.name
	}
	for k, m := range h.macs {
		if !slices.Contains(i.macs, m) && len(i.macs) < 16 {
			i.macs = append(i.macs, m)
		}
		if k < len(h.ports) && h.ports[k] != 0 {
			if p := n.ports[h.ports[k]]; p != nil {
				s.bind(i, p)
			}
		}
		if a := s.macs[m]; a != nil && a.home != nil && a.home.node == n {
			s.bind(i, a.home)
		}
	}
	return i
}

func uuidText(u [16]byte) string {
	if u == [16]byte{} {
		return ""
	}
	t := hex.EncodeToString(u[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", t[:8], t[8:12], t[12:16], t[16:20], t[20:])
}
