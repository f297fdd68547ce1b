package largeflow

import (
	"math/bits"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
	"weir/detect/window"
)

const (
	ways = 8 // places of one bucket; their tags fill a cache line

	// hotSamples in one busy period make a flow hot: with three vantage points
	// that see as much each, the tracker then has minSamples.
	hotSamples = 3
	// urgentSamples is half of what the tracker wants at least.
	urgentSamples = minSamples / 2
	// calmSamples from which a wake per sample gains nothing over the tick.
	calmSamples = 64

	drainShare = 0.25 // of the threshold: what the leaky bucket forgives

	lateAfter = int64(1e9)  // ns behind the newest sample: not counted
	hotFor    = int64(15e9) // ns that a flow stays hot after its bucket was last full enough
	bucketMax = 10          // seconds of drain that the bucket holds at most

	// maxFrame is 64 KiB of payload and room for the headers of all layers.
	maxFrame = 64<<10 + 512
)

// HandOver is how many records wait for the tracker at most.
const HandOver = 4096

// entry is one flow at one vantage point.
type entry struct {
	key      packet.Key
	point    Point
	level    float64 // of the leaky bucket, octets; drains at drainShare of the threshold
	onset    Onset   // of the present busy period, which began when the bucket was empty
	octets   uint64  // of the frames since the onset
	last     int64   // ns of the newest sample
	hotSince int64
	hotUntil int64
	rec      int32  // place of the open record in Table.out
	busy     uint32 // samples of the present busy period
	epoch    uint64 // of Table.out that rec belongs to
	hot      bool
}

type bucket [ways]uint64 // tags; 0 is a free place

// Counts are running totals of a Table.
type Counts struct {
	Samples, BadLength, Late, Evicted, EvictedHot, LostSamples uint64
}

// Table finds the hot flows among all samples of one shard, in fixed memory.
// It is not safe for concurrent use.
type Table struct {
	Counts
	threshold Threshold
	seed      [2]uint64
	tags      []bucket
	entries   []entry
	mask      uint64
	used      int
	newest    int64 // ns
	out       []Record
	epoch     uint64
	urgent    bool
}

// NewTable returns a table of at least keys places.
func NewTable(threshold Threshold, keys int, seed uint64) *Table {
	buckets := 1 << bits.Len(uint(max(keys, ways)-1)/ways)
	return &Table{
		threshold: threshold,
		seed:      [2]uint64{mix(seed + 0x9e3779b97f4a7c15), mix(seed + 0x3c6ef372fe94f82a)},
		tags:      make([]bucket, buckets),
		entries:   make([]entry, buckets*ways),
		mask:      uint64(buckets - 1),
		out:       make([]Record, 0, HandOver),
		epoch:     1,
	}
}

// SetThreshold replaces the threshold.
func (t *Table) SetThreshold(th Threshold) { t.threshold = th }

// Reset forgets all flows and records; the counts stay.
func (t *Table) Reset() {
	clear(t.tags)
	clear(t.entries)
	t.used, t.newest, t.urgent = 0, 0, false
	t.Take(t.out)
}

// Used returns how many places are taken, and how many there are.
func (t *Table) Used() (used, of int) { return t.used, len(t.entries) }

// Urgent reports that since the last Take a flow came halfway to an alert.
func (t *Table) Urgent() bool { return t.urgent }

// Take gives the records gathered since the last Take and continues in spare,
// a slice of capacity HandOver that is the table's from here on.
func (t *Table) Take(spare []Record) []Record {
	out := t.out
	t.out, t.urgent = spare[:0], false
	t.epoch++
	return out
}

