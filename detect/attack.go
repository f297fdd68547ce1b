package detect

import (
	"net/netip"
	"strconv"
	"time"

	"weir/decoder"
	"weir/detect/flood"
	"weir/detect/scan"
)

// Kinds of attacks.
const (
	Flood Kind = "flood" // traffic to a host or prefix that only harms it
	Scan  Kind = "scan"  // one source tries many targets
)

// ReasonAbsorbed is why the alert of a host ends when that of its prefix tells
// of the same attack.
const ReasonAbsorbed = "absorbed"

// FloodConfig sets the detector of floods. The zero value of a field means its
// default.
type FloodConfig struct {
	Off bool // no flood alerts
	flood.Config
}

// ScanConfig sets the detector of scans. The zero value of a field means its
// default.
type ScanConfig struct {
	Off bool // no scan alerts
	scan.Config
}

// attackShard is the part of a Shard that watches for attacks.
type attackShard struct {
	floods            *flood.Table
	scans             *scan.Table
	floodOff, scanOff bool

	ready *attackBatch // guarded by the shard's lock; nil once the engine took it
	spare *attackBatch // guarded; nil while the engine reads it
	stats AttackShardStats
}

// AttackShardStats are running counts of the detectors of attacks and the use
// of their bounds, as of the last Tick.
type AttackShardStats struct {
	Flood                 flood.Counts
	Scan                  scan.Counts
	Hosts, MaxHosts       int // places of hosts and prefixes, used and present
	Scanners, MaxScanners int // places of sources
}

// AttackStats returns the counts. It may be called from any goroutine.
func (s *Shard) AttackStats() AttackShardStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.attacks.stats
}

// attackBatch is what a shard hands over at a time.
type attackBatch struct {
	floods *flood.Batch
	scans  []scan.Finding
}

func newAttackShard(cfg Config, seed uint64) attackShard {
	return attackShard{
		floods: flood.NewTable(cfg.Flood.WithDefaults(), seed), floodOff: cfg.Flood.Off,
		scans: scan.NewTable(cfg.Scan.WithDefaults(), seed), scanOff: cfg.Scan.Off,
		spare: &attackBatch{floods: flood.NewBatch(), scans: make([]scan.Finding, 0, scan.HandOver)},
	}
}

func (s *attackShard) samples(all []*decoder.Flow) {
	if !s.floodOff {
		s.floods.SampleAll(all)
	}
	if !s.scanOff {
		for _, f := range all {
			s.scans.Sample(f)
		}
	}
}

func (s *attackShard) urgent() bool { return s.floods.Urgent() || s.scans.Urgent() }

// tick hands over, under the shard's lock.
func (s *attackShard) tick() {
	if s.ready == nil && s.spare != nil {
		b := s.spare
		b.floods, b.scans = s.floods.Take(b.floods), s.scans.Take(b.scans)
		s.ready, s.spare = b, nil
	}
	s.stats.Flood, s.stats.Scan = s.floods.Counts, s.scans.Counts
	s.stats.Hosts, s.stats.MaxHosts = s.floods.Used()
	s.stats.Scanners, s.stats.MaxScanners = s.scans.Used()
}

func (s *attackShard) setConfig(cfg *Config) {
	s.floods.SetConfig(cfg.Flood.WithDefaults())
	s.scans.SetConfig(cfg.Scan.WithDefaults())
	s.floodOff, s.scanOff = cfg.Flood.Off, cfg.Scan.Off
}

func (s *attackShard) reset() {
	s.floods.Reset()
	s.scans.Reset()
	if s.ready != nil {
		s.ready.floods.Reset()
		s.ready.scans = s.ready.scans[:0]
	}
}

// takeAttacks gives the engine what was handed over; giveAttacks returns it.
func (s *Shard) takeAttacks() *attackBatch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.attacks.ready
	s.attacks.ready = nil
	return b
}

func (s *Shard) giveAttacks(b *attackBatch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attacks.spare = b
}

// attackEngine is the part of an Engine that decides about attacks.
type attackEngine struct {
	floods            *flood.Tracker
	scans             *scan.Tracker
	inside            *flood.Inside // that the shards ask
	published         int64         // ns
	floodOff, scanOff bool
	reports           []flood.Report
	findings          []scan.Report
}

