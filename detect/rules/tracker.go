package rules

import (
	"slices"
	"time"

	"weir/decoder/sflow"
	"weir/detect/keys"
)

// State is how sure an alert is, or that it is over.
type State uint8

// The states.
const (
	Suspected State = iota
	Confirmed
	Ended
)

// Report is one change of one alert.
type Report struct {
	Rule  *Rule
	Key   keys.Key // of a flow rule
	At    int64    // ns
	Onset int64    // ns of the first change; of a watched value since when it is beyond the limit
	Seq   uint64
	Start bool
	State State

	// Of a flow rule. Rates are per second, of Bits or packets, or shares; a
	// distinct count is a number.
	Estimate     float64
	Low, High    float64 // 95 % interval
	Lower, Upper float64 // bounds of the table
	Peak         float64 // the greatest estimate of the alert's life
	Samples      uint64
	Effective    float64
	SamplingRate float64
	Seconds      float64 // of the window
	Threshold    Threshold
	Group        string // whose threshold it is; "" the rule's own
	Agent        uint32 // number of the agent that sees most; 0 of a sum
	Egress       bool
	Vantages     int // agents and directions that see it

	// Of a watch rule; Agent is set too.
	Source     sflow.DataSource
	DataSource string // of an rtmetric
	Value      float64
	Silent     bool // ended because no more values came
}

// Names is what watch rules ask of the registry.
type Names interface {
	AgentName(agent uint32) string
	Interface(agent, ifIndex uint32) string
}

// Bounds and times of the tracker.
const (
	MaxOpen    = 4096 // alerts
	minSamples = 12   // effective ones, for a first alert
	minHold    = 3 * time.Second
	endLevel   = 0.8 // of the threshold
	confidence = 0.95
)

// openKey is what an alert is about.
type openKey struct {
	rule   int
	fields [keys.MaxSize]byte
	entity entity
}

type alert struct {
	onset, below int64
	seq          uint64
	state        State
	peak, told   float64
	last         Report
}

// Tracker joins what the tables of all shards hand over, and decides. It
// belongs to the engine's goroutine.
type Tracker struct {
	set    *Set
	latest [][]latest // by shard and rule
	fresh  []bool     // rules with a new scan
	events []event
	open   map[openKey]*alert
	order  []openKey // of open
	merged []merged  // reused
	where  map[[keys.MaxSize]byte]int

	Started uint64
	Dropped uint64 // alerts for which there was no place
}

// NewTracker returns a tracker for so many shards.
func NewTracker(set *Set, shards int) *Tracker {
	t := &Tracker{open: map[openKey]*alert{}, where: map[[keys.MaxSize]byte]int{}}
	t.latest = make([][]latest, shards)
	t.use(set)
	return t
}

func (t *Tracker) use(set *Set) {
	t.set = set
	for i := range t.latest {
		t.latest[i] = make([]latest, len(set.rules))
	}
	t.fresh = make([]bool, len(set.rules))
	t.events = t.events[:0]
}

// SetSet replaces the rules. Alerts of rules that are gone, or that count
// something else, end; the reports of their ends are appended to dst.
func (t *Tracker) SetSet(set *Set, ns int64, dst []Report) []Report {
	old := t.set
	same := make([]int, len(old.rules))
	for i := range old.rules {
		same[i] = slices.IndexFunc(set.rules, func(r Rule) bool { return r.replaces(&old.rules[i]) })
	}
	open, order := map[openKey]*alert{}, []openKey(nil)
	for _, k := range t.order {
		a := t.open[k]
		if same[k.rule] < 0 {
			dst = append(dst, a.end(ns))
			continue
		}
		k.rule = same[k.rule]
		if set.rules[k.rule].Watches() {
			k.entity.rule = k.rule
		}
		a.last.Rule = &set.rules[k.rule]
		open[k], order = a, append(order, k)
	}
	t.open, t.order = open, order
	t.use(set)
	return dst
}

// replaces reports that alerts of the old rule go on under r.
func (r *Rule) replaces(old *Rule) bool {
	if r.Name != old.Name || (r.watch == nil) != (old.watch == nil) {
		return false
	}
	if r.watch != nil {
		return r.watch.String() == old.watch.String()
	}
	return r.key.Key() == old.key.Key() && r.value == old.value && r.threshold.Share == old.threshold.Share
}

// Add takes what a shard handed over. What was counted under other rules is
// dropped.
func (t *Tracker) Add(shard int, b *Batch) {
	if b.set != t.set {
		return
	}
	for _, s := range b.scans {
		l := &t.latest[shard][s.rule]
		l.Scan = s
		l.items = append(l.items[:0], b.items[s.from:s.to]...)
		t.fresh[s.rule] = true
	}
	t.events = append(t.events, b.events...)
}

// Decide appends the changes as of ns.
func (t *Tracker) Decide(ns int64, names Names, dst []Report) []Report {
	for i := range t.fresh {
		if t.fresh[i] {
			t.fresh[i] = false
			dst = t.decide(i, ns, dst)
		}
	}
	for i := range t.events {
		dst = t.event(&t.events[i], names, dst)
	}
	t.events = t.events[:0]
	return dst
}

