package hostagent

import (
	"context"
	"time"

	"weir/decoder/witness"
	"weir/hostagent/process"
	"weir/hostagent/source"
)

// beatEvery is the time between two heartbeats.
const beatEvery = time.Second

// maxModules bounds the list of modules in a heartbeat, in octets.
const maxModules = witness.MaxText

// beat tells every second that the agent lives, until ctx is done. It waits for
// nobody but the kernel.
func (a *Agent) beat(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	watchdog := process.NewWatchdog()
	var h heartbeat
	for n := uint64(1); ; n++ {
		now := time.Now()
		h.fill(a, n, now)
		a.packer.Sample(&h.st, false)
		a.packer.Flush() // now: waking once more for it would double what an idle second costs
		a.sender.Retry()
		a.plain.Retry()
		watchdog.Beat(now)
		timer.Reset(source.UntilBeat(time.Now(), beatEvery))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

// heartbeat is a statement and the buffers that it needs.
type heartbeat struct {
	st      witness.Statement
	modules []byte
}

// fill builds heartbeat number n.
func (h *heartbeat) fill(a *Agent, n uint64, now time.Time) {
	var t source.Telling
	a.mu.Lock()
	failures, digest := a.gone, a.digest
	h.modules = h.modules[:0]
	for i, m := range a.modules {
		if i > 0 {
			h.modules = append(h.modules, ',')
		}
		h.modules = m.status(h.modules, now)
		failures += m.failures()
		m.tell(&t)
	}
	a.mu.Unlock()
	stats := a.packer.Stats()
	sent, lost := a.sender.Sent()
	h.st.Begin(witness.ClassHeartbeat, a.id.node)
	h.st.Add(
		witness.Counter64(witness.Sequence, n),
		witness.String(witness.BootID, a.id.bootID),
		witness.Counter64(witness.Started, uint64(a.id.started)),
		witness.String(witness.Version, a.io.Version),
		witness.String(witness.ConfigDigest, digest),
		witness.String(witness.Modules, string(h.modules[:min(len(h.modules), maxModules)])),
		witness.Counter64(witness.ModuleErrors, failures+a.events.lost()),
		witness.Counter64(witness.SamplesLost, stats.Lost),
		witness.Counter64(witness.PacketSamples, stats.Flows),
		witness.Counter64(witness.Datagrams, sent),
		witness.Counter64(witness.DatagramsLost, lost),
	)
	if a.id.bootTime > 0 {
		h.st.Add(witness.Counter64(witness.BootTime, uint64(a.id.bootTime)))
	}
	if !t.LibvirtContact.IsZero() {
		h.st.Add(witness.Counter64(witness.LibvirtContact, uint64(t.LibvirtContact.Unix())))
	}
	if !t.OVSContact.IsZero() {
		h.st.Add(witness.Counter64(witness.OVSContact, uint64(t.OVSContact.Unix())))
	}
	if t.Sampling != "" {
		h.st.Add(witness.String(witness.Sampling, t.Sampling), witness.Gauge32(witness.HeaderBytes, t.HeaderBytes))
	}
	if t.SamplingBudget != 0 {
		h.st.Add(witness.Gauge32(witness.SamplingBudget, t.SamplingBudget))
	}
	if t.FramesLost != 0 {
		h.st.Add(witness.Counter64(witness.FramesLost, t.FramesLost))
	}
	a.signer.Sign(&h.st)
}
