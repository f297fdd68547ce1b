package detect

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"weir/decoder/sflow"
	"weir/detect/flood"
	"weir/detect/keys"
	"weir/detect/largeflow"
)

// Reasons why an alert ended that are not the data's.
const (
	ReasonClock     = "clock"       // a replay's clock jumped
	ReasonShutdown  = "shutdown"    // the collector stops
	ReasonEndOfData = "end_of_data" // a replay's last datagram
	ReasonReload    = "reload"      // the configuration no longer asks for it
)

// Engine joins what the shards hand over and decides. It belongs to one
// goroutine. Alerts it emits are never changed afterwards and may be kept.
type Engine struct {
	shards  []*Shard
	names   Names
	tracker *largeflow.Tracker
	max     int // of the tracker
	budget  Budget
	off     bool
	reports []largeflow.Report
	alerts  []*Alert
	attacks attackEngine
	rules   ruleEngine
	links   linkEngine
	habits  habits
	limit   Memory
	tops    atomic.Pointer[topEngine] // replaced by SetConfig
	placed  *keys.Instances
}

// NewEngine returns an engine for these shards. names may be nil.
func NewEngine(cfg Config, shards []*Shard, names Names) *Engine {
	if names == nil {
		names = noNames{}
	}
	l := cfg.withDefaults().LargeFlow
	seed := uint64(0)
	if len(shards) > 0 {
		seed = shards[0].seed
	}
	watch := largeflow.NewWatch(l.Hot, seed)
	inside, placed := &flood.Inside{}, &keys.Instances{}
	placed.Want(cfg.instances())
	for _, s := range shards {
		s.table.SetWatch(watch)
		s.tops.inside, s.rules.table.Elsewhere = inside, inside
		s.tops.placed = placed
		s.rules.table.SetInstances(placed)
	}
	e := &Engine{
		shards: shards, names: names, max: l.Hot, budget: l.Budget, off: l.Off, attacks: newAttackEngine(cfg, names, inside), rules: newRuleEngine(cfg, len(shards), names),
		links:   linkEngine{off: cfg.Links.Off},
		placed:  placed,
		limit:   cfg.MemoryLimit(len(shards)),
		tracker: largeflow.NewTracker(largeflow.TrackerConfig{Threshold: l.thresholds(), Budget: l.Budget, Hold: l.Hold, Flows: l.Hot, Watch: watch}),
	}
	e.tops.Store(newTopEngine(&cfg.Top, len(shards)))
	return e
}

// Instances is what keys and rules ask for the instance of a packet: whoever
// knows the site tells it. It may be used from any goroutine.
func (e *Engine) Instances() *keys.Instances { return e.placed }

// Tick takes what the shards have handed over, decides as of now, and emits
// the changes, in an order that depends on the data alone. Call it after the
// shards' Tick: every 100 ms, and when a shard was Urgent. now never goes
// backwards, except across Epoch.
func (e *Engine) Tick(now time.Time, emit func(*Alert)) {
	e.collect()
	e.reports = e.tracker.Decide(now.UnixNano(), e.reports[:0])
	e.attacks.decide(now)
	e.rules.decide(now)
	e.links.decide(now.UnixNano())
	e.habits.learn(e.tracker, now.UnixNano())
	e.linkAlerts(now.UnixNano(), "")
	e.emit(emit, "")
}

func (e *Engine) collect() {
	e.attacks.collect(e.shards)
	e.rules.collect(e.shards)
	e.links.collect(e.shards)
	e.tops.Load().collect(e.shards)
	links := 0
	defer func() { e.tracker.SetLinks(links) }()
	for _, s := range e.shards {
		records, n := s.take()
		links += n
		for i := range records {
			e.tracker.Add(&records[i])
		}
		s.give(records)
	}
}

// Epoch ends every open alert with ReasonClock as of now, the last time of the
// old clock, and forgets everything. Tick the shards before it and Reset them
// after it.
func (e *Engine) Epoch(now time.Time, emit func(*Alert)) {
	e.Close(now, emit, ReasonClock)
	e.tops.Load().reset()
	e.habits.reset()
}

