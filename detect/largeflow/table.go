package largeflow

import (
	"math"
	"math/bits"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect/window"
)

const (
	ways = 8 // places of one bucket; their tags fill a cache line

	// A flow is hot from this share of a member's threshold on: three vantage
	// points that see as much each then have enough together.
	hotShare = 1.0 / 3
	// Each of its samples is then worth a wake, while the statistic is not lost.
	urgentShare = 0.15
	topShare    = 1.5 // of the threshold: where a statistic stops growing

	lateAfter = int64(1e9) // ns behind the newest sample: not counted
	// A flow stays hot, after its statistics were last high enough, for as long
	// as one at the threshold gives hotFor samples, within bounds in ns.
	hotFor   = 25.0
	hotLeast = int64(1e9)
	hotMost  = int64(15e9)

	calmSamples  = 96 // of a busy period, from which a wake per sample gains nothing over the tick
	weightMemory = 16 // samples that the mean weight is taken over

	// maxFrame is 64 KiB of payload and room for the headers of all layers.
	maxFrame = 64<<10 + 512
)

// HandOver is how many records wait for the tracker at most.
const HandOver = 4096

// cusum is one member of the bank for one flow. Its excursions from 0 begin
// with a sample, which is in k and not in s: what is compared with the
// threshold is s and the gain of one sample.
type cusum struct {
	s     float32 // log likelihood ratio of what came after start
	k     float32 // samples from start on; those that arrived with the first are not counted
	start int64   // ns
}

// entry is one flow at one vantage point. What every sample touches comes
// first, then what one of a hot flow does, then the rest.
type entry struct {
	last     int64 // ns of the newest sample
	batch    int64 // ns of the first of the samples that arrived with it
	bank     [banks]cusum
	mean     float32 // weight of a sample
	square   float32 // mean squared weight
	logged   float32 // rate of which log is the logarithm
	log      float32
	life     float32
	lives    uint32
	lifeAt   int64 // ns, start of the life by which it is judged as background
	link     int32
	rate     uint32 // sampling rate of the newest sample
	busy     uint32 // samples since the onset
	mark     uint32 // of the Watch
	seen     uint8  // samples behind mean and square, up to weightMemory
	level    uint8  // background of the bank
	own      uint8  // background the flow is to itself
	judged   bool   // as one of the link's crowd
	large    bool   // it crossed, in this life
	pending  uint8  // samples of its first time, if it is not large
	hot      bool
	told     bool       // the present crossing has been reported
	together window.Sum // what arrived with it so far
	frames   uint64     // octets of these
	onset    Onset      // of the present busy period, the excursion of the bank's first member
	octets   uint64     // of the frames since the onset
	hotSince int64
	hotUntil int64
	epoch    uint64 // of Table.out that rec belongs to
	rec      int32  // place of the open record in Table.out
	run      tcpRun
	point    Point
	key      packet.Key
}

type bucket [ways]uint64 // tags; 0 is a free place

// Counts are running totals of a Table.
type Counts struct {
	Samples, BadLength, Late, Evicted, EvictedHot, LostSamples uint64
	RefusedLinks                                               uint64 // new flows at links without a place
	Refuted                                                    uint64 // statistics that crossed for a flow that is clearly below the threshold
}

// Table finds the hot flows among all samples of one shard, in fixed memory.
// It is not safe for concurrent use.
type Table struct {
	Counts
	threshold Thresholds
	budget    Budget
	links     []link // the first for those without a place
	linkAt    map[decoder.Vantage]int32
	watch     *Watch
	seed      [2]uint64
	tags      []bucket
	entries   []entry
	mask      uint64
	used      int
	swept     int   // entry
	newest    int64 // ns
	out       []Record
	epoch     uint64
	urgent    bool
}

// NewTable returns a table of at least keys places.
func NewTable(threshold Thresholds, budget Budget, keys int, seed uint64) *Table {
	buckets := 1 << bits.Len(uint(max(keys, ways)-1)/ways)
	return &Table{
		threshold: threshold,
		budget:    budget,
		links:     []link{{speed: math.MaxUint64}},
		linkAt:    map[decoder.Vantage]int32{},
		seed:      seeds(seed),
		tags:      make([]bucket, buckets),
		entries:   make([]entry, buckets*ways),
		mask:      uint64(buckets - 1),
		out:       make([]Record, 0, HandOver),
		epoch:     1,
	}
}

