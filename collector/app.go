// Package collector wires the collector: intake, shards, registry, detectors,
// sinks and the web room, and runs them as one.
package collector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/agents"
	"weir/collector/config"
	"weir/collector/shard"
	"weir/collector/sink"
	"weir/collector/sink/logline"
	"weir/collector/store"
	"weir/collector/udp"
	"weir/collector/web"
	"weir/detect"
	"weir/detect/rules"
	"weir/detect/site"
)

// IO is what a run or a replay speaks to.
type IO struct {
	Alerts     io.Writer            // alert changes
	AlertsJSON bool                 // as JSON lines, else as readable lines
	Log        zerolog.Logger       // everything else
	Progress   io.Writer            // of a replay; nil is none
	AnyPort    bool                 // a replay reads datagrams to every UDP port, not only 6343
	Reload     <-chan config.Config // configurations read again on SIGHUP; nil is none
	Ready      func(Addresses)      // called once everything listens; nil is nothing
	Version    string               // of the program, for status and metrics
	Alive      func()               // called every second while all parts work; nil is nothing
	Forget     bool                 // nothing is remembered over a restart, and the end of open alerts is told at the stop
}

// Addresses are what a running collector listens on, with their real ports.
type Addresses struct {
	SFlow []string
	HTTP  string // "" where it is off
}

// tick is how often what the shards have gathered leaves them.
const tick = 100 * time.Millisecond

// coalesce is the least time between two hand-overs that a hot flow asks for.
const coalesce = 5 * time.Millisecond

// drainTime bounds how long what has already arrived is worked on at the end.
const drainTime = 2 * time.Second

// app is one running collector.
type app struct {
	cfg     config.Config
	io      IO
	log     zerolog.Logger
	started time.Time

	group    *udp.Group
	shared   *agents.Shared
	shards   []*shard.Shard
	detect   []*detect.Shard
	engine   *detect.Engine
	alerts   *sink.Queue[detect.Alert]
	state    *store.Store
	http     *web.Server
	control  *web.Control
	door     *door
	points   *points
	influx   *influxOut // nil without influx.url
	kept     *keptSeries
	alerting *alerting
	site     *siteWatch
	windows  windows

	urgent   chan struct{} // wakes the engine; holds one token
	draining chan struct{} // closed when the receivers shall end

	engineMu sync.Mutex // guards changes, stats and open below
	changes  map[web.AlertChange]uint64
	open     map[detect.Kind]uint64
	stats    detect.EngineStats

	ready    atomic.Bool   // everything below and above is built
	epoch    atomic.Uint64 // counts the times the machine's clock was set
	saveErr  atomic.Pointer[error]
	rateMu   sync.Mutex
	rate     rate
	noise    noise
	naming   *naming
	pulse    *pulse
	forward  *udp.Forwarder
	held     *store.History // the directory of history; nil where it is off
	history  *history
	evidence *headerKeeper
	board    board
	events   events
	added    added
	shelf    shelf
	asked    chan func() // what the engine's goroutine is to do
	lookback lookback
	recent   recent

	alertHistory *alertHistory
}

// Run receives datagrams until ctx is done, then drains.
func Run(ctx context.Context, cfg config.Config, io IO) error {
	a, err := newApp(cfg, io)
	if err != nil {
		return err
	}
	return a.run(ctx)
}

