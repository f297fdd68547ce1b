package largeflow

import (
	"math"

	"weir/decoder/packet"
	"weir/detect/window"
)

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
	run      tcpRun
	hotSince int64
	hotUntil int64
	epoch    uint64 // of Table.out that rec belongs to
	rec      int32  // place of the open record in Table.out
	point    Point
	key      packet.Key
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

// stay is how many ns a flow stays hot after its statistics were last high
// enough.
func (e *entry) stay(l *link) int64 {
	return min(max(int64(hotFor*float64(e.square)/float64(e.mean)/l.theta), hotLeast), hotMost)
}