// Sample counts a sampled frame of so many octets that arrived at ns.
func (t *Table) Sample(key *packet.Key, est *decoder.FlowEst, s *sflow.FlowSample, frame uint32, at int64) {
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
	drain := t.threshold.At(est.Speed) * (drainShare / 8 / 1e9) // octets per ns
	e := t.find(key, est.Vantage, at, drain)
	w := float64(frame) * float64(max(est.SamplingRate, 1))
	e.point.Input, e.point.Output, e.point.Speed = s.Input, s.Output, est.Speed

	if gone := at - e.last; gone > 0 {
		e.level -= drain * float64(gone)
	}
	if e.level <= 0 { // a new busy period
		e.level, e.busy = 0, 0
		if e.hot && at > e.hotUntil {
			e.hot = false
		}
		if !e.hot {
			e.onset = Onset{At: at, Led: at}
			e.octets = 0
		}
	}
	e.level = min(e.level+w, drain*bucketMax*1e9+w)
	t.count(e, frame, w, at)
}

// count adds a sample to its entry, and to a record if the flow is hot.
func (t *Table) count(e *entry, frame uint32, w float64, at int64) {
	one := window.Sum{N: 1, W: w, W2: w * w}
	e.busy++
	o := &e.onset
	if e.hot {
		if e.level >= hotSamples*w {
			e.hotUntil = at + hotFor
		}
		t.record(e, one, frame, at)
		e.last = max(e.last, at)
	} else {
		if o.leads(at) {
			o.Lead.Add(one)
			o.Led = max(o.Led, at)
		}
		e.last = max(e.last, at)
		o.Sum.Add(one)
		o.Hot = e.last
		e.octets += uint64(frame)
		if o.Sum.N < hotSamples {
			return
		}
		e.hot, e.hotSince, e.hotUntil = true, at, at+hotFor
		t.begin(e)
	}
	if e.busy >= urgentSamples && e.busy <= calmSamples && e.level > (hotSamples-1)*w {
		t.urgent = true
	}
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
	t.out = append(t.out, Record{Key: e.key, Point: e.point, Slot: slot})
	return &t.out[e.rec]
}

// find returns the entry of a flow at a vantage point, taking the place of
// another when it is new.
func (t *Table) find(key *packet.Key, v decoder.Vantage, at int64, drain float64) *entry {
	h := t.hash(key, v)
	b := h & t.mask
	tag := h | 1<<63 // never 0; the bits of the bucket are no loss
	tags := &t.tags[b]
	group := t.entries[b*ways : b*ways+ways : b*ways+ways]
	free := -1
	for i := range tags {
		if tags[i] == tag {
			if e := &group[i]; e.key == *key && e.point.Vantage == v {
				return e
			}
		} else if tags[i] == 0 {
			free = i
			break // places are never given back singly
		}
	}
	if free < 0 {
		free = t.victim(group, at, drain)
	} else {
		t.used++
	}
	tags[free] = tag
	e := &group[free]
	*e = entry{key: *key, point: Point{Vantage: v}, last: at}
	return e
}

// victim returns the place of the flow that would be missed least: not hot,
// and longest below what its bucket drains.
func (t *Table) victim(group []entry, at int64, drain float64) int {
	least, worth := 0, 0.0
	for i := range group {
		e := &group[i]
		w := e.level - drain*float64(at-e.last)
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

// hash folds the key and vantage point with 128-bit products, keyed because
// whoever sends packets chooses the keys.
func (t *Table) hash(k *packet.Key, v decoder.Vantage) uint64 {
	a := fold(le(k.Src[:8])^t.seed[0], le(k.Src[8:])^t.seed[1])
	b := fold(le(k.Dst[:8])^t.seed[1], le(k.Dst[8:])^t.seed[0])
	c := uint64(k.SrcPort)<<48 | uint64(k.DstPort)<<32 | uint64(k.Domain)
	d := uint64(v.Agent)<<32 | uint64(v.Source)
	e := fold(c^t.seed[0]^a, d^uint64(k.Proto)<<56^t.seed[1]^bits.RotateLeft64(b, 32))
	return mix(e ^ a ^ b)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func le(b []byte) uint64 {
	_ = b[7]
	return uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
		uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
}