// decide compares the keys of one rule with their thresholds.
func (t *Tracker) decide(rule int, ns int64, dst []Report) []Report {
	r := &t.set.rules[rule]
	t.merge(rule)
	for i := range t.merged {
		m := &t.merged[i]
		rep := r.report(m)
		limit, name, ok := r.limit(&rep.Key)
		if !ok {
			continue
		}
		rep.Threshold, rep.Group = limit, name
		k := openKey{rule: rule, fields: m.fields}
		if a := t.open[k]; a != nil {
			dst = a.goOn(&rep, dst)
			continue
		}
		if rep.Estimate < limit.Number || rep.Effective < r.enough() {
			continue
		}
		if len(t.open) >= MaxOpen {
			t.Dropped++
			continue
		}
		dst = t.begin(k, &rep, dst)
	}
	return t.fall(rule, ns, dst)
}

// enough is how many effective samples a first alert needs.
func (r *Rule) enough() float64 {
	if r.value.Unit == Distinct {
		return 0 // as many as there are different things
	}
	return minSamples
}

func (t *Tracker) begin(k openKey, rep *Report, dst []Report) []Report {
	rep.Onset, rep.Seq, rep.Start, rep.Peak = rep.At, 1, true, rep.Estimate
	if rep.Low >= rep.Threshold.Number {
		rep.State = Confirmed
	}
	t.Started++
	t.open[k] = &alert{onset: rep.Onset, seq: 1, state: rep.State, peak: rep.Peak, told: rep.Estimate, last: *rep}
	t.order = append(t.order, k)
	return append(dst, *rep)
}

// goOn is a further look at an open alert. It reports when the alert becomes
// certain, and when the estimate has doubled.
func (a *alert) goOn(rep *Report, dst []Report) []Report {
	rep.Onset, rep.State = a.onset, a.state
	a.peak = max(a.peak, rep.Estimate)
	rep.Peak = a.peak
	if rep.Estimate >= endLevel*rep.Threshold.Number {
		a.below = 0
	} else if a.below == 0 {
		a.below = rep.At
	}
	certain := a.state == Suspected && rep.Low >= rep.Threshold.Number
	if certain {
		rep.State, a.state = Confirmed, Confirmed
	}
	if certain || rep.Estimate >= 2*a.told {
		a.seq++
		a.told = rep.Estimate
		rep.Seq = a.seq
		dst = append(dst, *rep)
	}
	seq := a.seq
	a.last = *rep
	a.last.Seq = seq
	return dst
}

// fall ends the alerts of a rule that were below their threshold for long
// enough. Those that no shard handed over are.
func (t *Tracker) fall(rule int, ns int64, dst []Report) []Report {
	r := &t.set.rules[rule]
	hold := int64(max(r.window, minHold))
	kept := t.order[:0]
	for _, k := range t.order {
		a := t.open[k]
		if k.rule != rule {
			kept = append(kept, k)
			continue
		}
		if _, seen := t.where[k.fields]; !seen && a.below == 0 {
			a.below = ns
		}
		_, _, ok := r.limit(&a.last.Key)
		if ok && (a.below == 0 || ns-a.below < hold) {
			kept = append(kept, k)
			continue
		}
		delete(t.open, k)
		dst = append(dst, a.end(ns))
	}
	t.order = kept
	return dst
}

// end is the last report of an alert.
func (a *alert) end(ns int64) Report {
	rep := a.last
	rep.At, rep.Onset, rep.Seq, rep.State, rep.Start, rep.Peak = ns, a.onset, a.seq+1, Ended, false, a.peak
	return rep
}

// End ends every open alert, in the order of their beginning.
func (t *Tracker) End(ns int64, dst []Report) []Report {
	for _, k := range t.order {
		dst = append(dst, t.open[k].end(ns))
	}
	clear(t.open)
	t.order = t.order[:0]
	t.use(t.set)
	return dst
}

// event applies a change of a watched value.
func (t *Tracker) event(e *event, names Names, dst []Report) []Report {
	r := &t.set.rules[e.rule]
	k := openKey{rule: e.rule, entity: e.entity}
	a := t.open[k]
	if !e.started {
		if a == nil {
			return dst
		}
		delete(t.open, k)
		t.order = slices.DeleteFunc(t.order, func(o openKey) bool { return o == k })
		rep := a.end(e.at)
		rep.Value, rep.Silent = e.value, e.silent
		return append(dst, rep)
	}
	if a != nil {
		a.last.Value = e.value
		return dst
	}
	if !r.watch.named(e, names) {
		return dst
	}
	if len(t.open) >= MaxOpen {
		t.Dropped++
		return dst
	}
	rep := Report{
		Rule: r, At: e.at, Onset: e.since, Seq: 1, Start: true, State: Confirmed,
		Agent: e.agent, Source: e.source, DataSource: e.text, Value: e.value,
	}
	t.Started++
	t.open[k] = &alert{onset: e.since, seq: 1, state: Confirmed, last: rep}
	t.order = append(t.order, k)
	return append(dst, rep)
}

// named reports that the names of agent and interface are the rule's.
func (w *watch) named(e *event, names Names) bool {
	any := func(patterns []string, name func() string) bool {
		if len(patterns) == 0 {
			return true
		}
		n := name()
		return slices.ContainsFunc(patterns, func(p string) bool { return glob(p, n) })
	}
	return any(w.agentNames, func() string { return names.AgentName(e.agent) }) &&
		any(w.interfaces, func() string {
			if e.source.Class != sflow.ClassInterface {
				return ""
			}
			return names.Interface(e.agent, e.source.Index)
		})
}

// Open returns the number of open alerts.
func (t *Tracker) Open() int { return len(t.open) }