// Close ends every open alert with the given reason, after a last look at what
// the shards handed over.
func (e *Engine) Close(now time.Time, emit func(*Alert), reason string) {
	e.Tick(now, emit)
	e.links.close()
	e.linkAlerts(now.UnixNano(), reason)
	e.reports = e.tracker.End(now.UnixNano(), e.reports[:0])
	e.attacks.end(now)
	e.rules.end(now)
	e.emit(emit, reason)
}

// SetConfig replaces the configuration from the next Tick on, except for table
// sizes; alerts that it no longer asks for end now with ReasonReload. Call it
// from the engine's goroutine.
func (e *Engine) SetConfig(now time.Time, cfg Config, emit func(*Alert)) {
	l := cfg.withDefaults().LargeFlow
	if l.Off && !e.off {
		e.Tick(now, emit)
		e.reports = e.tracker.End(now.UnixNano(), e.reports[:0])
		e.emit(emit, ReasonReload)
	}
	e.off, e.budget = l.Off, l.Budget
	e.attacks.setConfig(now, &cfg)
	e.rules.setConfig(now, &cfg)
	if e.tops.Load().sort != cfg.Top.sort() && cfg.Top.Validate() == nil {
		e.tops.Store(newTopEngine(&cfg.Top, len(e.shards)))
	}
	e.placed.Want(cfg.instances())
	e.limit = cfg.MemoryLimit(len(e.shards))
	if e.links.off = cfg.Links.Off; e.links.off {
		e.links.close()
		e.linkAlerts(now.UnixNano(), ReasonReload)
	}
	e.emit(emit, ReasonReload)
	e.tracker.SetConfig(largeflow.TrackerConfig{Threshold: l.thresholds(), Budget: l.Budget, Hold: l.Hold})
}

// EngineStats are running counts and the use of bounds.
type EngineStats struct {
	RuleAlerts    int    // alerts of rules open
	DroppedRules  uint64 // alerts of rules for which there was no place
	Hot, MaxHot   int    // flows followed, once for each of their vantage points
	Open          int    // alerts open
	Started       uint64 // alerts started
	DroppedFlows  uint64 // records of flows for which there was no place
	DroppedPoints uint64 // records of further vantage points for which there was no place
	Attacks       AttackStats
	Habits        int    // groups of flows of which it is known when they are usual
	RefusedHabits uint64 // notes of further groups
	Memory        Memory // of the engine
	MemoryLimit   Memory // of the engine and all shards
}

// Stats returns the counts. Call it from the engine's goroutine.
func (e *Engine) Stats() EngineStats {
	hot, open, started := e.tracker.Use()
	return EngineStats{
		RuleAlerts: e.rules.tracker.Open(), DroppedRules: e.rules.tracker.Dropped,
		Hot: hot, MaxHot: e.max, Open: open, Started: started,
		DroppedFlows: e.tracker.DroppedFlows, DroppedPoints: e.tracker.DroppedPoints,
		Attacks: e.AttackStats(), Habits: len(e.habits.groups), RefusedHabits: e.habits.refused, Memory: e.memory(), MemoryLimit: e.limit,
	}
}

// emit turns the reports into alerts and emits them in the order of their keys.
func (e *Engine) emit(emit func(*Alert), reason string) {
	for i := range e.reports {
		e.alerts = append(e.alerts, e.largeFlow(&e.reports[i], reason))
	}
	e.reports = e.reports[:0]
	e.attackAlerts(reason)
	e.ruleAlerts(reason)
	if len(e.alerts) == 0 {
		return
	}
	slices.SortFunc(e.alerts, func(a, b *Alert) int { return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Seq, b.Seq)) })
	for _, a := range e.alerts {
		emit(a)
	}
	clear(e.alerts)
	e.alerts = e.alerts[:0]
}