// SetThreshold replaces threshold and budget. What was learned of links, in
// units of the threshold, is void.
func (t *Table) SetThreshold(th Thresholds, b Budget) {
	if th == t.threshold && b == t.budget {
		return
	}
	t.threshold, t.budget = th, b
	for i := range t.links {
		t.links[i] = link{vantage: t.links[i].vantage, speed: math.MaxUint64}
	}
	for i := range t.entries {
		e := &t.entries[i]
		e.own, e.level, e.life, e.lifeAt = 0, 0, 0, e.last
	}
}

// SetWatch gives the table the site's Watch, before its first sample.
func (t *Table) SetWatch(w *Watch) { t.watch = w }

// Links returns how many links have shown themselves.
func (t *Table) Links() int { return len(t.links) - 1 }

// Reset forgets all flows and records; the counts stay.
func (t *Table) Reset() {
	clear(t.tags)
	clear(t.entries)
	clear(t.linkAt)
	t.links = t.links[:1]
	t.links[0] = link{speed: math.MaxUint64}
	t.used, t.newest, t.swept, t.urgent = 0, 0, 0, false
	t.Take(t.out)
}

// Used returns how many places are taken, and how many there are.
func (t *Table) Used() (used, of int) { return t.used, len(t.entries) }

// Urgent reports that since the last Take a flow came halfway to an alert.
func (t *Table) Urgent() bool { return t.urgent }

// Take gives the records gathered since the last Take and continues in spare,
// a slice of capacity HandOver that is the table's from here on.
func (t *Table) Take(spare []Record) []Record {
	t.sweep()
	out := t.out
	t.out, t.urgent = spare[:0], false
	t.epoch++
	return out
}

// Sample counts a flow sample that arrived at ns.
func (t *Table) Sample(f *decoder.Flow, at int64) {
	frame, est := f.FrameLength, &f.Est
	if frame == 0 || frame > maxFrame {
		t.BadLength++
		return
	}
	if at < t.newest-lateAfter {
		t.Late++
		return
	}
	t.newest = max(t.newest, at)
	t.Samples++
	e := t.find(&f.Header.Key, est.Vantage, at)
	l := &t.links[e.link]
	if l.speed != est.Speed || l.class != est.Class {
		l.class = est.Class
		l.set(t.threshold.Of(est.Class), t.budget, est.Speed)
	}
	e.rate = est.SamplingRate
	w := float64(frame) * float64(max(est.SamplingRate, 1))
	if at-e.last > batchGap || at > e.batch+minSpan {
		e.restart(at)
	}
	e.together.Add(window.Sum{N: 1, W: w, W2: w * w})
	e.frames += uint64(frame)
	top, member := e.judge(l, w, at)
	t.count(e, l, f, w, at, top)
	switch {
	case !f.Header.HasTCP || e.told:
	case e.run.n == 0:
		e.run.follow(f, 0) // from the first sample on: it is a third of those needed
	default:
		t.sequence(e, l, f, at)
	}
	if top >= 1 && !e.told {
		t.cross(e, l, member, at)
	} else if top < hotShare {
		e.told = false
	}
	e.last = max(e.last, at)
}

// restart begins a batch at ns. Samples of one batch were taken at any time
// since the one before, so that a statistic returns to 0 only between batches;
// the excursion that follows begins with the batch before.
func (e *entry) restart(at int64) {
	for j := range e.bank {
		if b := &e.bank[j]; b.s <= 0 {
			*b = cusum{k: 1, start: e.last}
		}
	}
	if e.bank[0].start == e.last {
		if e.hot && at > e.hotUntil {
			e.hot = false
		}
		if !e.hot {
			e.onset = Onset{At: e.batch, Led: e.last, Hot: e.last, Lead: e.together, Sum: e.together}
			e.octets, e.busy = e.frames, e.together.N
		}
	}
	e.batch, e.together, e.frames = at, window.Sum{}, 0
}