// newApp opens everything that can fail, in an order in which what fails
// leaves nothing behind.
func newApp(cfg config.Config, io IO) (_ *app, err error) {
	a := &app{
		cfg: cfg, io: io, log: io.Log, started: time.Now(),
		urgent: make(chan struct{}, 1), asked: make(chan func()), draining: make(chan struct{}),
		changes: map[web.AlertChange]uint64{}, open: map[detect.Kind]uint64{},
	}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if a.door, err = newDoor(&cfg); err != nil {
		return a, err
	}
	if a.control, err = web.ListenControl(cfg.StateDir, a, a.door.audit); err != nil {
		return a, err
	}
	if a.state, err = store.Open(cfg.StateDir); err != nil {
		return a, err
	}
	listen := make([]string, len(cfg.Listen))
	for i, l := range cfg.Listen {
		listen[i] = l.String()
	}
	if a.group, err = udp.Listen(udp.Config{Listen: listen, Shards: cfg.Shards, ReceiveBuffer: int(cfg.ReceiveBuffer)}); err != nil {
		return a, err
	}
	if a.forward, err = newForwarder(&cfg, a.group); err != nil {
		return a, err
	}
	if cfg.HTTP.IsValid() {
		if a.http, err = web.Listen(cfg.HTTP, a, a.door.options(&cfg)); err != nil {
			return a, err
		}
	}
	a.shared = agents.NewShared(agentsConfig(cfg))
	known, err := a.state.LoadAgents()
	if err != nil {
		return a, err
	}
	a.shared.LoadKnown(known)
	if a.naming, err = newNaming(&cfg, a.shared, a.log); err != nil {
		return a, err
	}
	n := len(a.group.Receivers())
	a.pulse = newPulse(n)
	seed, ok := cfg.HashSeed.Seed()
	if !ok {
		seed = rand.Uint64() // senders choose the keys: they must not know the hash
	}
	a.loadAdded()
	dc := detectConfig(a.effective(cfg), n)
	for range n {
		d := detect.NewShard(dc, seed)
		a.detect = append(a.detect, d)
		a.shards = append(a.shards, shard.New(agents.NewRegistry(a.shared), d))
	}
	a.engine = detect.NewEngine(dc, a.detect, a.shared)
	a.site = newSiteWatch(site.Config{Mute: true}, agentKeys(&cfg), a.shards)
	a.windows.set(cfg.Windows)
	if err = a.loadSite(); err != nil {
		return a, err
	}
	if err = a.holdHistory(); err != nil {
		return a, err
	}
	if err = a.newSeries(); err != nil {
		return a, err
	}
	if a.history, err = newHistory(a); err != nil {
		return a, err
	}
	if a.alertHistory, err = newAlertHistory(&cfg, io); err != nil {
		return a, err
	}
	if a.evidence, err = newEvidence(a); err != nil {
		return a, err
	}
	lines := logline.New(io.Alerts, io.AlertsJSON)
	a.alerts = sink.NewQueue("logline", cfg.Limits.SinkQueue, lines.Send, a.logUnwritten())
	a.alerting, err = newAlerting(a)
	return a, err
}

// unwrittenEvery is how often the log repeats that alerts cannot be written: a
// full disk fails for each of them.
const unwrittenEvery = time.Minute

// logUnwritten returns what a sink's queue tells of failed batches: the first
// is logged at once, further ones as their sum.
func (a *app) logUnwritten() func(err error, n int) {
	var last time.Time
	lost := 0
	return func(err error, n int) {
		lost += n
		if now := time.Now(); last.IsZero() || now.Sub(last) >= unwrittenEvery {
			a.log.Error().Err(err).Int("alerts", lost).Msg("alerts could not be written")
			last, lost = now, 0
		}
	}
}

// close releases what newApp opened. It may be called at any stage.
func (a *app) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	a.naming.close()
	_ = a.forward.Close()
	a.closeSeries()
	var errs []error
	if a.group != nil {
		errs = append(errs, ignoreClosed(a.group.Close()))
	}
	errs = append(errs, a.alerting.close(ctx))
	if a.alerts != nil {
		errs = append(errs, a.alerts.Close(ctx))
	}
	if a.http != nil {
		errs = append(errs, a.http.Close(ctx))
	}
	if a.control != nil {
		errs = append(errs, a.control.Close(ctx))
	}
	a.alertHistory.close()
	errs = append(errs, a.held.Close())
	a.door.close()
	if a.state != nil {
		errs = append(errs, a.state.Close())
	}
	return errors.Join(errs...)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (a *app) run(ctx context.Context) error {
	a.ready.Store(true)
	a.greet()
	failed := make(chan error, 2+len(a.shards))
	var serving, receiving, engine sync.WaitGroup
	serving.Go(func() {
		if err := a.control.Serve(); err != nil {
			failed <- fmt.Errorf("control socket: %w", err)
		}
	})
	if a.http != nil {
		serving.Go(func() {
			if err := a.http.Serve(); err != nil {
				failed <- fmt.Errorf("http: %w", err)
			}
		})
	}
	for i, r := range a.group.Receivers() {
		receiving.Go(func() {
			if err := a.receive(r, i); err != nil {
				failed <- err
			}
		})
	}
	a.startSeries()
	a.naming.start()
	a.history.start()
	a.evidence.start()
	a.alertHistory.start(a.sendHead)
	a.alerting.start()
	stopEngine := make(chan struct{})
	engine.Go(func() { a.decide(stopEngine) })
	engine.Go(func() { a.watchSite(stopEngine) })
	if a.io.Ready != nil {
		a.io.Ready(a.addresses())
	}
	err := a.housekeep(ctx, failed)

	close(a.draining)
	for _, r := range a.group.Receivers() {
		r.Wake()
	}
	receiving.Wait()
	close(stopEngine)
	engine.Wait()
	a.closeSeries()
	a.history.close()
	a.evidence.close()
	a.shelf.running.Wait()
	a.saveAgents()
	if cerr := a.close(); err == nil {
		err = cerr
	}
	serving.Wait()
	a.log.Info().Msg("stopped")
	return err
}

