package hostagent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"weir/decoder/sflow"
	"weir/hostagent/config"
	"weir/hostagent/process"
	"weir/hostagent/source"
)

// onceFor is how long one source may take for `once` and `doctor`.
const onceFor = 10 * time.Second

// Polled is what one source tells in one poll.
type Polled struct {
	Module  string
	Samples []sflow.Sample // whole ones, decoded no further; sequence numbers are zero
	Err     error
}

// warmUp is how long sources that watch may connect before they are polled.
const warmUp = time.Second

// Once polls every source once and sends nothing.
func Once(ctx context.Context, cfg config.Config, io IO) []Polled {
	cfg.Collectors, cfg.PlainCollectors, cfg.DNSSD.Off = nil, nil, true
	a := newAgent(harmless(cfg), io)
	a.sender.Set(nil)
	return pollAll(ctx, a.modules)
}

// harmless returns the configuration without what changes the node.
func harmless(cfg config.Config) config.Config {
	cfg.OVS.KeepSFlow = nil
	return cfg
}

// pollAll polls all modules beside each other, after those that watch had time to
// connect.
func pollAll(ctx context.Context, all []*module) []Polled {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := make([]Polled, len(all))
	var wg sync.WaitGroup
	for i, m := range all {
		wg.Go(func() { out[i] = m.warmed(ctx) })
	}
	wg.Wait()
	return out
}

// warmed polls the source while its Run runs, if it has one. An error of Run is
// the poll's.
func (m *module) warmed(ctx context.Context) Polled {
	r, ok := m.source.(source.Runner)
	if !ok {
		return m.once(ctx)
	}
	ended := make(chan error, 1)
	go func() { ended <- guarded(func() error { return r.Run(ctx, nobody{}) }) }()
	timer := time.NewTimer(warmUp)
	defer timer.Stop()
	var failed error
	select {
	case failed = <-ended:
	case <-timer.C:
	}
	p := m.once(ctx)
	if p.Err == nil {
		p.Err = failed
	}
	return p
}

// nobody is a Sink that tells nobody.
type nobody struct{}

func (nobody) Emit(source.Event)     {}
func (nobody) Push(*source.Snapshot) {}

// once polls the source, which may take onceFor.
func (m *module) once(ctx context.Context) Polled {
	p := Polled{Module: m.source.Name()}
	ctx, cancel := context.WithTimeout(ctx, onceFor)
	defer cancel()
	snap := &source.Snapshot{}
	done := make(chan error, 1)
	go func() { done <- guarded(func() error { return m.source.Collect(time.Now(), snap) }) }()
	select {
	case p.Err = <-done:
	case <-ctx.Done():
		p.Err = fmt.Errorf("does not answer: %w", ctx.Err())
		return p
	}
	b := (&sflow.Datagram{NumSamples: uint32(snap.Len())}).Append(nil)
	for s := range snap.All() {
		b = append(b, s.Bytes...)
	}
	var d sflow.Datagram
	if err := d.Decode(b); err != nil {
		p.Err = err
		return p
	}
	for s, err := range d.Samples() {
		if err != nil {
			break // samples without records are counted and not there
		}
		p.Samples = append(p.Samples, s)
	}
	return p
}

// Examined is what one source can see on this node.
type Examined struct {
	Module   string
	Findings []source.Finding
}

// Examine asks every source what it can see, and the agent what it can do.
func Examine(ctx context.Context, cfg config.Config, io IO) []Examined {
	a := newAgent(harmless(cfg), io)
	out := []Examined{{"agent", append(a.examine(ctx, &cfg), privileges(a.modules)...)}}
	a.sender.Set(nil) // nothing is to be sent
	a.plain.Set(nil)
	polled := pollAll(ctx, a.modules)
	for i, m := range a.modules {
		e := Examined{Module: m.source.Name()}
		if x, ok := m.source.(source.Examiner); ok {
			e.Findings = examined(ctx, x)
		} else {
			e.Findings = []source.Finding{polled[i].finding()}
		}
		out = append(out, e)
	}
	return out
}

// examined asks x, which may take onceFor.
func examined(ctx context.Context, x source.Examiner) []source.Finding {
	ctx, cancel := context.WithTimeout(ctx, onceFor)
	defer cancel()
	done := make(chan []source.Finding, 1)
	go func() {
		var all []source.Finding
		if err := guarded(func() error { all = x.Examine(ctx); return nil }); err != nil {
			all = []source.Finding{{What: "examination", Text: err.Error()}}
		}
		done <- all
	}()
	select {
	case all := <-done:
		return all
	case <-ctx.Done():
		return []source.Finding{{What: "examination", Text: "does not answer within " + onceFor.String()}}
	}
}