// judge adds one sample of weight w to the flow's statistics. top is the
// largest of them as a share of its threshold, member the one.
//
// A sample counts w/m, at most 1, where m is the weight of a sample as the
// bytes have it (Σw²/Σw), known before this one. As exp(gu)-1 ≤ u·(exp(g)-1)
// for 0 ≤ u ≤ 1, the likelihood ratio is a supermartingale for any mixture of
// frames and any m: a flow below its background crosses as seldom as one of
// equal frames.
func (e *entry) judge(l *link, w float64, at int64) (top float32, which int) {
	m := e.weigh(w)
	rate := l.theta / m // samples per ns of a flow at the threshold
	u := float32(min(w/m, 1))
	gap := max(at-e.last, 0)
	x := float32(rate * float64(gap))
	e.grow(l, u, x, rate, at)
	if level := max(l.level, e.own); level != e.level {
		e.relevel(level, rate)
	}
	above := false
	for j := range e.bank {
		b, h := &e.bank[j], &hypotheses[e.level][j]
		if b.start >= e.batch { // arrived with the first: of a time before it
			b.start = max(b.start, at)
			continue
		}
		b.k += u
		b.s += h.gain*u - h.drain*x
		above = above || b.s > 0
	}
	if !above {
		return 0, 0
	}
	budget := l.budget + e.logOf(float32(rate))
	for j := range e.bank {
		b, h := &e.bank[j], &hypotheses[e.level][j]
		limit := max(h.base+budget, 2*h.gain)
		b.s = min(b.s, topShare*limit)
		if v := (b.s + h.gain) / limit; b.s > 0 && v > top {
			top, which = v, j
		}
	}
	return top, which
}

// logOf returns the logarithm of a rate per ns, in 1/s, to 1 %: it hardly
// changes from sample to sample.
func (e *entry) logOf(rate float32) float32 {
	if d := rate - e.logged; d > e.logged/100 || d < -e.logged/100 {
		e.logged, e.log = rate, float32(math.Log(float64(rate)*1e9))
	}
	return e.log
}

// weigh returns the weight of a sample known so far, and learns.
func (e *entry) weigh(w float64) (m float64) {
	if e.seen == 0 {
		e.mean, e.square, e.seen = float32(w), float32(w*w), 1
		return w
	}
	m = float64(e.square) / float64(e.mean)
	e.seen = min(e.seen+1, weightMemory)
	f := 1 / float32(e.seen)
	e.mean += (float32(w) - e.mean) * f
	e.square += (float32(w*w) - e.square) * f
	return m
}

// grow continues the life by which the flow is judged as background.
func (e *entry) grow(l *link, u, x float32, rate float64, at int64) {
	if x > lifeIdle || e.life == 0 {
		e.conclude(l, at)
		e.life, e.lifeAt, e.own, e.judged, e.large = 0, at, 0, false, false
	}
	if !e.judged && rate*float64(at-e.lifeAt) > crowdSpan {
		e.judgeLife(l, rate, at)
	}
	e.life += u
	if e.lives++; e.lives%16 == 0 {
		e.learn(l, rate, at)
	}
}

// relevel carries the statistics over to another background.
func (e *entry) relevel(level uint8, rate float64) {
	e.level = level
	for j := range e.bank {
		b, h := &e.bank[j], &hypotheses[level][j]
		s := h.gain*(b.k-1) - h.drain*float32(rate*float64(e.last-b.start))
		b.s = min(b.s, max(s, 0))
	}
}

// cross reports that a member of the bank crossed, unless the flow is clearly
// below the threshold: then it is background that was not known yet.
func (t *Table) cross(e *entry, l *link, which int, at int64) {
	b := &e.bank[which]
	rate := l.theta / (float64(e.square) / float64(e.mean))
	if k, mean := float64(b.k), rate*float64(at-b.start); refuted(k, mean) {
		t.Refuted++
		share, doubt := k/mean, 1/math.Sqrt(k)
		e.own = max(e.own, levelOf(share*(1+doubt)))
		l.learn(levelBelow(share*(1-doubt)), at)
		for j := range e.bank {
			e.bank[j] = cusum{k: 1, start: at}
		}
		return
	}
	t.tell(e, Crossing{
		Member: which + 1, Samples: float64(b.k), Start: b.start, At: at, Ratio: float64(b.s + hypotheses[e.level][which].gain),
		Limit: float64(hypotheses[e.level][which].base + l.budget + e.log), Rate: rate * 1e9,
		Theta: l.theta * 8e9, Level: e.level,
	})
}

