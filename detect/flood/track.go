package flood

import (
	"math"
	"time"

	"weir/detect/window"
)

// sum is what some samples add up to.
type sum struct {
	n      float64
	w, w2  float64 // packets
	load   float64 // seconds at the host's threshold
	octets float64
}

func (s *sum) add(o sum) {
	s.n += o.n
	s.w += o.w
	s.w2 += o.w2
	s.load += o.load
	s.octets += o.octets
}

func (s *sum) effective() float64 {
	if s.w2 <= 0 {
		return 0
	}
	return s.w * s.w / s.w2
}

// slotSum is a sum as the ring keeps it.
type slotSum struct {
	n                   uint32
	w, w2, load, octets float32
}

// blockSum is what is kept of the samples of a block of slots.
type blockSum struct {
	n uint32
	w float32
}

const (
	slots  = 128
	blocks = 64 // of slots: a quarter of an hour
)

// track is one kind of packets to one victim, counted on one basis: all ports
// of an agent, or the cut.
type track struct {
	agent  uint32 // 0 is the cut
	newest int64  // slot
	ring   [slots]slotSum
	all    sum // of the ring, if known
	known  bool
	blocks [blocks]blockSum // of slots each, for what began before the ring
	block  int64            // the newest

	runs [len(runDrains)]run
	last int64 // ns of the newest sample
}

// run is the present busy period. It begins with a sample, which stands for
// the time before and is not in all.
type run struct {
	level float64 // seconds at the threshold
	onset int64   // ns of the first sample
	led   int64   // ns of the last one that arrived together with it
	all   sum
}

// runDrains are the drains of the runs' levels, in thresholds: between the
// background and a flood of that size. A flood far above the threshold begins
// where the fastest run does, whatever little came before.
var runDrains = [...]float64{0.6, 5, 40}

const (
	runMax = 6 // seconds of drain that the level holds at most

	// Samples that arrive less than batchGap ns apart may have left the agent
	// together, and tell nothing of the time between them; but not for longer
	// than minSpan.
	batchGap = int64(1e6)
	minSpan  = int64(50e6)
)

// add counts a record; threshold is in loads of a host's. It reports whether a
// new run began.
func (k *track) add(r *Record, s sum, threshold float64) (fresh bool) {
	k.slot(r.Slot, s)
	for i := range k.runs {
		is := k.runs[i].add(r, s, threshold*runDrains[i], k.last)
		fresh = fresh || i == 0 && is
	}
	k.last = max(k.last, r.Last)
	return fresh
}

func (k *run) add(r *Record, s sum, drain float64, last int64) (fresh bool) {
	if gone := r.First - last; gone > 0 {
		k.level -= drain * float64(gone) / 1e9
	}
	fresh = k.level <= 0 || last == 0
	switch {
	case fresh && r.Began > 0 && drain*float64(r.First-r.Began)/1e9 < s.load/s.n:
		k.level, k.all = 0, sum{}
		k.onset, k.led = r.Began, r.Began
	case fresh:
		k.level, k.all = 0, sum{}
		k.onset, k.led = r.First, r.First
	}
	// What came during the record is drained when the next one comes.
	k.level = min(k.level+s.load-drain*float64(r.Last-r.First)/1e9, runMax*drain+s.load/s.n)
	switch {
	case r.Last-k.led <= batchGap && r.Last-k.onset <= minSpan && (s.n > 1 || fresh):
		k.led = r.Last
	case fresh && k.onset == r.First: // one of them is the first
		f := (s.n - 1) / s.n
		k.all.add(sum{s.n - 1, s.w * f, s.w2 * f, s.load * f, s.octets * f})
	default:
		k.all.add(s)
	}
	return fresh
}

// over reports that the run has ended: nothing came for so many ns since.
func (k *run) over(silent int64, drain float64) bool {
	return silent > 0 && k.level <= drain*float64(silent)/1e9
}

func (k *track) slot(slot int64, s sum) {
	if slot > k.newest {
		for i := max(k.newest+1, slot-slots+1); i <= slot; i++ {
			k.ring[i&(slots-1)] = slotSum{}
		}
		k.newest = slot
		k.known = false
	}
	if slot <= k.newest-slots {
		return
	}
	k.all.add(s)
	if b := slot / slots; b > k.block {
		for i := max(k.block+1, b-blocks+1); i <= b; i++ {
			k.blocks[i%blocks] = blockSum{}
		}
		k.block = b
	}
	if b := slot / slots; b > k.block-blocks {
		k.blocks[b%blocks].n += uint32(s.n)
		k.blocks[b%blocks].w += float32(s.w)
	}
	c := &k.ring[slot&(slots-1)]
	c.n += uint32(s.n)
	c.w += float32(s.w)
	c.w2 += float32(s.w2)
	c.load += float32(s.load)
	c.octets += float32(s.octets)
}

