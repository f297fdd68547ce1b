package ovs

import (
	"errors"
	"fmt"
	"time"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// portsEvery is every how many polls ports are told that have not changed.
const portsEvery = 6

// Collect asks whether the database still answers and adds the state of every
// bridge.
func (s *Source) Collect(now time.Time, out *source.Snapshot) error {
	s.mu.Lock()
	db, err := s.db, s.err
	s.mu.Unlock()
	if db == nil {
		return err
	}
	if err := db.echo(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contact = now
	for _, name := range sorted(s.view.bridges) {
		s.state(out, &s.st, s.view.bridges[name])
	}
	if s.portsDue--; s.portsDue < 0 || s.again {
		s.portsDue, s.again = portsEvery-1, false
		clear(s.told)
	}
	s.ports(out)
	if s.view.left > 0 {
		err = fmt.Errorf("ovs: %d bridges and ports are more than the agent takes", s.view.left)
	}
	return errors.Join(err, s.denied, s.keeper.err)
}

// emit tells a change, and with it the bridge's new state.
func (s *Source) emit(sink source.Sink, c *change) {
	e := source.Event{Name: c.name, Subject: c.bridge.name, Before: c.before, After: c.after, Cause: c.cause}
	switch c.name {
	case witness.LinkUp, witness.LinkDown:
		e.Subject = c.port
		e.More = append(e.More, witness.String(witness.Kind, "ovs"))
	default:
		if c.port != "" {
			e.More = append(e.More, witness.String(witness.Port, c.port))
		}
	}
	s.mu.Lock()
	if b := s.view.bridges[c.bridge.name]; b != nil {
		var out source.Snapshot
		var st witness.Statement
		s.state(&out, &st, b)
		if p := b.ports[c.port]; p != nil {
			p.state(&out, &st, b.name)
		}
		e.State = &out
	}
	s.mu.Unlock()
	sink.Emit(e)
}

// state adds the statements of a bridge. The Source is locked.
func (s *Source) state(out *source.Snapshot, st *witness.Statement, b *bridge) {
	n := b.count()
	st.Begin(witness.ClassOVS, b.name)
	st.Add(witness.String(witness.SFlow, b.sflow), witness.Gauge32(witness.Ports, uint32(len(b.ports))))
	switch s.vswitch {
	case vswitchUp:
		st.Add(witness.String(witness.VSwitchd, "up"))
	case vswitchDown:
		st.Add(witness.String(witness.VSwitchd, "down"))
	}
	out.State(st)

	st.Begin(witness.ClassBridge, b.name)
	st.Add(witness.String(witness.Kind, "ovs"))
	if b.local != nil && s.vswitch != vswitchDown {
		for _, p := range [...]struct{ name, text string }{{witness.Oper, b.local.link}, {witness.Admin, b.local.admin}} {
			if p.text != "" {
				st.Add(witness.String(p.name, p.text))
			}
		}
	}
	st.Add(witness.Gauge32(witness.Ports, uint32(len(b.ports))), witness.Gauge32(witness.InstancePorts, uint32(n.instances)),
		witness.Gauge32(witness.Uplinks, uint32(n.uplinks)))
	if s.vswitch != vswitchDown { // who else writes link states
		st.Add(witness.Gauge32(witness.CarrierPorts, uint32(n.carrier)))
	}
	flows := s.counts[b.name]
	known := flows.answered && flows.asks < 3 && s.vswitch == vswitchUp
	if known {
		st.Add(witness.Gauge64(witness.Flows, flows.n))
	}
	st.Add(witness.String(witness.Forwarding, s.forwarding(b, flows.n, known)))
	out.State(st)
}

// ports adds the statements of the ports that are not told as they are now: which
// instance is behind which. A new port's index and state are known only after
// ovs-vswitchd has made it.
func (s *Source) ports(out *source.Snapshot) {
	for _, name := range sorted(s.view.bridges) {
		b := s.view.bridges[name]
		for _, port := range sorted(b.ports) {
			if p := b.ports[port]; s.told[port] != *p {
				p.state(out, &s.st, name)
				s.told[port] = *p
			}
		}
	}
}

func (p *port) state(out *source.Snapshot, st *witness.Statement, bridge string) {
	st.Begin(witness.ClassOVSPort, p.name)
	st.Add(witness.String(witness.Master, bridge))
	if p.ifIndex > 0 {
		st.Add(witness.Gauge32(witness.IfIndex, uint32(p.ifIndex)))
	}
	for _, v := range [...]struct{ name, text string }{
		{witness.Kind, p.kind}, {witness.Bond, p.bond}, {witness.IfaceID, p.ifaceID}, {witness.VMID, p.vm}, {witness.MAC, p.mac},
		{witness.Oper, p.link}, {witness.Admin, p.admin}, {witness.Reason, p.err},
		{witness.Network, p.network}, {witness.NetworkType, p.networkType},
	} {
		if v.text != "" {
			st.Add(witness.String(v.name, v.text))
		}
	}
	if p.segment > 0 {
		st.Add(witness.Gauge32(witness.Segment, p.segment))
	}
	out.State(st)
}

// forwarding says whether the bridge moves packets: not without a flow, and a
// userspace datapath not without ovs-vswitchd. The kernel's goes on for a while
// with what it remembers.
func (s *Source) forwarding(b *bridge, flows uint64, known bool) string {
	switch {
	case s.vswitch == vswitchDown && b.netdev, known && flows == 0:
		return "no"
	case s.vswitch == vswitchUp && known:
		return "yes"
	}
	return "unknown"
}
