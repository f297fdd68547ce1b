package agents

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"weir/decoder/sflow"
)

// pair is what a datagram says of its sender. IPv4 addresses are mapped.
type pair struct{ agent, source [16]byte }

// slot mixes the parts in which addresses differ. Senders can choose it: it
// finds a place in a cache, never in a table that must not degrade.
func (p *pair) slot() uint32 {
	h := binary.LittleEndian.Uint32(p.agent[12:]) ^ binary.LittleEndian.Uint32(p.agent[4:])
	h = h*0x9e3779b1 ^ binary.LittleEndian.Uint32(p.source[12:]) ^ binary.LittleEndian.Uint32(p.source[4:])
	h *= 0x85ebca6b
	return h ^ h>>15
}

// agent is one agent: an address, with the source address where that is needed.
// It belongs to the goroutine of its registry, but for the parts marked.
type agent struct {
	// Every datagram touches these: they share cache lines.
	key       pair
	last      int64 // ns since the epoch
	gap       int64 // ns, the longest recent silence between datagrams
	datagrams uint64
	tick      uint64 // of the registry, when last touched
	main      sub    // the first of subs

	number  uint32
	addr    netip.Addr // agent address; immutable
	source  netip.Addr // immutable
	local   bool       // addr names nobody, source is part of the identity; immutable
	known   bool       // from the state file; immutable
	dirty   bool       // changed since the last Publish
	gone    bool       // forgotten
	virtual bool       // a hypervisor or Open vSwitch by its counters
	taps    bool       // has a port whose name says it leads to an instance
	first   int64      // ns
	noticed int64      // ns, last notice about a restart
	pruned  int64      // ns, last prune

	subs    []*sub
	sources map[sourceKey]*source
	recent  *[recentSources]*source // in front of sources; from the first sample on
	nextNum uint32                  // number of the next data source
	hosts   map[sflow.DataSource]*host
	debts   *debts // nil: everything is read

	framesLost uint64 // as weir-agent says in its heartbeat

	// Published by the owner at the tick, read by anyone.
	pubFirst, pubLast, pubGap atomic.Int64
	heardSince                atomic.Int64 // ns, pubFirst or that of the agent it took over from
	contested                 atomic.Bool
	moved                     atomic.Bool // another source took over: the owner forgets it at the next tick

	// mu guards what the owner writes and others read: the map, names, speeds.
	// The owner reads without it.
	mu     sync.Mutex
	name   string
	label  string // what others call it; "" nothing
	ifaces map[uint32]*iface

	// Guarded by Shared.mu.
	aliases []uint32 // former numbers
}

// sub is one sub-agent.
type sub struct {
	id       uint32
	epoch    uint32 // of the registry, when last heard
	gen      uint32 // changes when the sub-agent starts anew: its data sources do too
	uptime   uint32 // ms
	before   uint32 // ms, uptime of the datagram before; 0 unknown
	at       int64  // ns, last datagram
	restarts uint32
	seq      tracker
	pools    poolWatch
}

// identity returns the address that names the agent in settings.
func (a *agent) identity() netip.Addr {
	if a.local {
		return a.source
	}
	return a.addr
}

// sub returns the sub-agent with this id, nil where there are too many.
func (r *Registry) sub(a *agent, id uint32) *sub {
	for _, s := range a.subs {
		if s.id == id {
			return s
		}
	}
	if len(a.subs) < r.sh.limits.SubAgents {
		s := &a.main
		if len(a.subs) > 0 {
			s = &sub{}
		}
		s.id, s.epoch = id, r.epoch
		a.subs = append(a.subs, s)
		return s
	}
	old := a.subs[0]
	for _, s := range a.subs {
		if s.at < old.at {
			old = s
		}
	}
	if time.Duration(a.last-old.at) < 10*time.Minute {
		r.counts.RefusedSubAgents++
		return nil
	}
	r.dropSources(a, old)
	*old = sub{id: id, epoch: r.epoch}
	return old
}

// dropSources forgets the data sources of a sub-agent that lost its place.
func (r *Registry) dropSources(a *agent, s *sub) {
	for k, src := range a.sources {
		if src.sub == s {
			delete(a.sources, k)
			r.sh.sources.Add(-1)
		}
	}
	if a.recent != nil {
		*a.recent = [recentSources]*source{}
	}
}

// established reports whether the agent is one to remember over a restart.
func (a *agent) established() bool {
	return a.known || a.datagrams > 1 && time.Duration(a.last-a.first) >= establishedAfter
}