func (e *Engine) largeFlow(r *largeflow.Report, reason string) *Alert {
	a := &Alert{
		At: time.Unix(0, r.At).UTC(), Seq: r.Seq, Change: Update, Kind: LargeFlow, State: Suspected, Severity: Info, Flapping: r.Flapping,
		Subject: newFlowSubject(&r.Key, e.names), Evidence: e.largeFlowEvidence(r),
	}
	a.Key = alertKey(a.Kind, a.Subject)
	a.ID = a.Key + "-" + strconv.FormatInt(time.Unix(0, r.Onset).Unix(), 10)
	switch {
	case r.State == largeflow.Ended:
		a.Change, a.State, a.Reason = End, Resolved, reason
	case r.Start:
		a.Change = Start
	}
	if r.State == largeflow.Confirmed {
		a.State = Confirmed
	}
	return a
}

func (e *Engine) largeFlowEvidence(r *largeflow.Report) *LargeFlowEvidence {
	shown := r.Window
	if r.State == largeflow.Ended {
		shown = r.Life
	}
	p := r.Best
	v := &LargeFlowEvidence{
		BitsPerSecond: whole(shown.BitsPerSecond), Low: whole(shown.Low), High: whole(shown.High),
		Samples: shown.Samples, EffectiveSamples: decimals(shown.Effective, 1), SamplingRate: decimals(r.Rate, 1),
		Input: Port(p.Input), Output: Port(p.Output), InterfaceSpeed: Uint64(p.Speed),
		WindowSeconds:     decimals(r.Window.Span.Seconds(), 3),
		LifeBitsPerSecond: whole(r.Life.BitsPerSecond), LifeLow: whole(r.Life.Low), LifeHigh: whole(r.Life.High),
		LifeOctets: whole(r.Octets), LifeSeconds: decimals(r.Life.Span.Seconds(), 6),
		FrameOctets: decimals(r.Frame, 1), VantagePoints: shown.Points,
		FirstSample: Time(time.Unix(0, r.Onset)), LastSample: Time(time.Unix(0, r.Last)), Ended: r.State == largeflow.Ended,
		SecondsToAlert: decimals(float64(r.Started-r.Onset)/1e9, 6),
		Threshold:      whole(r.Threshold), Method: methods[r.Method],
		LogLikelihoodRatio: decimals(r.LLR, 2), Background: whole(r.Rho),
		FalseSuspicions: e.budget.Suspected, FalseConfirmations: decimals(e.budget.Confirmed/float64(max(r.Links, 1)), 9),
	}
	v.Agent, v.AgentName = e.names.Agent(p.Vantage.Agent)
	v.InputName, v.OutputName = e.portName(p.Vantage.Agent, p.Input), e.portName(p.Vantage.Agent, p.Output)
	v.InputAlias, v.OutputAlias = e.portAlias(p.Vantage.Agent, p.Input), e.portAlias(p.Vantage.Agent, p.Output)
	return v
}

var methods = [...]string{largeflow.Window: "window", largeflow.CUSUM: "cusum", largeflow.TCPSequence: "tcp_sequence"}

func (e *Engine) portName(agent uint32, p sflow.Port) string {
	if i, ok := p.Single(); ok {
		return e.names.Interface(agent, i)
	}
	return ""
}

func (e *Engine) portAlias(agent uint32, p sflow.Port) string {
	if i, ok := p.Single(); ok {
		return e.names.Alias(agent, i)
	}
	return ""
}

// alertKey is the same in every collector: 64-bit FNV-1a of kind and subject.
func alertKey(k Kind, s Subject) string {
	h := fnv.New64a()
	_, _ = h.Write(s.AppendCanonical(append([]byte(k), ' ')))
	return fmt.Sprintf("%016x", h.Sum64())
}

func whole(v float64) Uint64 { return Uint64(math.Round(min(max(v, 0), 1<<63))) }

func decimals(v float64, n int) float64 {
	p := math.Pow10(n)
	return math.Round(v*p) / p
}

// underlay is the domain of addresses that switches route.
const underlay = "underlay"

type noNames struct{}

func (noNames) Agent(uint32) (netip.Addr, string) { return netip.Addr{}, "" }
func (noNames) Interface(_, _ uint32) string      { return "" }
func (noNames) Alias(_, _ uint32) string          { return "" }
func (noNames) Domain(d uint32) string {
	if d == 0 {
		return underlay
	}
	return "domain:" + strconv.FormatUint(uint64(d), 10)
}
