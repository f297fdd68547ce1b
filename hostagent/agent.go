// Package hostagent is the host agent: it asks its sources for counters, tells
// events at once, says every second that it lives and what it cannot see, and
// sends all of it as sFlow.
package hostagent

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/decoder/witness"
	"weir/hostagent/config"
	"weir/hostagent/export"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

// IO is what the agent is given by its program.
type IO struct {
	Log     zerolog.Logger
	Version string
	Digest  string              // of the configuration
	Key     []byte              // to sign with; empty: nothing is signed
	Reload  <-chan Reload       // new configurations; nil: none
	Stop    func() source.Event // who ends the agent and why, asked once at the end; nil: not known
}

// Reload is a configuration read again.
type Reload struct {
	Config config.Config
	Digest string
}

// Agent is one run of the host agent.
type Agent struct {
	io      IO
	cfg     config.Config
	id      identity
	start   time.Time
	packer  *export.Packer
	sender  *export.Sender
	events  *events
	links   *link.Table // shared by all who ask for interfaces
	modules []*module
	signer  *witness.Signer
}

// Run runs the agent until ctx is done, then tells that it stops.
func Run(ctx context.Context, cfg config.Config, io IO) error {
	a, err := start(cfg, io)
	if err != nil {
		return err
	}
	inner, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { a.sender.Run(inner) })
	wg.Go(func() { a.events.run(inner) })
	a.events.Emit(a.started())
	for _, m := range a.modules {
		// A module that hangs in a call must not keep the agent from ending.
		go m.run(inner, a)
	}
	a.beat(ctx)
	a.stopping()
	stop()
	wg.Wait()
	a.packer.Flush()
	a.sender.Close()
	return nil
}

// start makes everything that does not run yet.
func start(cfg config.Config, io IO) (*Agent, error) {
	a := &Agent{io: io, cfg: cfg, start: time.Now(), signer: witness.NewSigner(io.Key), sender: export.NewSender(), links: link.NewTable()}
	a.id = identify(cfg.Node, a.start)
	collectors := literal(cfg.Collectors)
	a.sender.Set(collectors)
	a.packer = export.NewPacker(agentAddress(cfg.AgentAddress, collectors), cfg.SubAgent, a.start, a.sender.Send)
	a.events = newEvents(a.id, a.packer, io.Key)
	a.modules = modules(cfg, a)
	return a, nil
}

// literal returns the collectors that are addresses.
func literal(names []string) (out []netip.AddrPort) {
	for _, n := range names {
		host, port, err := config.SplitCollector(n)
		if err != nil {
			continue
		}
		if a, err := netip.ParseAddr(host); err == nil {
			out = append(out, netip.AddrPortFrom(a, port))
		}
	}
	return out
}

// agentAddress returns the address that names the agent.
func agentAddress(c config.AgentAddress, collectors []netip.AddrPort) netip.Addr {
	if c.Addr.IsValid() {
		return c.Addr
	}
	if a := export.AddressIn(c.Networks); a.IsValid() {
		return a
	}
	for _, to := range collectors {
		if a := export.SourceFor(to); a.IsValid() {
			return a
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}
