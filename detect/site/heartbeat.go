package site

import (
	"strconv"
	"strings"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// heartbeat takes what the agent says of itself every second.
func (s *Site) heartbeat(n *node, f *fact.Fact) {
	d, a := f.Detail, n.agentOf
	st := s.stream(n, f.Agent, f.Sub)
	st.speaks = hostAgent
	if a.keyed && !s.fresh(n, st, f) {
		return
	}
	a.stream = st
	s.before = a.at
	if n.name == "" || n.name != d.Entity {
		n.name = d.Entity
	}
	boot, _ := d.Uint(witness.BootTime)
	started, _ := d.Uint(witness.Started)
	seq, _ := d.Uint(witness.Sequence)
	id := d.Text(witness.BootID)
	switch {
	case a.bootID != "" && id != "" && id != a.bootID:
		s.rebooted(n, f.At, max(f.At/second-int64(boot), 0), "its boot id changed", a.bootID, id, Agent)
		n.stopping = 0
	case a.started != 0 && started > a.started:
		n.noteSince(s.before, f.At, n.self(), "weir-agent was started anew", itoa(a.started), itoa(started), Agent)
	case a.seq != 0 && seq > a.seq+5 && f.At-a.at > 5*second:
		n.noteSince(s.before, f.At, n.self(), itoa(seq-a.seq-1)+" heartbeats of weir-agent did not arrive, while it went on", "", "", Agent)
	}
	if n.stopping > f.At && a.started != 0 && started > a.started {
		n.stopping = 0
	}
	a.at, a.bootID, a.boot, a.started, a.seq = f.At, id, int64(boot)*second, started, seq
	s.agentConfig(n, f)
	if v := d.Text(witness.Version); v != a.version {
		if a.version != "" {
			n.noteSince(s.before, f.At, n.self(), "version of weir-agent", a.version, v, Agent)
		}
		a.version = v
	}
	if m := d.Text(witness.Modules); m != a.modules {
		if a.modules != "" {
			n.noteSince(s.before, f.At, n.self(), "modules of weir-agent", a.modules, m, Agent)
		}
		a.modules = m
	}
}

// agentConfig looks for a heartbeat that tells of less telemetry than before.
func (s *Site) agentConfig(n *node, f *fact.Fact) {
	d, a := f.Detail, n.agentOf
	if v := d.Text(witness.ConfigDigest); v != a.digest {
		if a.digest != "" {
			n.noteSince(s.before, f.At, n.self(), "configuration of weir-agent", a.digest, v, Agent)
			a.digestAt, a.digestWas = f.At, a.digest
		}
		a.digest = v
	}
	var facts []Noted
	budget, _ := d.Uint(witness.SamplingBudget)
	if a.budget > 0 && budget > 0 && budget*turnedDown <= a.budget {
		facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "packet samples a second", Before: itoa(a.budget), After: itoa(budget)})
	} else {
		a.budget = budget
	}
	for part := range strings.SplitSeq(d.Text(witness.Sampling), ",") {
		name, text, ok := strings.Cut(part, "=")
		rate, err := strconv.ParseUint(text, 10, 32)
		if !ok || err != nil || rate == 0 {
			continue
		}
		was := a.rates[name]
		switch {
		case budget > 0: // a rate that adapts says nothing of what is wanted
			if rate > was && (was != 0 || len(a.rates) < maxSaid) {
				a.rates[name] = rate
			}
		case was != 0 && rate >= turnedDown*was:
			facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "sampling rate of " + name, Before: "1:" + itoa(was), After: "1:" + itoa(rate)})
		case len(a.rates) < maxSaid && (was == 0 || rate > was || rate < was):
			a.rates[name] = rate
		}
	}
	if h, ok := d.Uint(witness.HeaderBytes); ok {
		if a.header != 0 && h*2 <= a.header && h < 64 {
			facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "octets of headers", Before: itoa(a.header), After: itoa(h)})
		} else {
			a.header = h
		}
	}
	if off := a.samplingOff(d.Text(witness.Modules)); off {
		facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "packet samples", Before: "on", After: "off"})
	}
	entity := n.entity("sampling", "")
	if len(facts) == 0 {
		s.unsay(TelemetryTampered, entity, "")
		return
	}
	s.raise(n, &finding{
		kind: TelemetryTampered, entity: entity, subject: n.subject(TypeNode, "sampling"), severity: detect.Critical, onset: f.At, witness: Agent,
		sure: 0.999, above: n.above(), hold: second, facts: facts, cause: "its configuration was changed",
		summary: "shows less than ever before: " + facts[0].What + " " + facts[0].After + " in place of " + facts[0].Before,
	})
}

// samplingOff reports whether an agent that took packet samples is configured to
// take none any more. One whose module fails still names it.
func (a *agent) samplingOff(modules string) bool {
	if strings.Contains(","+modules, ",sampling=ok") {
		a.samples = true
	}
	return a.samples && modules != "" && len(modules) < witness.MaxText-1 && !strings.Contains(","+modules, ",sampling=")
}
