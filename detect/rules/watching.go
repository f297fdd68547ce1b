package rules

import (
	"slices"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
)

// Bounds of what is watched in one shard.
const (
	maxEntities = 16384
	maxEvents   = 1024
	maxText     = 64 // bytes kept of the name an rtmetric says it is of
)

// Times of what is watched.
const (
	// retell is how often an alert that is open is told again, so that one
	// whose first change was dropped is not lost.
	retell = 10 * time.Second
	// forget is how long after its last value something is not watched any
	// more. What may be absent is remembered a day longer than its limit.
	forget = 10 * time.Minute
	// check is how often silence is looked for.
	check = time.Second
)

// entity is what a watched number belongs to.
type entity struct {
	rule   int
	agent  uint32 // number of the agent
	source sflow.DataSource
	name   uint64 // hash of an rtmetric's datasource
}

// state is the last that is known of a watched number.
type state struct {
	text   string // datasource of an rtmetric
	count  uint64
	level  float64
	value  float64 // what the rule compares
	based  bool    // count and level are a base for the next rate
	valued bool
	seq    sflow.Seq
	uptime uint32
	at     int64 // ns of the last value
	over   int64 // since when it is beyond the limit; 0 it is not
	under  int64 // since when it is not, while told
	told   bool  // the engine knows
	again  int64 // when it was told last
}

// event is one change of a watched number.
type event struct {
	entity
	text    string
	value   float64
	since   int64
	at      int64
	started bool
	silent  bool // ended because there were no more values
}

// watching is the state of all watch rules of a shard.
type watching struct {
	set     *Set
	states  map[entity]*state
	order   []entity // of states, so that events come in one order
	records records
	next    int64
	events  []event
}

func (w *watching) init() { w.states = map[entity]*state{} }

func (w *watching) any() bool { return w.set != nil && w.set.flows < len(w.set.rules) }

// use takes new rules. What rules of the same words knew is kept.
func (w *watching) use(set *Set) {
	old := w.set
	w.set = set
	if old == nil {
		return
	}
	same := map[int]int{}
	for i := range old.rules {
		for j := range set.rules {
			a, b := &old.rules[i], &set.rules[j]
			if a.watch != nil && b.watch != nil && a.Name == b.Name && a.watch.String() == b.watch.String() {
				same[i] = j
			}
		}
	}
	states := map[entity]*state{}
	var order []entity
	for _, e := range w.order {
		s := w.states[e]
		if j, ok := same[e.rule]; ok {
			e.rule = j
			s.told = false
			states[e] = s
			order = append(order, e)
		}
	}
	w.states, w.order, w.events = states, order, w.events[:0]
}

func (w *watching) reset() {
	clear(w.states)
	w.order, w.events, w.next = w.order[:0], w.events[:0], 0
}

// Counters looks at the records of a counter sample of an agent at ns.
func (t *Table) Counters(c *decoder.Counters, agent uint32, ns int64) {
	w := &t.watching
	if len(t.set.formats) == 0 {
		return
	}
	for rec, err := range c.Sample.Records() {
		if err != nil {
			return // the decoder has counted it
		}
		if !slices.Contains(t.set.formats, rec.Format) || !w.records.decode(rec) {
			continue
		}
		for i := range t.set.rules {
			r := &t.set.rules[i]
			if r.watch == nil || r.watch.metric < 0 || metrics[r.watch.metric].format != rec.Format || !r.watch.of(c.Arrival) {
				continue
			}
			m := &metrics[r.watch.metric]
			x := m.get(&w.records)
			if !x.known {
				continue
			}
			e := entity{rule: i, agent: agent, source: c.Sample.Source}
			if s := t.state(e, nil); s != nil && s.fresh(c, ns) {
				s.value, s.valued = s.take(x, m.bits, ns, r.watch.test)
				s.seq, s.uptime, s.at = c.Sample.Sequence, c.Uptime, ns
				t.judge(e, s, ns)
			}
		}
	}
}

// Metrics looks at the values of an rtmetric sample of an agent at ns.
func (t *Table) Metrics(m *decoder.Metrics, agent uint32, ns int64) {
	if !t.watching.any() || m.Sample.Format != sflow.FormatRTMetric {
		return
	}
	var rt sflow.RTMetric
	if rt.Decode(m.Sample) != nil {
		return
	}
	for x, err := range rt.Metrics.All() {
		if err != nil {
			return
		}
		if x.Type == sflow.MetricString || !x.Known() {
			continue
		}
		for i := range t.set.rules {
			w := t.set.rules[i].watch
			if w == nil || w.metric >= 0 || w.rtmetric != string(x.Name) || !w.of(m.Arrival) {
				continue
			}
			e := entity{rule: i, agent: agent, name: hashText(rt.DataSource)}
			if s := t.state(e, rt.DataSource); s != nil {
				s.value, s.valued = s.take(reading{x.Bits, x.Float(), true}, bitsOf(x.Type), ns, w.test)
				s.at = ns
				t.judge(e, s, ns)
			}
		}
	}
}

