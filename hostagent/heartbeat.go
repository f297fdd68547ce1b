package hostagent

import (
	"context"
	"time"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// beatEvery is the time between two heartbeats.
const beatEvery = time.Second

// maxModules bounds the list of modules in a heartbeat, in octets.
const maxModules = 512

// beat tells every second that the agent lives.
func (a *Agent) beat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	var st witness.Statement
	var modules []byte
	for n := uint64(1); ; n++ {
		modules = a.heartbeat(&st, modules, n, time.Now())
		a.packer.Sample(&st, false)
		a.notify()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// heartbeat builds heartbeat number n in st; modules is a buffer that it
// returns.
func (a *Agent) heartbeat(st *witness.Statement, modules []byte, n uint64, now time.Time) []byte {
	modules = modules[:0]
	var errors uint64
	var t source.Telling
	for i, m := range a.modules {
		if i > 0 {
			modules = append(modules, ',')
		}
		modules = m.status(modules, now)
		m.mu.Lock()
		errors += m.errors
		m.mu.Unlock()
		if s, ok := m.source.(source.Teller); ok {
			s.Tell(&t)
		}
	}
	stats := a.packer.Stats()
	st.Begin(witness.ClassHeartbeat, a.id.node)
	st.Add(witness.Counter64(witness.Sequence, n), witness.String(witness.BootID, a.id.bootID))
	if a.id.bootTime > 0 {
		st.Add(witness.Counter64(witness.BootTime, uint64(a.id.bootTime)))
	}
	st.Add(witness.Counter64(witness.Started, uint64(a.id.started)), witness.String(witness.Version, a.io.Version),
		witness.String(witness.ConfigDigest, a.io.Digest), witness.String(witness.Modules, string(modules[:min(len(modules), maxModules)])),
		witness.Counter64(witness.ModuleErrors, errors), witness.Counter64(witness.SamplesLost, stats.Lost),
		witness.Counter64(witness.PacketSamples, stats.Flows), witness.Counter64(witness.Datagrams, a.sender.Sent()))
	if !t.LibvirtContact.IsZero() {
		st.Add(witness.Counter64(witness.LibvirtContact, uint64(t.LibvirtContact.Unix())))
	}
	if !t.OVSContact.IsZero() {
		st.Add(witness.Counter64(witness.OVSContact, uint64(t.OVSContact.Unix())))
	}
	if t.Sampling != "" {
		st.Add(witness.String(witness.Sampling, t.Sampling), witness.Gauge32(witness.HeaderBytes, t.HeaderBytes))
	}
	a.signer.Sign(st)
	return modules
}

// started is the event that the agent runs.
func (a *Agent) started() source.Event {
	return source.Event{Name: witness.AgentStarted, Subject: a.id.node, At: a.start, More: []witness.Pair{
		witness.String(witness.BootID, a.id.bootID), witness.Counter64(witness.BootTime, uint64(a.id.bootTime)),
		witness.String(witness.Version, a.io.Version),
	}}
}

// stopping tells that the agent ends, and why, three times at once: nobody is
// left to repeat it.
func (a *Agent) stopping() {
	e := source.Event{Name: witness.AgentStopping, Cause: "exit"}
	if a.io.Stop != nil {
		e = a.io.Stop()
	}
	e.Name, e.Subject, e.At = witness.AgentStopping, a.id.node, time.Now()
	a.events.last(e)
}

// notify tells systemd that the agent lives.
func (a *Agent) notify() {}
