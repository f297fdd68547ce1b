package site

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// instanceSaid takes the state of an instance.
func (s *Site) instanceSaid(n *node, f *fact.Fact) {
	d := f.Detail
	i := s.instance(d.Entity)
	if i == nil {
		return
	}
	if s.elsewhere(i, n) { // a cloned image, or a migration's moment
		for part := range strings.SplitSeq(d.Text(witness.Taps), ",") {
			tap, _, _ := strings.Cut(part, "=")
			if p := n.byName[tap]; p != nil {
				p.domainAt = f.At
			}
		}
		return
	}
	s.name(i, n, d)
	i.saidAt, i.orphan = f.At, d.Text(witness.Orphan)
	i.owned(d)
	for part := range strings.SplitSeq(d.Text(witness.Taps), ",") {
		tap, mac, _ := strings.Cut(part, "=")
		if p := n.byName[tap]; p != nil {
			p.domainAt = f.At
			s.bind(i, p)
			if m, ok := parseMAC(mac); ok && !sharedMAC(m) {
				s.macAt(p, m, f.At)
			}
		}
		if m, ok := parseMAC(mac); ok && !slices.Contains(i.macs, m) && len(i.macs) < 16 {
			i.macs = append(i.macs, m)
		}
	}
	if st := d.Text(witness.State); st != "" {
		s.instanceState(i, st, d.Text(witness.Reason), f.At, Agent)
	}
}

// name takes how an instance is called, and where it is.
func (s *Site) name(i *instance, n *node, d *fact.Detail) {
	i.name = cmp.Or(d.Text(witness.NovaName), i.name)
	i.domain = cmp.Or(d.Text(witness.Name), i.domain)
	i.owned(d)
	if i.node != nil && i.node != n {
		s.settled(i, n)
	}
	i.place(n)
}

// saidFor is for how long what a host agent said of an instance holds: it says so
// again every minute.
const saidFor = 70 * second

// elsewhere reports whether an instance that a node speaks of runs on another one,
// as that one's host agent said last.
func (s *Site) elsewhere(i *instance, n *node) bool {
	return i.node != nil && i.node != n && i.state == "running" && i.leaving == 0 && s.now-i.saidAt < saidFor && !i.node.silent
}

// macAt notes an address at a port on the host agent's word.
func (s *Site) macAt(p *port, m uint64, at int64) {
	s.portMAC(p.node, &fact.Fact{At: at, Index: p.index, A: m})
}

func parseMAC(text string) (uint64, bool) {
	parts := strings.Split(text, ":")
	if len(parts) != 6 {
		return 0, false
	}
	var m uint64
	for _, p := range parts {
		v, err := strconv.ParseUint(p, 16, 8)
		if err != nil {
			return 0, false
		}
		m = m<<8 | v
	}
	return m, true
}