// since adds up the slots from first on.
func (k *track) since(first int64) (s sum) {
	if k == nil {
		return s
	}
	if first <= k.newest-slots+1 {
		return k.whole()
	}
	for i := first; i <= k.newest; i++ {
		s.addSlot(&k.ring[i&(slots-1)])
	}
	return s
}

// long adds up samples and packets of the blocks that begin after a slot, which
// may be far back, and returns the first slot that they have.
func (k *track) long(after int64) (s sum, from int64) {
	b := after/slots + 1
	if k == nil {
		return s, b * slots
	}
	for i := max(b, k.block-blocks+1); i <= k.block; i++ {
		s.n += float64(k.blocks[i%blocks].n)
		s.w += float64(k.blocks[i%blocks].w)
	}
	return s, b * slots
}

// whole adds up all slots, once for every slot that begins.
func (k *track) whole() sum {
	if !k.known {
		k.all, k.known = sum{}, true
		for i := range k.ring {
			k.all.addSlot(&k.ring[i])
		}
	}
	return k.all
}

func (s *sum) addSlot(c *slotSum) {
	s.add(sum{float64(c.n), float64(c.w), float64(c.w2), float64(c.load), float64(c.octets)})
}

// Estimate is a rate with its exact 95 % interval.
type Estimate struct {
	PacketsPerSecond float64
	Low, High        float64 // packets per second
	BitsPerSecond    float64
	Samples          uint32
	Effective        float64 // samples, less where their weights differ
	SamplingRate     float64
	FrameOctets      float64
	Span             time.Duration
	Agent            uint32 // 0: summed over the cut
	Load             float64

	start    int64   // ns
	fraction float64 // of the packets that is sampled
}

func (s *sum) estimate(start, now int64, agent uint32) Estimate {
	span := max(now-start, minSpan)
	sec := float64(span) / 1e9
	e := Estimate{
		PacketsPerSecond: s.w / sec, BitsPerSecond: 8 * s.octets / sec, Load: s.load / sec,
		Samples: uint32(s.n), Effective: s.effective(), Span: time.Duration(span), Agent: agent, start: start,
	}
	if s.n > 0 {
		e.SamplingRate, e.FrameOctets = s.w/s.n, s.octets/s.w
		e.fraction = s.w / s.w2
	}
	return e
}

// interval fills Low and High with what the rate of a process may be that gave
// so many events: the exact (Garwood) interval. Decisions are taken by it.
func (e *Estimate) interval() { e.limits(window.Interval(e.Effective, 0.95)) }

// counted fills Low and High with how many packets there may have been, of which
// so many were drawn: their number is binomial, with 1 - fraction of the
// variance. Where agents sample differently, each packet has the variance
// w(w-1) of its own rate w, whose sum over that of w² is 1 - Σw/Σw².
func (e *Estimate) counted() { e.limits(window.Thinned(e.Effective, e.fraction, 0.95)) }

func (e *Estimate) limits(low, high float64) {
	if e.Effective == 0 {
		e.High = high * max(e.SamplingRate, 1) / e.Span.Seconds()
		return
	}
	e.Low, e.High = e.PacketsPerSecond*low/e.Effective, e.PacketsPerSecond*high/e.Effective
}

// atStop returns the estimate as of the sample that made somebody look: k
// samples mark k-1 intervals. The interval stays.
func (e Estimate) atStop() Estimate {
	if e.Effective > 1 {
		f := 1 - 1/e.Effective
		e.PacketsPerSecond, e.BitsPerSecond, e.Load = f*e.PacketsPerSecond, f*e.BitsPerSecond, f*e.Load
	}
	return e
}

// ratio is the log-likelihood ratio of the k events counted, against their
// mean under the hypothesis.
func ratio(k, mean float64) float64 {
	if k <= mean {
		return 0
	}
	return k*math.Log(k/max(mean, 1e-9)) - k + mean
}

// inWindow estimates over the last span, from the beginning of a slot.
func (k *track) inWindow(now int64, span time.Duration) Estimate {
	first := window.SlotOf(now-int64(span)) + 1
	s := k.since(first)
	return s.estimate(window.SlotStart(first), now, k.agent)
}

// inRun estimates over a present run, whose first sample is not counted.
func (k *track) inRun(i int, now int64) Estimate {
	return k.runs[i].all.estimate(k.runs[i].led, max(now, k.last), k.agent)
}
