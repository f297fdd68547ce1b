package largeflow

import (
	"slices"
	"time"

	"weir/decoder/packet"
)

const (
	confidence = 0.95 // of the intervals shown

	// minSamples is the fewest effective samples that a decision rests on.
	minSamples = 8
	// A flow is suspected when its estimate reaches the threshold and a flow
	// of suspectShare of the threshold would show that with probability
	// suspectChance at most: about one false suspicion per flow that carries
	// half the threshold and day, far fewer for smaller ones.
	suspectShare  = 0.5
	suspectChance = 1e-5
	// A flow is confirmed when one just below the threshold would show as much
	// with probability confirmChance at most; stricter than the interval shown,
	// because it is asked ten times a second.
	confirmChance = 1e-4

	// A flow has come down when its estimate is below endShare of the
	// threshold and its interval below the threshold.
	endShare = 0.8

	showSamples = 16 // a flow at its threshold gives as many in the window shown

	updateEvery = int64(1e9)  // ns
	decideEvery = int64(1e8)  // ns between decisions of an open alert without samples
	forgetAfter = int64(12e9) // ns without a sample, for flows without an alert
	silentAfter = int64(30e9) // ns without a sample, for flows with one
	maxPoints   = 16          // vantage points of one flow
)

// spans are the windows tried, in ns.
var spans = [...]int64{200e6, 500e6, 1e9, 2e9, 5e9, 10e9}

// State of a flow.
type State uint8

// The states.
const (
	Quiet State = iota
	Suspected
	Confirmed
	Ended
)

// Report is one change of one large flow.
type Report struct {
	Key       packet.Key
	State     State
	Start     bool  // the first report of this flow
	At        int64 // ns
	Onset     int64 // ns, the first sample of the flow's busy period; constant
	Started   int64 // ns, At of the first report
	Seq       uint64
	Threshold float64 // bit/s
	Window    Estimate
	Life      Estimate // from Onset to the last sample
	Octets    float64  // estimated, of the life
	Frame     float64  // mean octets of a sampled frame
	Best      Point    // the vantage point that says most
	Rate      float64  // effective sampling rate there
}

// flow is one key at all its vantage points.
type flow struct {
	key     packet.Key
	points  []*point // in the order of their vantage numbers
	state   State
	dirty   bool
	seq     uint64
	onset   int64
	started int64
	shown   int64 // ns of the last report
	decided int64 // ns
	below   int64 // ns since when it is down; 0: it is not
	newest  int64 // ns of the newest sample
}

// TrackerConfig sets a Tracker; every field is needed.
type TrackerConfig struct {
	Threshold Threshold
	Hold      time.Duration
	Flows     int // pairs of flow and vantage point at most
}

// Tracker joins the records of all shards and decides. It is not safe for
// concurrent use.
type Tracker struct {
	cfg    TrackerConfig
	flows  map[packet.Key]*flow
	all    []*flow // every flow, in the order of their coming
	dirty  []*flow // flows with new records
	pairs  int
	free   []*point
	views  []view
	swept  int64
	open   int
	starts uint64

	DroppedFlows, DroppedPoints uint64 // records without a place
}

// NewTracker returns an empty tracker.
func NewTracker(cfg TrackerConfig) *Tracker {
	return &Tracker{cfg: cfg, flows: map[packet.Key]*flow{}}
}

// SetConfig replaces threshold and hold time.
func (t *Tracker) SetConfig(cfg TrackerConfig) {
	cfg.Flows = t.cfg.Flows
	t.cfg = cfg
}

// Use returns the pairs of flow and vantage point followed, open alerts, and
// alerts started so far.
func (t *Tracker) Use() (pairs, open int, started uint64) { return t.pairs, t.open, t.starts }

// Add joins a record, which it does not keep.
func (t *Tracker) Add(r *Record) {
	f := t.flows[r.Key]
	if f == nil {
		if t.pairs >= t.cfg.Flows {
			t.DroppedFlows++
			return
		}
		f = &flow{key: r.Key}
		t.flows[r.Key] = f
		t.all = append(t.all, f)
	}
	p := t.point(f, r)
	if p == nil {
		t.DroppedPoints++
		return
	}
	p.add(r)
	f.newest = max(f.newest, r.Last)
	if !f.dirty {
		f.dirty = true
		t.dirty = append(t.dirty, f)
	}
}