// finding says how the poll went.
func (p Polled) finding() source.Finding {
	if p.Err != nil {
		return source.Finding{What: "poll", Text: p.Err.Error()}
	}
	return source.Finding{What: "poll", OK: true, Text: fmt.Sprintf("%d samples", len(p.Samples))}
}

// privileges names the capabilities that modules need or wish for and the process
// has not, each with those modules.
func privileges(all []*module) (found []source.Finding) {
	needs, wishes := map[string][]string{}, map[string][]string{}
	for _, m := range all {
		for _, name := range missing(m.source) {
			needs[name] = append(needs[name], m.source.Name())
		}
		if w, ok := m.source.(source.Wisher); ok {
			for _, name := range without(w.Wishes()) {
				wishes[name] = append(wishes[name], m.source.Name())
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		found = append(found, source.Finding{What: "privilege", Text: "without " + name + ", which these need: " + strings.Join(needs[name], ", ")})
	}
	if n := len(found); n > 0 {
		found[n-1].Fix = "run as root, or with these in AmbientCapabilities= of a unit, as weir-agent.service does"
	}
	for _, name := range slices.Sorted(maps.Keys(wishes)) {
		if needs[name] == nil {
			found = append(found, source.Finding{What: "privilege", OK: true, Text: "without " + name + ", which would make this cheaper: " + strings.Join(wishes[name], ", ")})
		}
	}
	return found
}

// missing names the capabilities that the source needs and the process has not.
func missing(s source.Source) []string {
	if c, ok := s.(source.Capable); ok {
		return without(c.Capabilities())
	}
	return nil
}

// without names those capabilities that the process has not.
func without(all []int) (names []string) {
	have := process.Capabilities()
	for _, n := range all {
		if have&(1<<uint(n)) == 0 {
			names = append(names, process.CapabilityName(n))
		}
	}
	return names
}

// examine says whom the agent tells, under which names.
func (a *Agent) examine(ctx context.Context, cfg *config.Config) []source.Finding {
	var all []source.Finding
	err := a.lookup(ctx)
	if err != nil {
		all = append(all, source.Finding{What: "collectors", Text: err.Error(), Fix: "name them by address in collectors"})
	}
	for _, p := range a.sender.Stats() {
		f := source.Finding{What: "collector", OK: p.Err == nil, Text: p.Addr.String()}
		if p.Err != nil {
			f.Text += ": " + p.Err.Error()
			f.Fix = "check routes and addresses"
		}
		if p.Addr == fallback && len(cfg.Collectors) == 0 {
			f.Text += ", since none is configured and the DNS names none"
			f.Fix = "write collectors: [ADDRESS] into " + config.DefaultFile
		}
		all = append(all, f)
	}
	address := source.Finding{What: "agent address", OK: true, Text: a.packer.Agent().String()}
	if a.packer.Agent() == noAddress {
		address.OK, address.Fix = false, "give the node an address, or write agent_address: ADDRESS: no other node should have it"
	}
	all = append(all,
		address,
		source.Finding{What: "node", OK: a.id.node != "", Text: a.id.node},
		source.Finding{What: "boot id", OK: a.id.bootID != "", Text: a.id.bootID})
	key := source.Finding{What: "key", OK: true, Text: "heartbeats and events are signed"}
	if a.signer == nil {
		key = source.Finding{What: "key", OK: true, Text: "none: heartbeats and events are not signed", Fix: "write key_file: FILE to tell forged ones apart"}
	}
	return append(all, key)
}

// Capabilities returns what the configured sources need or wish for, each once.
func Capabilities(cfg config.Config) (all []int) {
	a := &Agent{}
	a.events = newEvents(a.id, nil, nil)
	seen := map[int]bool{}
	for _, m := range modules(cfg, a) {
		var wanted []int
		if c, ok := m.source.(source.Capable); ok {
			wanted = c.Capabilities()
		}
		if w, ok := m.source.(source.Wisher); ok {
			wanted = append(wanted, w.Wishes()...)
		}
		for _, n := range wanted {
			if !seen[n] {
				seen[n] = true
				all = append(all, n)
			}
		}
	}
	return all
}

// Absent reports whether the source has nothing to do on this node.
func (p Polled) Absent() bool { return errors.Is(p.Err, source.ErrAbsent) }