// tell puts a crossing into the open record. Where there was no room for one,
// the next sample tries again.
func (t *Table) tell(e *entry, c Crossing) {
	if !e.hot || e.epoch != t.epoch || int(e.rec) >= len(t.out) {
		return
	}
	c.Sequence, _ = e.run.measure(float64(e.square)/float64(e.mean), e.point.Speed)
	c.Frame = float64(e.mean) / float64(max(e.rate, 1))
	t.out[e.rec].Cross = c
	e.told, e.large = true, true
	t.urgent = true
}

// sequence follows the TCP sequence numbers of a flow that may be large: its
// rate has been at least the octets of the run over the longest time they can
// have taken.
func (t *Table) sequence(e *entry, l *link, f *decoder.Flow, at int64) {
	rough := 0.0
	if b := &e.bank[0]; b.k > 8 {
		rough = atLeast(float64(b.k-1)) * float64(e.square) / float64(e.mean) / (float64(at-b.start)/1e6 + 1)
	}
	if e.run.follow(f, rough); e.run.n < pairSamples {
		return
	}
	weight := float64(e.square) / float64(e.mean)
	s, ok := e.run.measure(weight, f.Est.Speed)
	if !ok || 8*s.Octets/s.Longest < l.theta*8e9 {
		return
	}
	if !e.hot {
		t.heat(e, l, f, at)
	}
	t.tell(e, Crossing{
		Member: bySequence, Samples: float64(e.run.n), Start: min(e.bank[0].start, at-int64(s.Longest*1e9)), At: at,
		Rate: l.theta / weight * 1e9, Theta: l.theta * 8e9, Level: e.level,
	})
}

// atLeast is about the lower end of the interval of a Poisson mean after k > 7
// events (Wilson and Hilferty's approximation, within 1 % there): it is asked
// per sample, where the exact one costs a microsecond.
func atLeast(k float64) float64 {
	const z = 1.959964 // of confidence
	c := 1 - 1/(9*k) - z/(3*math.Sqrt(k))
	return k * c * c * c
}

// refuted reports whether k samples where a flow at the threshold gives mean
// show that this one is below it.
func refuted(k, mean float64) bool {
	const chance = 1e-3
	return k < mean && 1-window.TailAtLeast(k, mean) < chance
}

// stay is how many ns a flow stays hot after its statistics were last high
// enough.
func (e *entry) stay(l *link) int64 {
	return min(max(int64(hotFor*float64(e.square)/float64(e.mean)/l.theta), hotLeast), hotMost)
}

// count adds a sample to its entry, and to a record if the flow is hot.
func (t *Table) count(e *entry, l *link, f *decoder.Flow, w float64, at int64, top float32) {
	frame := f.FrameLength
	one := window.Sum{N: 1, W: w, W2: w * w}
	o := &e.onset
	e.busy++
	if e.hot {
		if top >= hotShare {
			e.hotUntil = at + e.stay(l)
		}
		e.point.see(f)
		t.record(e, one, frame, at)
	} else {
		if o.leads(at) {
			o.Lead.Add(one)
			o.Led = max(o.Led, at)
		}
		o.Sum.Add(one)
		o.Hot = max(e.last, at)
		e.octets += uint64(frame)
		if (top < hotShare || o.Sum.N < 2) && (t.watch == nil || !t.watch.has(e.mark)) {
			return
		}
		t.heat(e, l, f, at)
	}
	if top >= urgentShare && (!e.told || e.busy <= calmSamples) {
		t.urgent = true
	}
}

// heat makes a flow hot.
func (t *Table) heat(e *entry, l *link, f *decoder.Flow, at int64) {
	e.hot, e.hotSince, e.hotUntil = true, at, at+e.stay(l)
	e.point.see(f)
	t.begin(e)
}

// see takes over what the newest sample says beside the vantage point.
func (p *Point) see(f *decoder.Flow) {
	p.Input, p.Output, p.Speed, p.Class = f.Sample.Input, f.Sample.Output, f.Est.Speed, f.Est.Class
}

