package agents

import (
	"net/netip"
	"time"
)

// Config is what the registries are told. The zero value works.
type Config struct {
	// Allow holds the networks agents may be in, by agent address and source
	// address; empty allows all. An agent whose address names nobody
	// (127.0.0.1) is judged by its source address alone.
	Allow  []netip.Prefix
	Limits Limits
}

// Limits bound what is kept, whatever arrives. Zero means the default. All
// but the first four hold for one agent; nothing that is at its limit slows
// down or removes what is below it.
type Limits struct {
	// Agents is how many are known at once; default 16,384. A further one is
	// refused and its datagrams are counted (Totals.RefusedFull). Places are
	// kept for the agents of the state file that have not spoken yet. Only
	// while the table is full do agents lose their place: those never heard for
	// longer than a minute when they are silent for an hour, others after a week.
	Agents int
	// Interfaces is how many are known at once; default 2^20. Samples of a
	// further one are counted, it has no name, speed or rates
	// (Totals.RefusedInterfaces).
	Interfaces int
	// Sources is how many data sources are known at once; default 2^21. Flow
	// samples of a further one keep the rate they say and share one vantage
	// point; their loss is not counted (Totals.RefusedSources).
	Sources int

	// AgentInterfaces and AgentSources are the same for one agent; default
	// 4,096 and 8,192. One silent for an hour makes room for a new one.
	AgentInterfaces int
	AgentSources    int
	// SubAgents is how many one agent has; default 64. Datagrams of a further
	// one take the place of the longest silent if that is silent for ten
	// minutes; else they are accepted, but their sequence is not followed
	// (Totals.RefusedSubAgents).
	SubAgents int
	// Hosts is how many hosts and virtual machines one agent describes; default
	// 1,024. One silent for an hour makes room; further ones are ignored
	// (Totals.RefusedHosts).
	Hosts int

	// AdmissionBurst is how many unknown agents are admitted at once, and
	// AdmissionRate how many per second after that; default 10,000 and 100.
	// Datagrams of others are refused, counted (Totals.RefusedRate) and not
	// detected on. Agents of the state file are admitted at once.
	AdmissionBurst int
	AdmissionRate  float64

	// Notices is how many events wait for who logs them; default 256. Further
	// ones are dropped and counted (Totals.NoticesDropped).
	Notices int
}

// DefaultLimits returns the limits used where a field is zero.
func DefaultLimits() Limits {
	return Limits{
		Agents: 16384, Interfaces: 1 << 20, Sources: 1 << 21,
		AgentInterfaces: 4096, AgentSources: 8192, SubAgents: 64, Hosts: 1024,
		AdmissionBurst: 10000, AdmissionRate: 100,
		Notices: 256,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	for _, f := range []struct {
		v *int
		d int
	}{
		{&l.Agents, d.Agents}, {&l.Interfaces, d.Interfaces}, {&l.Sources, d.Sources},
		{&l.AgentInterfaces, d.AgentInterfaces}, {&l.AgentSources, d.AgentSources},
		{&l.SubAgents, d.SubAgents}, {&l.Hosts, d.Hosts},
		{&l.AdmissionBurst, d.AdmissionBurst}, {&l.Notices, d.Notices},
	} {
		if *f.v <= 0 {
			*f.v = f.d
		}
	}
	if l.AdmissionRate <= 0 {
		l.AdmissionRate = d.AdmissionRate
	}
	return l
}

// Bounds that no one should need to change.
const (
	maxSpaces   = 8   // sequence spaces followed at once under one sub-agent or data source
	maxName     = 128 // octets of a name that are kept
	maxAdapters = 32  // MAC addresses of one host that are kept
	maxAliases  = 8   // former numbers of an agent that still find its names

	establishedAfter = time.Minute         // heard for this long, an agent is one to remember
	idleUnknown      = time.Hour           // silent for this long, an agent heard only briefly may be forgotten
	idleKnown        = 7 * 24 * time.Hour  // the same for the others
	forgetKnown      = 30 * 24 * time.Hour // silent for this long, an agent of the state file is not taken
	sweepEvery       = 10 * time.Second
	pruneEvery       = time.Minute
	moveAfter        = 5 * time.Second // at least so long must an old source be silent before its agent has moved
	overlapAfter     = time.Second     // heard so long after another source began, an agent's address is contested
	settleEvery      = time.Second
	warnSourceAfter  = 5 * time.Second // lets the agents behind one source gather before the warning
)
