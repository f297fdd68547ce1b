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
	h := t.hash(&f.Header.Key, f.Est.Vantage)
	t.sample(f, at, sought{h, t.place(h)})
}

func (t *Table) sample(f *decoder.Flow, at int64, s sought) {
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
	e := t.find(&f.Header.Key, est.Vantage, at, s)
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

// find returns the entry of a flow at a vantage point, taking the place of
// another when it is new. What has the same keyed hash of 63 bits is taken for
// the same: among 16,384 flows two that differ meet once in 10^14 samples, and
// comparing keys would cost a line of the cache for each.
func (t *Table) find(key *packet.Key, v decoder.Vantage, at int64, s sought) *entry {
	b := s.hash & t.mask
	tag := s.hash | 1<<63 // never 0; the bits of the bucket are no loss
	if s.place >= 0 && t.tags[b][s.place%ways] == tag {
		return &t.entries[s.place]
	}
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
