package site

import (
	"time"

	"weir/decoder/sflow"
	"weir/detect/site/fact"
)

const (
	second      = int64(time.Second)
	millisecond = int64(time.Millisecond)
)

// apply takes one fact into the model.
func (s *Site) apply(f *fact.Fact) {
	s.before = f.Before()
	if f.Kind == fact.Sender {
		s.sender(f)
		return
	}
	n := s.byNumber[f.Agent]
	if n == nil {
		return // a node for which there is no place, or from before an epoch
	}
	switch f.Kind {
	case fact.Alive:
		s.alive(n, f)
	case fact.Voices:
		s.voices(n, f)
	case fact.Port:
		s.portFact(n, f)
	case fact.PortGone:
		s.portGone(n, f)
	case fact.PortActive:
		s.portActive(n, f)
	case fact.PortFlat:
		if p := n.ports[f.Index]; p != nil && f.A < 2 {
			p.flat[f.A] = flat{at: f.At, nats: float64(f.C) / 1000, offered: float64(uint32(f.B))}
			if ms := int64(f.B >> 32); ms > 0 {
				p.flat[f.A].since = f.At - ms*millisecond
			}
			n.dirty = true
		}
	case fact.PortErrors:
		if p := n.ports[f.Index]; p != nil {
			p.errs.add(f.At, f.A, f.B, f.C)
			n.dirty = true
		}
	case fact.PortMAC:
		s.portMAC(n, f)
	case fact.PortWays:
		s.portWays(n, f)
	case fact.PortOpened:
		s.portOpened(n, f)
	case fact.PortStrange:
		s.portStrange(n, f)
	case fact.Carried:
		s.carried(f)
	case fact.PortSpoke:
		s.portSpoke(n, f)
	case fact.Forwards:
		s.forwards(n, f)
	case fact.Polled:
		s.polled(n, f)
	case fact.Unsampled:
		s.unsampled(n, f)
	case fact.Sampling, fact.HeaderBytes:
		s.sampling(n, f)
	case fact.Seen:
		s.seen(n, f)
	case fact.Asked:
		s.askedFor(f)
	case fact.Discards:
		n.discards.add(f.At, max(n.first, s.started), f.A, uint32(f.B))
		n.filtering.drop(f.At, float64(f.A))
		n.dirty = true
	case fact.Said:
		s.said(n, f)
	default:
		s.hostFact(n, f)
	}
}

// hostFact takes what an agent says of hosts and virtual machines.
func (s *Site) hostFact(n *node, f *fact.Fact) {
	switch f.Kind {
	case fact.Host:
		s.described(n, f)
	case fact.HostGone:
		if h := n.hosts[sflow.DataSource{Class: uint32(f.A), Index: f.Index}]; h != nil {
			h.gone = true
			s.hostGone(n, h, f.At)
		}
	case fact.VirtState:
		s.virtState(n, f)
	case fact.VirtNode:
		n.noteSince(s.before, f.At, n.self(), "number of running domains changed", itoa(f.B), itoa(f.A), Passive)
	case fact.HostUptime:
		s.rebooted(n, f.At, int64(f.A), "its uptime fell", itoa(f.B)+" s", itoa(f.A)+" s", Passive)
	case fact.HostLoad:
		s.load(n, f)
	}
}