func newAttackEngine(cfg Config, names Names, inside *flood.Inside) attackEngine {
	return attackEngine{
		floods: flood.NewTracker(cfg.Flood.WithDefaults(), func(n uint32) netip.Addr {
			a, _ := names.Agent(n)
			return a
		}),
		inside:   inside,
		floodOff: cfg.Flood.Off,
		scans:    scan.NewTracker(cfg.Scan.WithDefaults()),
		scanOff:  cfg.Scan.Off,
	}
}

func (e *attackEngine) collect(shards []*Shard) {
	for _, s := range shards {
		if b := s.takeAttacks(); b != nil {
			e.floods.Add(b.floods)
			for i := range b.scans {
				e.scans.Add(&b.scans[i])
			}
			s.giveAttacks(b)
		}
	}
}

// publishEvery is how often shards learn what the cut has learned, at most.
const publishEvery = int64(time.Second)

func (e *attackEngine) decide(now time.Time) {
	if d := now.UnixNano() - e.published; d >= publishEvery || d < 0 {
		e.published = now.UnixNano()
		e.floods.Publish(e.inside)
	}
	e.reports = e.floods.Decide(now.UnixNano(), e.reports[:0])
	e.findings = e.scans.Decide(now.UnixNano(), e.findings[:0])
}

func (e *attackEngine) end(now time.Time) {
	e.reports = e.floods.End(now.UnixNano(), e.reports[:0])
	e.floods.Publish(e.inside)
	e.findings = e.scans.End(now.UnixNano(), e.findings[:0])
}

func (e *attackEngine) setConfig(now time.Time, cfg *Config) {
	e.reports = e.reports[:0]
	if cfg.Flood.Off && !e.floodOff {
		e.reports = e.floods.End(now.UnixNano(), e.reports)
	}
	if cfg.Scan.Off && !e.scanOff {
		e.findings = e.scans.End(now.UnixNano(), e.findings[:0])
	}
	e.floodOff, e.scanOff = cfg.Flood.Off, cfg.Scan.Off
	e.floods.SetConfig(cfg.Flood.WithDefaults())
	e.scans.SetConfig(cfg.Scan.WithDefaults())
}

// AttackStats are running counts of the detectors of attacks and the use of
// their bounds.
type AttackStats struct {
	Flood flood.Stats
	Scan  scan.Stats
}

// AttackStats returns the counts. Call it from the engine's goroutine.
func (e *Engine) AttackStats() AttackStats {
	return AttackStats{e.attacks.floods.Stats(), e.attacks.scans.Stats()}
}

// attackAlerts turns the reports into alerts.
func (e *Engine) attackAlerts(reason string) {
	for i := range e.attacks.reports {
		e.alerts = append(e.alerts, e.flood(&e.attacks.reports[i], reason))
	}
	clear(e.attacks.reports)
	e.attacks.reports = e.attacks.reports[:0]
	for i := range e.attacks.findings {
		e.alerts = append(e.alerts, e.scan(&e.attacks.findings[i], reason))
	}
	e.attacks.findings = e.attacks.findings[:0]
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

func (e *Engine) scan(r *scan.Report, reason string) *Alert {
	a := &Alert{
		At: time.Unix(0, r.At).UTC(), Seq: r.Seq, Change: Update, Kind: Scan, State: Confirmed, Severity: Info,
		Subject: newScanSubject(r, e.names), Evidence: e.scanEvidence(r),
	}
	a.identify(r.First)
	if r.Internal {
		a.Severity = Warning
	}
	switch {
	case r.End:
		a.Change, a.State, a.Reason = End, Resolved, reason
	case r.Start:
		a.Change = Start
	}
	return a
}

// identify fills in the identity of an alert that began at onset, in ns.
func (a *Alert) identify(onset int64) {
	a.Key = alertKey(a.Kind, a.Subject)
	a.ID = a.Key + "-" + strconv.FormatInt(time.Unix(0, onset).Unix(), 10)
}
