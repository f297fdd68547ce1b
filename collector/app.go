// Package collector wires the collector: intake, shards, registry, detectors,
// sinks and the web room, and runs them as one.
package collector

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
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
	OtherPort  bool                 // where that of http is taken, any that is free
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

// app is one running collector. What may be nil says so; it is used as it is.
type app struct {
	cfg     config.Config                 // of the start; never changed
	now     atomic.Pointer[config.Config] // as last read, by the engine's goroutine; never nil
	io      IO
	log     zerolog.Logger
	started time.Time
	ready   atomic.Bool // everything below is built

	// In: one receiver, shard and detector for each core.
	group    *udp.Group
	forward  *udp.Forwarder
	shared   *agents.Shared
	naming   *naming
	shards   []*shard.Shard
	detect   []*detect.Shard
	draining chan struct{} // closed when the receivers shall end
	epoch    atomic.Uint64 // counts the times the machine's clock was set
	pulse    *pulse

	// Judgement.
	engine  *detect.Engine
	urgent  chan struct{} // wakes the engine; holds one token
	tasks   chan func()   // what the engine's goroutine is to do
	added   added
	site    *siteWatch
	windows windows

	// Out: alerts.
	alerts   *sink.Queue[detect.Alert] // to standard output
	alerting *alerting
	board    board
	events   events
	noise    noise

	// Kept on disk, but for the state file nil where it is off.
	state        *store.Store
	saveErr      atomic.Pointer[error]
	held         *store.History // the directory of history
	history      *history
	evidence     *headerKeeper
	alertHistory *alertHistory
	shelf        shelf
	points       *points
	influx       *influxOut
	kept         *keptSeries

	// For those who ask.
	door     *door
	http     *web.Server // nil where it is off
	control  *web.Control
	lookback lookback
	disk     diskWatch // of the housekeeping goroutine
	recent   recent
	rateMu   sync.Mutex // guards rate
	rate     rate

	engineMu sync.Mutex // guards what follows
	changes  map[web.AlertChange]uint64
	open     map[detect.Kind]uint64
	stats    detect.EngineStats
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
func newApp(cfg config.Config, io IO) (*app, error) {
	a := &app{
		cfg: cfg, io: io, log: io.Log, started: time.Now(),
		urgent: make(chan struct{}, 1), tasks: make(chan func()), draining: make(chan struct{}),
		changes: map[web.AlertChange]uint64{}, open: map[detect.Kind]uint64{},
	}
	a.now.Store(&cfg)
	for _, open := range []func() error{a.openState, a.openIntake, a.openRegistry, a.openDetection, a.openHistory, a.openAlerting} {
		if err := open(); err != nil {
			_ = a.close() // what failed first is told
			return nil, err
		}
	}
	return a, nil
}

// openState opens the control socket, which keeps a second collector from this
// state_dir, and the state file.
func (a *app) openState() (err error) {
	if a.door, err = newDoor(&a.cfg); err != nil {
		return err
	}
	if a.control, err = web.ListenControl(a.cfg.StateDir, a, a.door.audit); err != nil {
		return err
	}
	a.state, err = store.Open(a.cfg.StateDir)
	return err
}

// openIntake opens the sockets: of datagrams in, of datagrams on, and of HTTP.
func (a *app) openIntake() (err error) {
	listen := make([]string, len(a.cfg.Listen))
	for i, l := range a.cfg.Listen {
		listen[i] = l.String()
	}
	if a.group, err = udp.Listen(udp.Config{Listen: listen, Shards: a.cfg.Shards, ReceiveBuffer: int(a.cfg.ReceiveBuffer)}); err != nil {
		return err
	}
	if a.forward, err = newForwarder(&a.cfg, a.group); err != nil {
		return err
	}
	if a.cfg.HTTP.IsValid() {
		o := a.door.options(&a.cfg)
		o.OtherPort = a.io.OtherPort
		a.http, err = web.Listen(a.cfg.HTTP, a, o)
	}
	return err
}

// openRegistry takes up the agents known before, and their names.
func (a *app) openRegistry() error {
	a.shared = agents.NewShared(agentsConfig(a.cfg))
	known, err := a.state.LoadAgents()
	if err != nil {
		return err
	}
	a.shared.LoadKnown(known)
	a.naming, err = newNaming(&a.cfg, a.shared, a.log)
	return err
}

// openDetection makes a shard for each receiver, the engine behind them and the
// model of the site.
func (a *app) openDetection() error {
	n := len(a.group.Receivers())
	a.pulse = newPulse(n)
	seed, ok := a.cfg.HashSeed.Seed()
	if !ok {
		seed = rand.Uint64() // senders choose the keys: they must not know the hash
	}
	a.loadAdded()
	dc := detectConfig(a.effective(a.cfg), n)
	for range n {
		d := detect.NewShard(dc, seed)
		a.detect = append(a.detect, d)
		a.shards = append(a.shards, shard.New(agents.NewRegistry(a.shared), d))
	}
	a.engine = detect.NewEngine(dc, a.detect, a.shared)
	a.site = newSiteWatch(site.Config{Mute: true, Watched: a.cfg.WatchedProjects}, agentKeys(&a.cfg), a.shards)
	a.site.placed, a.site.named = a.engine.Instances(), a.shared
	a.site.incidents = newIncidentKeeper(a)
	a.windows.set(a.cfg.Windows)
	return a.loadSite()
}

// openHistory opens what is kept on disk, and what is written to InfluxDB.
func (a *app) openHistory() (err error) {
	if err = a.holdHistory(); err != nil {
		return err
	}
	if err = a.newSeries(); err != nil {
		return err
	}
	if a.history, err = newHistory(a); err != nil {
		return err
	}
	if a.alertHistory, err = newAlertHistory(&a.cfg, a.io); err != nil {
		return err
	}
	a.evidence, err = newEvidence(a)
	return err
}

// openAlerting opens the ways out of alerts.
func (a *app) openAlerting() (err error) {
	lines := logline.New(a.io.Alerts, a.io.AlertsJSON)
	a.alerts = sink.NewQueue("logline", a.cfg.Limits.SinkQueue, lines.Send, logUnwritten(a.log))
	a.alerting, err = newAlerting(a)
	return err
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

// ignoreClosed is nil for the error of a socket that was closed on purpose.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
