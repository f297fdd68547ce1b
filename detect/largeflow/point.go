package largeflow

import (
	"math"

	"weir/detect/window"
)

// point is one flow at one vantage point.
type point struct {
	Point
	onset  Onset
	ring   window.Ring // what came after onset.Hot
	life   window.Sum  // everything since first
	lead   window.Sum  // of life: what arrived from first to from
	octets uint64      // of the sampled frames, without weights
	first  int64       // ns
	from   int64       // ns from which on life, without lead, tells of the rate
	last   int64
	all    window.Sum // everything ever, for the mean weight
	idle   int64      // ns of pauses between batches
	pauses uint32
}

// add joins a record to the point.
func (p *point) add(r *Record) {
	begun, sum := p.all.N > 0, r.Sum
	p.all.Add(r.Sum)
	p.all.Add(r.Onset.Sum)
	switch {
	case r.Begun:
		p.ring.Reset()
		p.onset = r.Onset
	case !begun: // the table knew the flow, the tracker forgot it: begin with one sample
		sum.Add(r.Onset.Sum)
		one := window.Sum{N: 1, W: sum.W / float64(sum.N), W2: sum.W2 / float64(sum.N)}
		p.onset = Onset{At: r.First, Led: r.First, Hot: r.First, Lead: one, Sum: one}
		p.life.Add(one)
		sum.Sub(one)
	default:
		if r.Onset.At == p.onset.At {
			p.onset.Led, p.onset.Hot = r.Onset.Led, r.Onset.Hot
		}
		p.onset.Lead.Add(r.Onset.Lead)
		p.onset.Sum.Add(r.Onset.Sum)
	}
	if r.Begun || begun {
		p.life.Add(r.Onset.Sum)
	}
	if !begun {
		p.first = p.onset.At
	}
	if p.first == p.onset.At {
		p.from, p.lead = p.onset.from(), p.onset.Lead
	}
	if sum.N > 0 {
		p.ring.Add(r.Slot, sum, r.First, r.Last)
		p.life.Add(sum)
	}
	p.Point = r.Point
	p.octets += r.Octets
	p.idle += r.Idle
	p.pauses += r.Pauses
	p.last = max(p.last, r.Last)
}

// weight is the mean weight of a sample, larger samples counting for more: the
// octets that one effective sample stands for.
func (p *point) weight() float64 { return p.all.W2 / p.all.W }

// fraction is the share of the flow's octets that were sampled, 1 in the
// effective sampling rate.
func (p *point) fraction() float64 { return min(1, float64(p.octets)/max(p.life.W, 1)) }

// rebase lets the life begin where the window of span ns before now does.
func (p *point) rebase(now, span int64) {
	s, ns := p.since(now, span, true)
	if p.first >= now-ns {
		return
	}
	p.octets = uint64(float64(p.octets) * s.W / p.life.W)
	p.life, p.lead = s, window.Sum{}
	p.first, p.from = now-ns, now-ns
}

// since returns what the point saw in the last length ns before now, and the
// time in ns in which it saw that.
//
// A time that begins with a sample begins after it: k samples mark k-1
// intervals, and what arrived together with the first was sampled before. A
// time that begins at a slot needs no such care, but if samples arrive in
// batches it must be long against their interval; strict lets it begin with
// the newest sample before that slot instead, which is never too short.
func (p *point) since(now, length int64, strict bool) (s window.Sum, span int64) {
	start := now - length
	switch first := window.SlotOf(start) + 1; {
	case p.onset.At >= start:
		s = p.ring.Since(math.MinInt64)
		s.Add(p.onset.Sum)
		s.Sub(p.onset.Lead)
		span = now - p.onset.Led
	case p.onset.Hot >= start:
		s = p.ring.Since(math.MinInt64)
		span = now - p.onset.Hot
	case strict:
		var before int64
		s, before = p.ring.SinceBatch(first, batchGap)
		span = now - max(before, p.onset.Hot)
	default:
		s = p.ring.Since(first)
		span = now - window.SlotStart(first)
	}
	return s, max(span, minSpan)
}

// whole returns what the point saw after its first samples, and the time in
// ns from there to its last.
func (p *point) whole() (s window.Sum, span int64) {
	s = p.life
	s.Sub(p.lead)
	if s.N > 1 { // the time ends with a sample too
		f := float64(s.N-1) / float64(s.N)
		s.W, s.W2 = s.W*f, s.W2*f
	}
	return s, max(p.last-p.from, minSpan)
}