// hashText is FNV-1a.
func hashText(b []byte) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, c := range b {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return h
}

// bitsOf returns after how many bits an rtmetric wraps; 0 for a level.
func bitsOf(t sflow.MetricType) uint8 {
	switch t {
	case sflow.MetricCounter32:
		return 32
	case sflow.MetricCounter64:
		return 64
	}
	return 0
}

// of reports that the rule is about the agent.
func (w *watch) of(a *decoder.Arrival) bool {
	if len(w.agents) == 0 {
		return true
	}
	addr := a.Agent.Unmap()
	for _, p := range w.agents {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// state returns the state of an entity, nil where there is no place.
func (t *Table) state(e entity, text []byte) *state {
	w := &t.watching
	if s := w.states[e]; s != nil {
		return s
	}
	if len(w.states) >= maxEntities {
		t.Counts.RefusedEntities++
		return nil
	}
	s := &state{text: string(text[:min(len(text), maxText)])}
	w.states[e] = s
	w.order = append(w.order, e)
	return s
}

// late is how far behind a sequence may be to be late rather than begun anew.
const late = 1000

// fresh reports that a sample is after the last one. A restart of the agent
// begins with a new base.
func (s *state) fresh(c *decoder.Counters, ns int64) bool {
	if !s.based && !s.valued {
		return true
	}
	d := c.Sample.Sequence.Sub(s.seq)
	if restarted := c.Uptime < s.uptime && s.uptime-c.Uptime > 5000; restarted || d < -late {
		s.based = false
		return true
	}
	return d > 0 && ns >= s.at
}

// take returns what the rule compares of a reading: the level or the rate since
// the last one; false where that is not known yet.
func (s *state) take(x reading, bits uint8, ns int64, test test) (float64, bool) {
	if test != rate {
		return x.level, true
	}
	old, oldLevel, based := s.count, s.level, s.based
	s.count, s.level, s.based = x.count, x.level, true
	seconds := float64(ns-s.at) / 1e9
	if !based || seconds < 0.1 {
		return s.value, s.valued && based
	}
	switch {
	case bits == 32:
		d := uint32(x.count) - uint32(old)
		if d > 1<<31 { // begun anew rather than wrapped so far
			return 0, false
		}
		return float64(d) / seconds, true
	case bits == 0:
		return (x.level - oldLevel) / seconds, true
	case x.count < old:
		return 0, false
	}
	return float64(x.count-old) / seconds, true
}

// judge compares a new value with the limit.
func (t *Table) judge(e entity, s *state, ns int64) {
	w := t.set.rules[e.rule].watch
	switch {
	case w.test == absent:
		s.over = 0
	case !s.valued:
		return
	case w.over(s.value):
		if s.over == 0 {
			s.over = ns
		}
		s.under = 0
	default:
		if s.told && s.under == 0 {
			s.under = ns
		}
		if !s.told {
			s.over = 0
		}
	}
	t.tell(e, s, ns)
}

// tell queues an event where the state asks for one.
func (t *Table) tell(e entity, s *state, ns int64) {
	w := t.set.rules[e.rule].watch
	if w.test == absent {
		if silence := ns - s.at; silence >= int64(w.hold) {
			s.over = s.at
		}
	}
	ended := s.told && (s.over == 0 || s.under != 0 && ns-s.under >= int64(w.hold))
	started := !ended && s.over != 0 && (w.test == absent || ns-s.over >= int64(w.hold)) &&
		(!s.told || ns-s.again >= int64(retell))
	if !started && !ended {
		return
	}
	if !t.push(event{entity: e, text: s.text, value: s.value, since: s.over, at: ns, started: started}) {
		return
	}
	if ended {
		s.over, s.under, s.told = 0, 0, false
		return
	}
	s.told, s.again = true, ns
}

func (t *Table) push(e event) bool {
	if len(t.watching.events) == maxEvents {
		t.Counts.DroppedEvents++
		return false
	}
	t.watching.events = append(t.watching.events, e)
	return true
}

// silence looks at what has not spoken, and forgets what will not.
func (t *Table) silence(ns int64) {
	w := &t.watching
	if len(w.order) == 0 || ns < w.next && w.next-ns <= int64(check) {
		return
	}
	w.next = ns + int64(check)
	kept := w.order[:0]
	for _, e := range w.order {
		s := w.states[e]
		watch := t.set.rules[e.rule].watch
		age := time.Duration(ns - s.at)
		limit := max(forget, 2*watch.hold)
		if watch.test == absent {
			limit = watch.hold + 24*time.Hour
		}
		if age > limit && (!s.told || t.push(event{entity: e, text: s.text, value: s.value, at: ns, silent: true})) {
			delete(w.states, e)
			continue
		}
		kept = append(kept, e)
		t.tell(e, s, ns)
	}
	w.order = kept
}
