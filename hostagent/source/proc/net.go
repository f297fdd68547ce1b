package proc

import (
	"time"

	"weir/decoder/sflow"
	"weir/hostagent/source/link"
)

// maxAdapters bounds host_adapters, so that the record fits a datagram.
const maxAdapters = 64

// tableAge is how old the table of interfaces may be for a poll.
const tableAge = 5 * time.Second

// net fills the counters of the node's own interfaces, and its adapters. What
// instances send passes taps and bridges too, and is counted where it leaves the
// node: only physical interfaces are added up. A node that has none, such as a
// container, has those that lie on no other.
func (s *Source) net(now time.Time, c *sflow.HostNetIO, a *sflow.HostAdapters) error {
	if err := s.links.Refresh(now, tableAge); err != nil {
		return err
	}
	physical := false
	s.links.Each(func(i *link.Info) bool {
		physical = physical || i.Kind == link.Physical
		return !physical
	})
	own := func(i *link.Info) bool {
		if physical {
			return i.Kind == link.Physical
		}
		return i.Kind == link.Veth && i.Master == 0 || i.Kind == link.Other && i.Driver != "tun"
	}
	*c = sflow.HostNetIO{}
	a.Adapters = a.Adapters[:0]
	n := 0
	s.links.Each(func(i *link.Info) bool {
		if own(i) {
			addStats(c, &i.Stats)
		}
		if n < maxAdapters && i.Ethernet && i.MAC != (sflow.MAC{}) && (own(i) || i.Kind == link.Bond || i.Kind == link.Bridge) {
			a.Adapters = sflow.AppendHostAdapter(a.Adapters, i.Index, i.MAC)
			n++
		}
		return true
	})
	return nil
}

func addStats(c *sflow.HostNetIO, n *link.Stats) {
	c.BytesIn += sflow.Counter64(n.RxBytes)
	c.PktsIn += sflow.Counter32(n.RxPackets)
	c.ErrsIn += sflow.Counter32(n.RxErrors)
	c.DropsIn += sflow.Counter32(n.RxDropped + n.RxMissedErrors)
	c.BytesOut += sflow.Counter64(n.TxBytes)
	c.PacketsOut += sflow.Counter32(n.TxPackets)
	c.ErrsOut += sflow.Counter32(n.TxErrors)
	c.DropsOut += sflow.Counter32(n.TxDropped)
}
