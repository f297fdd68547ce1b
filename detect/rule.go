package detect

import (
	"strconv"
	"time"

	"weir/decoder"
	"weir/detect/rules"
)

// Rule is the kind of alert that a configured rule raises.
const Rule Kind = "rule"

// ReasonNoData is why the alert of a watched counter or metric ends when
// nothing is heard of it any more.
const ReasonNoData = "no_data"

// ruleShard is the part of a Shard that counts for the configured rules.
type ruleShard struct {
	table *rules.Table
	ready *rules.Batch // guarded by the shard's lock; nil once the engine took it
	spare *rules.Batch // guarded; nil while the engine reads it
	stats rules.TableStats
	ticks uint
}

func newRuleShard(cfg Config, seed uint64) ruleShard {
	return ruleShard{table: rules.NewTable(cfg.ruleSet(), max(cfg.Shards, 1), seed), spare: &rules.Batch{}}
}

var noRules = rules.NewSet(nil)

func (c *Config) ruleSet() *rules.Set {
	if c.Rules == nil {
		return noRules
	}
	return c.Rules
}

// instances reports that some key or filter asks for the instance of packets.
func (c *Config) instances() bool { return c.Top.instances() || c.ruleSet().Instances() }

// tick hands over, under the shard's lock.
func (s *ruleShard) tick(now time.Time) {
	if s.table.Empty() {
		s.stats = rules.TableStats{Counts: s.table.Counts}
		return
	}
	if s.ready == nil && s.spare != nil {
		s.table.Take(s.spare, now.UnixNano())
		if !s.spare.Empty() {
			s.ready, s.spare = s.spare, nil
		}
	}
	if s.ticks%10 == 0 { // it walks the tables
		s.stats = s.table.Stats()
	}
	s.ticks++
}

func (s *ruleShard) setConfig(cfg *Config) {
	s.table.SetSet(cfg.ruleSet())
	s.ticks = 0
}

func (s *ruleShard) reset() {
	s.table.Reset()
	if s.ready != nil {
		s.ready.Reset()
	}
}

// Counters looks at a counter sample of the agent with this number, for the
// rules that watch counters. It keeps nothing of c.
func (s *Shard) Counters(c *decoder.Counters, agent uint32) {
	s.rules.table.Counters(c, agent, c.At.UnixNano())
}

// Metrics looks at an rtmetric sample of the agent with this number, for the
// rules that watch rtmetrics. It keeps nothing of m.
func (s *Shard) Metrics(m *decoder.Metrics, agent uint32) {
	s.rules.table.Metrics(m, agent, m.At.UnixNano())
}

func (s *Shard) takeRules() *rules.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.rules.ready
	s.rules.ready = nil
	return b
}

func (s *Shard) giveRules(b *rules.Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules.spare = b
}

// ruleEngine is the part of an Engine that decides about rules.
type ruleEngine struct {
	tracker *rules.Tracker
	reports []rules.Report
	names   rules.Names
}

func newRuleEngine(cfg Config, shards int, names Names) ruleEngine {
	return ruleEngine{tracker: rules.NewTracker(cfg.ruleSet(), shards), names: ruleNames{names}}
}

// ruleNames is what rules ask of Names.
type ruleNames struct{ Names }

func (n ruleNames) AgentName(agent uint32) string {
	_, name := n.Agent(agent)
	return name
}

func (e *ruleEngine) collect(shards []*Shard) {
	for i, s := range shards {
		if b := s.takeRules(); b != nil {
			e.tracker.Add(i, b)
			s.giveRules(b)
		}
	}
}

func (e *ruleEngine) decide(now time.Time) {
	e.reports = e.tracker.Decide(now.UnixNano(), e.names, e.reports[:0])
}

func (e *ruleEngine) end(now time.Time) {
	e.reports = e.tracker.End(now.UnixNano(), e.reports[:0])
}

func (e *ruleEngine) setConfig(now time.Time, cfg *Config) {
	e.reports = e.tracker.SetSet(cfg.ruleSet(), now.UnixNano(), e.reports[:0])
}

// ruleAlerts turns the reports into alerts.
func (e *Engine) ruleAlerts(reason string) {
	for i := range e.rules.reports {
		e.alerts = append(e.alerts, e.rule(&e.rules.reports[i], reason))
	}
	clear(e.rules.reports)
	e.rules.reports = e.rules.reports[:0]
}

func (e *Engine) rule(r *rules.Report, reason string) *Alert {
	a := &Alert{
		At: time.Unix(0, r.At).UTC(), Seq: r.Seq, Change: Update, Kind: Rule, State: Suspected,
		Severity: Severity(r.Rule.Severity), Subject: e.ruleSubject(r),
	}
	if r.Rule.Watches() {
		a.Evidence = e.watchEvidence(r)
	} else {
		a.Evidence = e.ruleEvidence(r)
	}
	a.identify(r.Onset)
	switch {
	case r.State == rules.Ended && r.Silent:
		a.Change, a.State, a.Reason = End, Resolved, ReasonNoData
	case r.State == rules.Ended:
		a.Change, a.State, a.Reason = End, Resolved, reason
	case r.Start:
		a.Change = Start
	}
	if r.State == rules.Confirmed {
		a.State = Confirmed
	}
	return a
}

// number writes a number in full.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