// leads reports whether a sample arrived together with the first.
func (o *Onset) leads(at int64) bool { return at-o.Led <= batchGap && at <= o.At+minSpan }

// begin opens the record that tells the tracker of a flow become hot.
func (t *Table) begin(e *entry) {
	if r := t.open(e, window.SlotOf(e.onset.Hot), e.onset.Sum.N); r != nil {
		r.Begun = true
		r.Onset = e.onset
		r.Octets = e.octets
		r.First, r.Last = e.onset.At, e.onset.Hot
	}
}

// record adds a sample of a hot flow to the open record of its slot.
func (t *Table) record(e *entry, one window.Sum, frame uint32, at int64) {
	slot := window.SlotOf(at)
	var r *Record
	if e.epoch == t.epoch && t.out[e.rec].Slot == slot {
		r = &t.out[e.rec]
	} else if r = t.open(e, slot, 1); r == nil {
		return
	} else {
		r.First = at
		r.Onset = Onset{At: e.onset.At, Led: e.onset.Led, Hot: e.onset.Hot}
	}
	r.Point = e.point
	if o := &e.onset; at <= o.Hot || at-o.Hot <= batchGap && at <= e.hotSince+minSpan {
		if o.leads(at) {
			o.Led = max(o.Led, at)
			r.Onset.Led = o.Led
			r.Onset.Lead.Add(one)
		}
		o.Hot = max(o.Hot, at)
		r.Onset.Hot = o.Hot
		r.Onset.Sum.Add(one)
	} else {
		r.Sum.Add(one)
	}
	if pause := at - e.last; pause > batchGap {
		r.Idle += pause
		r.Pauses++
	}
	r.Octets += uint64(frame)
	r.First, r.Last = min(r.First, at), max(r.Last, at)
}

func (t *Table) open(e *entry, slot int64, samples uint32) *Record {
	if len(t.out) == cap(t.out) {
		t.LostSamples += uint64(samples)
		return nil
	}
	e.rec, e.epoch = int32(len(t.out)), t.epoch
	t.out = append(t.out, Record{Key: e.key, Point: e.point, Slot: slot, Level: e.level, Share: t.links[e.link].share})
	return &t.out[e.rec]
}

// find returns the entry of a flow at a vantage point, taking the place of
// another when it is new. What has the same keyed hash of 63 bits is taken for
// the same: among 16,384 flows two that differ meet once in 10^14 samples, and
// comparing keys would cost a line of the cache for each.
func (t *Table) find(key *packet.Key, v decoder.Vantage, at int64) *entry {
	h := t.hash(key, v)
	b := h & t.mask
	tag := h | 1<<63 // never 0; the bits of the bucket are no loss
	tags := &t.tags[b]
	group := t.entries[b*ways : b*ways+ways : b*ways+ways]
	free := -1
	for i := range tags {
		if tags[i] == tag {
			return &group[i]
		}
		if tags[i] == 0 {
			free = i
			break // places are never given back singly
		}
	}
	if free < 0 {
		free = t.victim(group, at)
		group[free].conclude(&t.links[group[free].link], at)
	} else {
		t.used++
	}
	tags[free] = tag
	e := &group[free]
	*e = entry{key: *key, point: Point{Vantage: v}, last: at, batch: at, link: t.linkOf(v), onset: Onset{At: at, Led: at, Hot: at}}
	for j := range e.bank {
		e.bank[j] = cusum{k: 1, start: at}
	}
	if t.watch != nil {
		e.mark = t.watch.mark(key)
	}
	return e
}

// victim returns the place of the flow that would be missed least: not hot,
// and longest below what its first statistic drains.
func (t *Table) victim(group []entry, at int64) int {
	least, worth := 0, 0.0
	for i := range group {
		e := &group[i]
		drain := t.links[e.link].theta * float64(e.mean) / float64(e.square) * float64(hypotheses[e.level][0].drain)
		w := float64(e.bank[0].s) - drain*float64(at-e.last)
		if e.hot && at <= e.hotUntil {
			w += 1e18
		}
		if i == 0 || w < worth {
			least, worth = i, w
		}
	}
	t.Evicted++
	if worth > 1e17 {
		t.EvictedHot++
	}
	return least
}