func (a *app) addresses() Addresses {
	var out Addresses
	for _, l := range a.group.Addrs() {
		out.SFlow = append(out.SFlow, l.String())
	}
	if a.http != nil {
		out.HTTP = a.http.Addr().String()
	}
	return out
}

// greet says what runs and what the operator may want to change.
func (a *app) greet() {
	at := a.addresses()
	a.log.Info().Strs("listen", at.SFlow).Str("http", at.HTTP).Str("state_dir", a.cfg.StateDir).
		Int("shards", len(a.shards)).Int("receive_buffer", a.group.Granted()).
		Str("large_flow", a.cfg.LargeFlow.Threshold.String()).Msg("receiving sFlow")
	a.greetForward()
	if advice := a.group.Advice(); advice != "" {
		a.log.Warn().Msg(advice)
	}
	for _, w := range a.group.Warnings() {
		a.log.Warn().Msg(w)
	}
}

// receive is the loop of one shard: it owns the receiver and the shard.
func (a *app) receive(r *udp.Receiver, i int) error {
	runtime.LockOSThread() // its sockets are steered to this shard: keep caches warm
	s, d, clock := a.shards[i], a.detect[i], a.group.Clock()
	var busy time.Duration
	epoch := a.epoch.Load()
	next := clock.Now().Add(tick)
	var last time.Time // of the last hand-over
	end := time.Time{}
	empty := 0 // reads that found nothing since then
	for {
		deadline := next
		if hot := last.Add(coalesce); s.Urgent() && hot.Before(next) {
			deadline = hot
		}
		select {
		case <-a.draining:
			if end.IsZero() {
				end = clock.Now().Add(drainTime)
			}
			deadline = clock.Now() // take what is there, wait for nothing
		default:
		}
		batch, err := r.Read(deadline)
		if err != nil {
			s.Tick(clock.Now(), busy)
			return ignoreClosed(err)
		}
		if len(batch) > 0 {
			a.forward.Put(i, batch)
			start := time.Now()
			for m := range batch {
				s.Datagram(batch[m].Payload, batch[m].From, batch[m].At)
			}
			busy += time.Since(start)
		}
		now := clock.Now()
		if e := a.epoch.Load(); e != epoch {
			epoch = e
			d.Reset()
			s.Epoch(now)
			next, last = now.Add(tick), time.Time{}
		}
		if s.Urgent() && now.Sub(last) >= coalesce || !now.Before(next) {
			s.Tick(now, busy)
			a.pulse.beat(i)
			last = now
			if now.Before(next) {
				a.wake()
			} else {
				next = now.Add(tick)
			}
		}
		if !end.IsZero() {
			if len(batch) == 0 {
				empty++ // the first may be due to the wake-up alone
			}
			if empty == 2 || now.After(end) {
				s.Tick(now, busy)
				return nil
			}
		}
	}
}

func (a *app) wake() {
	select {
	case a.urgent <- struct{}{}:
	default:
	}
	a.site.hurry()
}

// decide is the engine's goroutine.
func (a *app) decide(stop <-chan struct{}) {
	clock := a.group.Clock()
	t := time.NewTicker(tick)
	defer t.Stop()
	epoch, last := a.epoch.Load(), clock.Now()
	step := func() {
		now := clock.Now()
		if e := a.epoch.Load(); e != epoch || now.Before(last) {
			epoch = e
			a.engine.Epoch(last, a.emit)
		}
		last = now
		a.engine.Tick(now, a.emit)
	}
	for {
		select {
		case <-stop:
			step()
			a.engine.Close(last, a.emit, detect.ReasonShutdown)
			return
		case cfg := <-a.io.Reload:
			a.reload(cfg)
		case do := <-a.asked:
			do()
		case <-a.urgent:
			step()
			time.Sleep(coalesce)
		case <-t.C:
			step()
			a.publish()
			a.pulse.beat(len(a.shards))
		}
	}
}

// reload applies what can be applied to a running collector, and says what
// cannot.
func (a *app) reload(cfg config.Config) {
	applied, restart := config.Changes(a.cfg, cfg)
	a.cfg = config.Reloaded(a.cfg, cfg)
	a.shared.SetAllow(a.cfg.Allow)
	a.alerting.setConfig(&a.cfg)
	a.windows.set(a.cfg.Windows)
	a.naming.reload(&a.cfg)
	if err := a.door.reload(&a.cfg); err != nil {
		a.log.Error().Err(err).Msg("certificates not reloaded")
	}
	a.applyDetection()
	e := a.log.Info()
	if len(restart) > 0 {
		e = a.log.Warn()
	}
	e.Strs("applied", applied).Strs("need_restart", restart).Msg("configuration read again")
}

