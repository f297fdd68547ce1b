package series

import (
	"time"

	"weir/collector/agents"
	"weir/decoder/sflow"
)

// stateClasses are what is written of a state every interval, and alerts.
func stateClasses() []*Class {
	return []*Class{agentClass, dataSource, topClass, topTotal, alertEvents, alertState, alertsOpen, Weir, WeirSink, WeirBound, WeirSkipped}
}

var agentClass = &Class{
	Name: "agent", Tags: agentTags, Help: "health of an agent",
	Fields: fields([]Field{{Name: "silent_seconds", Unit: Seconds, Help: "since it was last heard"}, {Name: "loss_percent", Unit: Percent, Help: "of its datagrams, by sequence, since it is known"}},
		counters(Count, "datagrams", "lost_datagrams", "duplicate_datagrams", "restarts"),
		gauges(Count, "interfaces", "sources", "hosts"), gauges(Flag, "hypervisor"),
		[]Field{{Name: "contested", Unit: Flag, Help: "another source address claims the same agent address"}}),
}

var dataSource = &Class{
	Name: "data_source", Tags: []string{"agent", "agent_name", "source", "if_index", "if_name", "direction"},
	Help: "how a data source samples",
	Fields: fields([]Field{
		{Name: "sampling_rate", Unit: OneIn, Help: "as configured in the agent"},
		{Name: "effective_rate", Unit: OneIn, Help: "as its sample_pool shows; left out where it shows nothing"},
		{Name: "used_rate", Unit: OneIn, Help: "what samples are multiplied with"},
		{Name: "drops", Unit: Count, Counter: true, Help: "samples the agent itself lost"},
	}, counters(Count, "flow_samples", "flow_samples_lost", "counter_samples", "counter_samples_lost")),
}

// AddAgents adds what is known of the agents, as of now.
func AddAgents(b *Batch, all []*agents.AgentInfo, now time.Time) {
	at := now.UnixNano()
	for _, a := range all {
		l := a.Caption()
		p, v := b.Add(agentClass, at)
		p.Tags[0], p.Tags[1] = l.Agent, l.Name
		var sum agents.SequenceInfo
		restarts := uint64(0)
		for _, s := range a.SubAgents {
			sum.Received += s.Datagrams.Received
			sum.Lost += s.Datagrams.Lost
			sum.Duplicates += s.Datagrams.Duplicates
			restarts += uint64(s.Restarts)
		}
		b.Done(append(v, Number(max(now.Sub(a.LastHeard).Seconds(), 0)), Number(100*sum.LossRatio()),
			Whole(a.Datagrams), Whole(sum.Lost), Whole(uint64(sum.Duplicates)), Whole(restarts),
			Whole(uint64(len(a.Interfaces))), Whole(uint64(len(a.Sources))), Whole(uint64(len(a.Hosts))),
			Yes(a.Hypervisor), Yes(a.Contested)))
		for i := range a.Sources {
			addSource(b, l, a, &a.Sources[i], at)
		}
	}
}

// addSource adds a data source that samples packets.
func addSource(b *Batch, l agents.Caption, a *agents.AgentInfo, s *agents.SourceInfo, at int64) {
	if s.SamplingRate == 0 {
		return
	}
	p, v := b.Add(dataSource, at)
	p.Tags[0], p.Tags[1], p.Tags[2], p.Tags[5] = l.Agent, l.Name, s.Source.String(), s.Direction
	if s.Source.Class == sflow.ClassInterface {
		name := ""
		for i := range a.Interfaces {
			if a.Interfaces[i].Index == s.Source.Index {
				name = a.Interfaces[i].Name
			}
		}
		p.Tags[3], p.Tags[4] = portNames(s.Source.Index, name)
	}
	effective := Value{}
	if s.EffectiveRate > 0 {
		effective = Number(s.EffectiveRate)
	}
	b.Done(append(v, u32(s.SamplingRate), effective, u32(s.UsedRate), u32(s.Drops),
		Whole(s.Flows.Received), Whole(s.Flows.Lost), Whole(s.Counters.Received), Whole(s.Counters.Lost)))
}
