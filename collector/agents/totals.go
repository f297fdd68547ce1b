package agents

import "slices"

// Totals are running counts over all agents, also those forgotten, and the use
// of bounds. Each only grows, but for the last group.
type Totals struct {
	Datagrams          uint64 // arrivals, admitted or not
	LostDatagrams      uint64 // by sequence
	DuplicateDatagrams uint64
	FlowSamples        uint64
	LostFlowSamples    uint64 // by sequence, those of lost datagrams included
	CounterSamples     uint64
	LostCounterSamples uint64
	DiscardSamples     uint64
	LostDiscardSamples uint64
	MetricSamples      uint64
	Restarts           uint64 // of sub-agents

	RefusedAllow      uint64 // datagrams of agents outside the allowed networks
	RefusedRate       uint64 // datagrams of agents not yet admitted
	RefusedFull       uint64 // datagrams of agents for which there is no place
	RefusedSubAgents  uint64 // datagrams
	RefusedSources    uint64 // samples
	RefusedInterfaces uint64 // counter samples
	RefusedHosts      uint64 // counter samples
	NoticesDropped    uint64
	Admitted          uint64 // agents

	Agents, MaxAgents         int // known now
	Waiting                   int // of the state file, not yet heard
	Interfaces, MaxInterfaces int
	Sources, MaxSources       int
}

// counts are a registry's own, not yet published.
type counts struct {
	Totals

	// What was called lost may still arrive late.
	lostDatagrams, lostFlows, lostCounters, lostDiscards int64
}

// publishTotals copies the counts for others.
func (r *Registry) publishTotals() {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.pub
	r.pub = r.counts.Totals
	// Late arrivals take loss back; a running count does not fall.
	r.pub.LostDatagrams = grown(old.LostDatagrams, r.counts.lostDatagrams)
	r.pub.LostFlowSamples = grown(old.LostFlowSamples, r.counts.lostFlows)
	r.pub.LostCounterSamples = grown(old.LostCounterSamples, r.counts.lostCounters)
	r.pub.LostDiscardSamples = grown(old.LostDiscardSamples, r.counts.lostDiscards)
}

func grown(old uint64, now int64) uint64 { return max(old, uint64(max(now, 0))) }

// Totals returns the counts as of each registry's last Tick.
func (sh *Shared) Totals() Totals {
	sh.mu.RLock()
	registries := slices.Clone(sh.registries)
	t := Totals{Agents: sh.agents, Waiting: len(sh.waiting), Admitted: sh.admitted}
	sh.mu.RUnlock()
	for _, r := range registries {
		r.mu.Lock()
		t.add(&r.pub)
		r.mu.Unlock()
	}
	t.NoticesDropped = sh.noticesDropped.Load()
	t.MaxAgents = sh.limits.Agents
	t.Interfaces, t.MaxInterfaces = int(sh.interfaces.Load()), sh.limits.Interfaces
	t.Sources, t.MaxSources = int(sh.sources.Load()), sh.limits.Sources
	return t
}

// add adds the running counts of o.
func (t *Totals) add(o *Totals) {
	for _, f := range []struct {
		to   *uint64
		from uint64
	}{
		{&t.Datagrams, o.Datagrams}, {&t.LostDatagrams, o.LostDatagrams}, {&t.DuplicateDatagrams, o.DuplicateDatagrams},
		{&t.FlowSamples, o.FlowSamples}, {&t.LostFlowSamples, o.LostFlowSamples},
		{&t.CounterSamples, o.CounterSamples}, {&t.LostCounterSamples, o.LostCounterSamples},
		{&t.DiscardSamples, o.DiscardSamples}, {&t.LostDiscardSamples, o.LostDiscardSamples},
		{&t.MetricSamples, o.MetricSamples}, {&t.Restarts, o.Restarts},
		{&t.RefusedAllow, o.RefusedAllow}, {&t.RefusedRate, o.RefusedRate}, {&t.RefusedFull, o.RefusedFull},
		{&t.RefusedSubAgents, o.RefusedSubAgents}, {&t.RefusedSources, o.RefusedSources},
		{&t.RefusedInterfaces, o.RefusedInterfaces}, {&t.RefusedHosts, o.RefusedHosts},
	} {
		*f.to += f.from
	}
}
