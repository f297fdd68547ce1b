package detect

import (
	"net/netip"
	"strconv"
	"time"

	"weir/decoder"
	"weir/detect/flood"
)

// Flood is traffic to a host or prefix that only harms it.
const Flood Kind = "flood"

// ReasonAbsorbed is why the alert of a host ends when that of its prefix tells
// of the same attack.
const ReasonAbsorbed = "absorbed"

// FloodConfig sets the detector of floods. The zero value of a field means its
// default.
type FloodConfig struct {
	Off bool // no flood alerts
	flood.Config
}

// attackShard is the part of a Shard that watches for attacks. What is below
// the line is guarded by the shard's lock.
type attackShard struct {
	floods   *flood.Table
	floodOff bool

	// guarded
	ready *flood.Batch // nil once the engine took it
	spare *flood.Batch // nil while the engine reads it
}

func newAttackShard(cfg Config, seed uint64) attackShard {
	return attackShard{
		floods: flood.NewTable(cfg.Flood.WithDefaults(), seed), floodOff: cfg.Flood.Off,
		spare: flood.NewBatch(),
	}
}

func (s *attackShard) sample(f *decoder.Flow) {
	if !s.floodOff {
		s.floods.Sample(f)
	}
}

func (s *attackShard) urgent() bool { return s.floods.Urgent() }

// tick hands over, under the shard's lock.
func (s *attackShard) tick() {
	if s.ready == nil && s.spare != nil {
		s.ready, s.spare = s.floods.Take(s.spare), nil
	}
}

func (s *attackShard) setConfig(cfg *Config) {
	s.floods.SetConfig(cfg.Flood.WithDefaults())
	s.floodOff = cfg.Flood.Off
}

func (s *attackShard) reset() {
	s.floods.Reset()
	if s.ready != nil {
		s.ready.Reset()
	}
}

// takeAttacks gives the engine what was handed over; giveAttacks returns it.
func (s *Shard) takeAttacks() *flood.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.attacks.ready
	s.attacks.ready = nil
	return b
}

func (s *Shard) giveAttacks(b *flood.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attacks.spare = b
}

// attackEngine is the part of an Engine that decides about attacks.
type attackEngine struct {
	floods   *flood.Tracker
	floodOff bool
	reports  []flood.Report
}

func newAttackEngine(cfg Config, names Names) attackEngine {
	return attackEngine{
		floods: flood.NewTracker(cfg.Flood.WithDefaults(), func(n uint32) netip.Addr {
			a, _ := names.Agent(n)
			return a
		}),
		floodOff: cfg.Flood.Off,
	}
}

func (e *attackEngine) collect(shards []*Shard) {
	for _, s := range shards {
		if b := s.takeAttacks(); b != nil {
			e.floods.Add(b)
			s.giveAttacks(b)
		}
	}
}

func (e *attackEngine) decide(now time.Time) {
	e.reports = e.floods.Decide(now.UnixNano(), e.reports[:0])
}

func (e *attackEngine) end(now time.Time) {
	e.reports = e.floods.End(now.UnixNano(), e.reports[:0])
}

func (e *attackEngine) setConfig(now time.Time, cfg *Config) {
	e.reports = e.reports[:0]
	if cfg.Flood.Off && !e.floodOff {
		e.reports = e.floods.End(now.UnixNano(), e.reports)
	}
	e.floodOff = cfg.Flood.Off
	e.floods.SetConfig(cfg.Flood.WithDefaults())
}

// attackAlerts turns the reports into alerts.
func (e *Engine) attackAlerts(reason string) {
	for i := range e.attacks.reports {
		e.alerts = append(e.alerts, e.flood(&e.attacks.reports[i], reason))
	}
	clear(e.attacks.reports)
	e.attacks.reports = e.attacks.reports[:0]
}

func (e *Engine) flood(r *flood.Report, reason string) *Alert {
	a := &Alert{
		At: time.Unix(0, r.At).UTC(), Seq: r.Seq, Change: Update, Kind: Flood, State: Suspected, Severity: Warning,
		Subject: newFloodSubject(&r.Key, e.names), Evidence: e.floodEvidence(r),
	}
	a.identify(r.Onset)
	if r.Saturates {
		a.Severity = Critical
	}
	switch {
	case r.State == flood.Ended && r.Absorbed:
		a.Change, a.State, a.Reason = End, Resolved, ReasonAbsorbed
	case r.State == flood.Ended:
		a.Change, a.State, a.Reason = End, Resolved, reason
	case r.Start:
		a.Change = Start
	}
	if r.State == flood.Confirmed {
		a.State = Confirmed
	}
	return a
}

// identify fills in the identity of an alert that began at onset, in ns.
func (a *Alert) identify(onset int64) {
	a.Key = alertKey(a.Kind, a.Subject)
	a.ID = a.Key + "-" + strconv.FormatInt(time.Unix(0, onset).Unix(), 10)
}
