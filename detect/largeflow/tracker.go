package largeflow

import (
	"slices"
	"time"

	"weir/decoder/packet"
)

const (
	updateEvery = int64(1e9)  // ns
	decideEvery = int64(1e8)  // ns between decisions of an open alert without samples
	forgetAfter = int64(12e9) // ns without a sample, for flows without an alert
	silentAfter = int64(30e9) // ns without a sample, for flows with one
	maxPoints   = 16          // vantage points of one flow
)

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
	Last      int64 // ns, the newest sample
	Seq       uint64
	Threshold float64 // bit/s
	Window    Estimate
	Life      Estimate // from Onset to the last sample
	Octets    float64  // estimated, of the life
	Frame     float64  // mean octets of a sampled frame
	Best      Point    // the vantage point that says most
	Method    Method   // what Window rests on
	Flapping  bool     // it started flapStarts times within flapWithin of each other
	Links     int      // learned by the site, over which the budget is divided
	LLR       float64  // of the CUSUM when it crossed, against the background
	Rho       float64  // that background, bit/s
	Rate      float64  // effective sampling rate there
}

// Method is what an estimate rests on.
type Method uint8

// The methods.
const (
	Window      Method = iota // the samples of a window
	CUSUM                     // the samples that led to a decision, corrected for that
	TCPSequence               // TCP sequence numbers
)

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
	share   float32
	begun   bool    // the table handed it over from its onset
	chosen  bool    // its life begins where an excursion of the statistic did
	heard   float64 // samples told by points that were known, while it was quiet
	fused   fused
	cross   Crossing // found, not yet taken up
	llr     float64  // of the crossing that was
	level   uint8    // background of it
	flaps   bool
}

// TrackerConfig sets a Tracker; every field is needed.
type TrackerConfig struct {
	Threshold Thresholds
	Budget    Budget
	Hold      time.Duration
	Flows     int    // pairs of flow and vantage point at most
	Watch     *Watch // shared with the tables
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
	links  int
	recent [1 << 10]recent
	starts uint64

	DroppedFlows, DroppedPoints uint64 // records without a place
}

// NewTracker returns an empty tracker.
func NewTracker(cfg TrackerConfig) *Tracker {
	if cfg.Watch == nil {
		cfg.Watch = NewWatch(cfg.Flows, 0)
	}
	return &Tracker{cfg: cfg, flows: map[packet.Key]*flow{}}
}

// SetConfig replaces threshold and hold time.
func (t *Tracker) SetConfig(cfg TrackerConfig) {
	cfg.Flows, cfg.Watch = t.cfg.Flows, t.cfg.Watch
	t.cfg = cfg
}

// SetLinks tells how many links the site has.
func (t *Tracker) SetLinks(n int) { t.links = n }

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
		t.cfg.Watch.add(&f.key)
		t.all = append(t.all, f)
	}
	p := t.point(f, r)
	if p == nil {
		t.DroppedPoints++
		return
	}
	known, before := p.all.N > 0, p.onset
	p.add(r)
	f.share, f.begun = r.Share, f.begun || r.Begun
	t.fuse(f, p, r, known, idle(&before, &p.onset, known, r.Begun))
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
	t.cfg.Watch.remove(&f.key)
	t.pairs -= len(f.points)
	t.free = append(t.free, f.points...)
}

// decide judges one flow.
func (t *Tracker) decide(f *flow, now int64, reports []Report) []Report {
	f.decided = now
	at := max(now, f.newest) // a shard's clock may be ahead of the tick
	switch f.state {
	case Quiet:
		if e, m, ok := t.suspect(f, at); ok {
			return append(reports, t.start(f, now, at, e, m))
		}
		return reports
	case Ended:
		return reports
	}
	theta := t.threshold(f)
	if f.state == Suspected {
		if e, ok := t.confirm(f, at, theta); ok {
			f.state = Confirmed
			return append(reports, t.report(f, now, e, CUSUM))
		}
	}
	e := t.estimate(f, at, t.shownSpan(f, theta), false)
	e.interval()
	switch down := e.BitsPerSecond < endShare*theta && e.High < theta; {
	case !down:
		f.below = 0
	case f.below == 0:
		f.below = now
	}
	if f.below != 0 && now-f.below >= int64(t.cfg.Hold) || now-f.newest > silentAfter {
		t.end(f)
		return append(reports, t.report(f, now, e, Window))
	}
	if now-f.shown >= updateEvery {
		reports = append(reports, t.report(f, now, e, Window))
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
			reports = append(reports, t.report(f, now, e, Window))
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

func (t *Tracker) start(f *flow, now, at int64, e Estimate, m Method) Report {
	f.state, f.started = Suspected, now
	f.flaps = t.flapping(f, now)
	f.llr, f.level, f.cross = f.cross.Ratio, f.cross.Level, Crossing{}
	if c, ok := t.confirm(f, at, t.threshold(f)); ok {
		f.state, e, m = Confirmed, c, CUSUM
	}
	f.onset = f.points[0].first
	for _, p := range f.points {
		f.onset = min(f.onset, p.first)
	}
	t.open++
	t.starts++
	return t.report(f, now, e, m)
}

const (
	flapStarts = 3
	flapWithin = int64(5 * time.Minute)
)

// recent remembers the starts of a flow's alerts.
type recent struct {
	mark   uint32
	starts uint32
	at     int64 // ns, of the newest
}

// flapping notes the start of an alert and reports whether the flow comes and
// goes. Flows that share a place forget each other's starts.
func (t *Tracker) flapping(f *flow, now int64) bool {
	mark := t.cfg.Watch.mark(&f.key)
	r := &t.recent[mark>>1%uint32(len(t.recent))]
	if r.mark != mark || now-r.at > flapWithin || now < r.at {
		*r = recent{mark: mark}
	}
	r.starts++
	r.at = now
	return r.starts >= flapStarts
}

func (t *Tracker) report(f *flow, now int64, e Estimate, m Method) Report {
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
		Key: f.key, State: f.state, Start: f.seq == 1, At: now, Onset: f.onset, Started: f.started, Last: f.newest, Seq: f.seq,
		Threshold: t.threshold(f), Window: e, Life: l, Method: m,
		Flapping: f.flaps, Links: t.links, LLR: f.llr, Rho: rho(f.level) * t.threshold(f), Frame: float64(octets) / float64(max(n, 1)),
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