// emit hands one alert change to the sinks.
func (a *app) emit(al *detect.Alert) {
	a.alerting.put(al)
	a.record(al)
}

// record counts and writes one alert change. It may be called from any
// goroutine.
func (a *app) record(al *detect.Alert) {
	a.engineMu.Lock()
	a.changes[web.AlertChange{Kind: string(al.Kind), Change: string(al.Change)}]++
	switch al.Change {
	case detect.Start:
		a.open[al.Kind]++
	case detect.End:
		a.open[al.Kind]--
	}
	a.engineMu.Unlock()
	a.events.put(a.board.add(al))
	a.alertHistory.put(al)
	a.evidence.put(al)
	a.alerts.Put(*al)
	a.points.alert(al)
}

// publish copies the engine's counts for those who ask.
func (a *app) publish() {
	s := a.engine.Stats()
	a.engineMu.Lock()
	a.stats = s
	a.engineMu.Unlock()
	a.alerting.alive.Store(time.Now().UnixNano())
}

// saveEvery is how often the known agents are written; only what changed is.
const saveEvery = 10 * time.Second

// housekeep does what has no hurry until ctx is done or a part has failed.
func (a *app) housekeep(ctx context.Context, failed <-chan error) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	saved := time.Now()
	for {
		select {
		case <-ctx.Done():
			a.log.Info().Msg("stopping: working on what has arrived")
			return nil
		case err := <-failed:
			return err
		case n := <-a.shared.Notices():
			a.logNotice(n)
		case now := <-second.C:
			a.alerting.saveSoon()
			a.rateMu.Lock()
			a.rate.add(now, a.group.Stats().Datagrams)
			a.rateMu.Unlock()
			a.lookback.add(a)
			a.logBad(now)
			a.watchClock()
			a.limitMemory()
			if a.io.Alive != nil && a.pulse.alive() {
				a.io.Alive()
			}
			if now.Sub(saved) >= saveEvery {
				saved = now
				a.saveAgents()
				a.refreshHeldSoon(now)
			}
		}
	}
}

// maxStep is how far the machine's clock may be set without a new epoch. The
// collector runs on monotonic time, so that a step never writes into old slots.
const maxStep = time.Second

// watchClock follows the machine's clock when it was set.
func (a *app) watchClock() {
	clock := a.group.Clock()
	if d := clock.Step(); d.Abs() > maxStep {
		clock.Resync()
		a.epoch.Add(1)
		a.log.Warn().Str("by", d.String()).Msg("the machine's clock was set: open alerts end, windows start anew")
	}
}

func (a *app) saveAgents() {
	err := errors.Join(a.state.SaveAgents(a.shared.Known()), a.alerting.save(), a.saveSite())
	if err == nil {
		a.saveErr.Store(nil)
		return
	}
	if a.saveErr.Swap(&err) == nil { // once, until it works again
		a.log.Error().Err(err).Msg("known agents and open alerts could not be saved")
	}
}

func agentsConfig(cfg config.Config) agents.Config {
	return agents.Config{Allow: cfg.Allow, Limits: agents.Limits{
		Agents: cfg.Limits.Agents, Interfaces: cfg.Limits.Interfaces, Sources: cfg.Limits.Sources,
		AdmissionBurst: cfg.Limits.AdmissionBurst, AdmissionRate: float64(cfg.Limits.AdmissionRate),
	}}
}

// detectConfig spreads the bounds of the site over its shards.
func detectConfig(cfg config.Config, shards int) detect.Config {
	l := cfg.LargeFlow
	c := detect.Config{
		LargeFlow: detect.LargeFlowConfig{
			Off: l.Off, Threshold: l.Threshold, Class: l.Class, Budget: l.Budget, Hold: l.Hold,
			Keys: max(cfg.Limits.Keys/shards, 64), Hot: cfg.Limits.Hot,
		},
		Flood: cfg.Flood.Detector(), Scan: cfg.Scan.Detector(), Links: detect.LinkConfig(cfg.LinkSaturated),
		Rules: rules.NewSet(cfg.Rules), Top: cfg.Top.Detector(), Shards: shards,
	}
	c.Flood.Hosts = max(cfg.Limits.Keys/shards/8, 64)
	return c
}