// point returns the flow's point of the record, or nil where there is no place.
func (t *Tracker) point(f *flow, r *Record) *point {
	v := r.Point.Vantage
	i, found := slices.BinarySearchFunc(f.points, v, func(p *point, v vantage) int { return compareVantage(p.Vantage, v) })
	if found {
		return f.points[i]
	}
	if len(f.points) >= maxPoints || t.pairs >= t.cfg.Flows {
		return nil
	}
	var p *point
	if n := len(t.free); n > 0 {
		p, t.free = t.free[n-1], t.free[:n-1]
		*p = point{}
	} else {
		p = new(point)
	}
	t.pairs++
	f.points = slices.Insert(f.points, i, p)
	return p
}

// Decide judges the flows that have new records or an open alert, as of now in
// ns, and appends what changed to reports, in no stated order.
func (t *Tracker) Decide(now int64, reports []Report) []Report {
	for _, f := range t.dirty {
		f.dirty = false
		reports = t.decide(f, now, reports)
	}
	t.dirty = t.dirty[:0]
	if len(t.all) == 0 || now-t.swept < decideEvery {
		return reports
	}
	t.swept = now
	kept := t.all[:0]
	for _, f := range t.all {
		if f.state != Quiet && f.state != Ended && f.decided < now {
			reports = t.decide(f, now, reports)
		}
		if f.state == Ended || f.state == Quiet && now-f.newest > forgetAfter {
			t.drop(f)
			continue
		}
		kept = append(kept, f)
	}
	clear(t.all[len(kept):])
	t.all = kept
	return reports
}

func (t *Tracker) drop(f *flow) {
	delete(t.flows, f.key)
	t.pairs -= len(f.points)
	t.free = append(t.free, f.points...)
}

// decide judges one flow.
func (t *Tracker) decide(f *flow, now int64, reports []Report) []Report {
	f.decided = now
	at := max(now, f.newest) // a shard's clock may be ahead of the tick
	switch f.state {
	case Quiet:
		if e, ok := t.suspect(f, at); ok {
			return append(reports, t.start(f, now, e))
		}
		return reports
	case Ended:
		return reports
	}
	theta := t.threshold(f)
	e := t.estimate(f, at, t.shownSpan(f, theta), false)
	e.interval()
	change := false
	if f.state == Suspected && t.confirmed(f, &e, theta) {
		f.state, change = Confirmed, true
	}
	switch down := e.BitsPerSecond < endShare*theta && e.High < theta; {
	case !down:
		f.below = 0
	case f.below == 0:
		f.below = now
	}
	if f.below != 0 && now-f.below >= int64(t.cfg.Hold) || now-f.newest > silentAfter {
		t.end(f)
		return append(reports, t.report(f, now, e))
	}
	if change || now-f.shown >= updateEvery {
		reports = append(reports, t.report(f, now, e))
	}
	return reports
}

// End ends every open alert as of now and forgets all flows.
func (t *Tracker) End(now int64, reports []Report) []Report {
	for _, f := range t.all {
		if f.state == Suspected || f.state == Confirmed {
			e := t.estimate(f, max(now, f.newest), t.shownSpan(f, t.threshold(f)), false)
			e.interval()
			t.end(f)
			reports = append(reports, t.report(f, now, e))
		}
		t.drop(f)
	}
	clear(t.all)
	t.all, t.dirty, t.swept = t.all[:0], t.dirty[:0], 0
	return reports
}

func (t *Tracker) end(f *flow) {
	f.state = Ended
	t.open--
}

// suspect tries the windows from the shortest to the first that reaches back
// to the flow's onset. If one convinces, the estimate is that of the longest
// which agrees: the convincing one was chosen for being high. If that is not
// the flow's whole life, it was a small flow before, and is a new one now.
func (t *Tracker) suspect(f *flow, now int64) (shown Estimate, found bool) {
	var samples uint32
	oldest := now
	for _, p := range f.points {
		samples += p.all.N
		oldest = min(oldest, p.onset.At)
	}
	if samples < minSamples {
		return shown, false
	}
	theta, since := t.threshold(f), int64(0)
	for _, span := range spans {
		e := t.estimate(f, now, span, true)
		if e.Effective >= minSamples && e.BitsPerSecond >= theta {
			shown, since = e, span
			found = found || e.above(suspectShare*theta, suspectChance)
		}
		if now-span <= oldest {
			break
		}
	}
	if found {
		shown.interval()
		for _, p := range f.points {
			p.rebase(now, since)
		}
	}
	return shown, found
}

