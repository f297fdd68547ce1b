package link

import (
	"strconv"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// state appends what the interface is.
func (s *Source) state(i *Info, to *source.Snapshot) {
	master := ""
	if i.Master != 0 {
		master = s.table.Name(i.Master)
	}
	appendState(&s.st, i, master)
	to.State(&s.st)
}

// appendState begins st as the state of i, whose master has that name.
func appendState(st *witness.Statement, i *Info, master string) {
	st.Begin(witness.ClassLink, i.Name)
	st.Add(witness.Gauge32(witness.IfIndex, i.Index), witness.String(witness.Kind, i.Kind.String()))
	if master != "" {
		st.Add(witness.String(witness.Master, master))
	}
	st.Add(witness.String(witness.Oper, i.Oper.String()), witness.String(witness.Admin, upDown(i.Admin)),
		witness.String(witness.Carrier, upDown(i.Carrier)), witness.Gauge32(witness.MTU, i.MTU))
	if i.Ethernet {
		st.Add(witness.String(witness.MAC, i.MAC.String()))
	}
	if i.Speed > 0 {
		st.Add(witness.Gauge64(witness.Speed, i.Speed))
	}
	if i.LowerNS >= 0 {
		st.Add(witness.String(witness.PeerNetns, strconv.Itoa(int(i.LowerNS))))
	}
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// bridge is what is told of a Linux bridge.
type bridge struct {
	name string
	now  summary
	told summary
	seen bool // in this poll
	new  bool
}

// summary is the state of a bridge.
type summary struct {
	oper                         Oper
	admin                        bool
	ports, taps, uplinks, joined uint32 // joined: ports that have a carrier
	forwarding                   uint32 // ports that have one and forward
}

// gatherBridges finds out the state of all Linux bridges.
func (s *Source) gatherBridges(all []entry) {
	for _, b := range s.bridges {
		b.seen = false
	}
	for i := range all {
		e := &all[i].Info
		if e.Kind != Bridge {
			continue
		}
		b := s.bridges[e.Index]
		if b == nil {
			b = &bridge{new: true}
			s.bridges[e.Index] = b
		}
		b.name, b.seen = e.Name, true
		b.now = summary{oper: e.Oper, admin: e.Admin}
	}
	for i := range all {
		e := &all[i].Info
		b := s.bridges[e.Master]
		if e.Master == 0 || b == nil || !b.seen {
			continue
		}
		b.now.ports++
		if e.Kind == Tap {
			b.now.taps++
		} else {
			b.now.uplinks++
		}
		if e.Carrier {
			b.now.joined++
			if e.Port == PortForwarding {
				b.now.forwarding++
			}
		}
	}
	for index, b := range s.bridges {
		if !b.seen {
			delete(s.bridges, index)
		}
	}
}

// tellBridges appends the state of bridges: of all where all is true, else of
// those whose state has changed.
func (s *Source) tellBridges(all bool, to *source.Snapshot) {
	for _, b := range s.bridges {
		if !all && !b.new && b.now == b.told || !s.selects(b.name) {
			continue
		}
		b.new, b.told = false, b.now
		n := &b.now
		s.st.Begin(witness.ClassBridge, b.name)
		s.st.Add(witness.String(witness.Kind, "linux"), witness.String(witness.Oper, n.oper.String()),
			witness.String(witness.Admin, upDown(n.admin)), witness.Gauge32(witness.Ports, n.ports),
			witness.Gauge32(witness.InstancePorts, n.taps), witness.Gauge32(witness.Uplinks, n.uplinks),
			witness.Gauge32(witness.CarrierPorts, n.joined), witness.String(witness.Forwarding, n.forwards()))
		to.State(&s.st)
	}
}

// forwards says whether the bridge forwards: it is set up, and a port of it has
// a carrier and forwards.
func (n *summary) forwards() string {
	if n.admin && n.forwarding > 0 {
		return "yes"
	}
	return "no"
}
