// Package hostagent is the host agent: it asks its sources for counters, tells
// events at once, says every second that it lives and what it cannot see, and
// sends all of it as sFlow.
package hostagent

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/decoder/witness"
	"weir/hostagent/config"
	"weir/hostagent/export"
	"weir/hostagent/process"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

// IO is what the agent is given by its program.
type IO struct {
	Log     zerolog.Logger
	Version string
	Digest  string             // of the configuration
	Key     []byte             // to sign with; empty: nothing is signed
	Reload  <-chan Reload      // new configurations; nil: none
	Stop    func() process.Why // who ends the agent, asked once at the end; nil: nobody
}

// Reload is a configuration read again.
type Reload struct {
	Config config.Config
	Digest string
}

// Agent is one run of the host agent.
type Agent struct {
	io     IO
	id     identity
	start  time.Time
	packer *export.Packer
	sender *export.Sender
	plain  *export.Sender // to collectors that get standard samples only
	events *events
	links  *link.Table // shared by all who ask for interfaces
	signer *witness.Signer
	wake   chan struct{} // collectors are to be looked up again
	peers  peers

	mu      sync.Mutex
	cfg     config.Config
	digest  string
	modules []*module
	gone    uint64 // errors of modules that run no more
}

// Run runs the agent until ctx is done, then tells that it stops.
func Run(ctx context.Context, cfg config.Config, io IO) error {
	a := newAgent(cfg, io)
	inner, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { a.events.run(inner) })
	wg.Go(func() { a.findCollectors(inner) })
	mark := newMark(cfg.StateDir)
	a.events.Emit(a.started(mark.last()))
	mark.write(a, false)
	a.startModules(inner)
	wg.Go(func() { a.reloads(inner) })
	process.Ready()
	a.io.Log.Info().Str("node", a.id.node).Str("agent", a.packer.Agent().String()).Msg("agent runs")
	a.beat(ctx)
	process.Stopping()
	a.stopping()
	mark.write(a, true)
	stop()
	wg.Wait()
	a.packer.Flush()
	a.sender.Close()
	a.plain.Close()
	return nil
}

// newAgent makes everything that does not run yet.
func newAgent(cfg config.Config, io IO) *Agent {
	a := &Agent{io: io, cfg: cfg, digest: io.Digest, start: time.Now(), signer: witness.NewSigner(io.Key),
		sender: export.NewSender(), plain: export.NewSender(), links: link.NewTable(), wake: make(chan struct{}, 1)}
	a.id = identify(cfg.Node, a.start)
	collectors := literal(cfg.Collectors)
	if len(cfg.Collectors) == 0 {
		collectors = append(collectors, fallback)
	}
	a.sender.Set(collectors)
	a.packer = export.NewPacker(agentAddress(cfg.AgentAddress, collectors), cfg.SubAgent, a.start, a.sender.Send)
	a.packer.Sign(witness.NewSigner(io.Key))
	if len(cfg.PlainCollectors) > 0 {
		a.plain.Set(literal(cfg.PlainCollectors))
		a.packer.Also(export.NewPacker(a.packer.Agent(), cfg.SubAgent, a.start, a.plain.Send))
	}
	a.events = newEvents(a.id, a.packer, io.Key)
	a.modules = modules(cfg, a)
	a.peers.set(a.modules)
	return a
}

// startModules starts the modules that do not run.
func (a *Agent) startModules(ctx context.Context) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.modules {
		if m.stop == nil {
			m.start(ctx, a)
		}
	}
}

// started is the event that the agent runs, after its last run ended as last
// says.
func (a *Agent) started(last ending) source.Event {
	e := source.Event{Name: witness.AgentStarted, Subject: a.id.node, At: a.start,
		Cause: last.cause(a.id, a.io.Version, a.start), More: []witness.Pair{
			witness.String(witness.BootID, a.id.bootID), witness.String(witness.Version, a.io.Version),
		}}
	if a.id.bootTime > 0 {
		e.More = append(e.More, witness.Counter64(witness.BootTime, uint64(a.id.bootTime)))
	}
	if last.Version != "" && last.Version != a.io.Version {
		e.Before, e.After = last.Version, a.io.Version
	}
	if last.known && last.BootID == a.id.bootID && !last.Clean {
		e.Reason = "the last run did not say that it ends"
	}
	return e
}

// stopping tells that the agent ends, and why.
func (a *Agent) stopping() {
	why := process.Why{Cause: process.CauseExit}
	if a.io.Stop != nil {
		why = a.io.Stop()
	}
	a.io.Log.Info().Str("cause", why.Cause).Str("reason", why.Reason).Uint32("pid", why.PID).Str("command", why.Command).Msg("agent ends")
	a.events.last(source.Event{Name: witness.AgentStopping, Subject: a.id.node, At: time.Now(), Cause: why.Cause,
		Reason: why.Reason, PID: why.PID, UID: why.UID, HasUID: why.Known, Command: why.Command})
}