func (t *Tracker) start(f *flow, now int64, e Estimate) Report {
	f.state, f.started = Suspected, now
	if t.confirmed(f, &e, t.threshold(f)) {
		f.state = Confirmed
	}
	f.onset = f.points[0].first
	for _, p := range f.points {
		f.onset = min(f.onset, p.first)
	}
	t.open++
	t.starts++
	return t.report(f, now, e)
}

// confirmed asks the window shown and the whole life.
func (t *Tracker) confirmed(f *flow, e *Estimate, theta float64) bool {
	if e.Effective >= minSamples && e.above(theta, confirmChance) {
		return true
	}
	l := t.life(f)
	return e.BitsPerSecond >= theta && l.Effective >= minSamples && l.above(theta, confirmChance)
}

// estimate takes the flow's rate over the last span ns. That a point sees less
// than others shows best in the longest window, that it stopped in the last.
func (t *Tracker) estimate(f *flow, now, span int64, strict bool) Estimate {
	t.views = t.views[:0]
	for _, p := range f.points {
		t.views = append(t.views, view{p: p})
	}
	if longest := spans[len(spans)-1]; span < longest && len(f.points) > 1 {
		t.look(now, longest, strict)
		measure(t.views)
	}
	t.look(now, span, strict)
	return join(t.views)
}

func (t *Tracker) look(now, span int64, strict bool) {
	for i := range t.views {
		s, ns := t.views[i].p.since(now, span, strict)
		t.views[i].sum, t.views[i].span = s, float64(ns)/1e9
	}
}

func (t *Tracker) life(f *flow) Estimate {
	t.views = t.views[:0]
	for _, p := range f.points {
		s, ns := p.whole()
		t.views = append(t.views, view{p: p, sum: s, span: float64(ns) / 1e9})
	}
	return join(t.views)
}

// threshold is the lowest of the thresholds at the flow's vantage points: a
// flow is large where it is largest.
func (t *Tracker) threshold(f *flow) float64 {
	theta := t.cfg.Threshold.At(f.points[0].Speed)
	for _, p := range f.points[1:] {
		theta = min(theta, t.cfg.Threshold.At(p.Speed))
	}
	return theta
}

// shownSpan is the window that updates are taken over: long enough for a flow
// at its threshold to give showSamples, and for five batches of an agent that
// sends its samples together. It does not depend on how many samples came in
// it, which would bend the estimate.
func (t *Tracker) shownSpan(f *flow, theta float64) int64 {
	var perSecond, gap float64
	for _, p := range f.points {
		perSecond += theta / 8 / p.weight()
		if p.pauses > 0 {
			gap = max(gap, float64(p.idle)/float64(p.pauses))
		}
	}
	for _, span := range spans[2:] {
		if s := float64(span); perSecond*s/1e9 >= showSamples && s >= 5*gap {
			return span
		}
	}
	return spans[len(spans)-1]
}

func (t *Tracker) report(f *flow, now int64, e Estimate) Report {
	f.seq++
	f.shown = now
	l := t.life(f)
	l.interval()
	var octets uint64
	var n uint32
	for _, p := range f.points {
		octets += p.octets
		n += p.life.N
	}
	r := Report{
		Key: f.key, State: f.state, Start: f.seq == 1, At: now, Onset: f.onset, Started: f.started, Seq: f.seq,
		Threshold: t.threshold(f), Window: e, Life: l, Frame: float64(octets) / float64(max(n, 1)),
	}
	r.Best = e.Best
	if f.state == Ended || e.Samples == 0 {
		r.Best = l.Best
	}
	for _, p := range f.points {
		if p.Vantage == r.Best.Vantage {
			r.Rate = p.life.W / float64(max(p.octets, 1))
		}
	}
	r.Life.Span = time.Duration(f.newest - f.onset)
	r.Octets = l.BitsPerSecond / 8 * r.Life.Span.Seconds()
	return r
}
