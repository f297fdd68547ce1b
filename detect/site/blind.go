package site

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Why is why this collector could not hear, in words.
type Why string

// Reasons why.
const (
	WhyHeldUp  Why = "it was held up"
	WhyShard   Why = "a part of its intake was held up"
	WhyDropped Why = "datagrams were dropped at its sockets"
	WhyFacts   Why = "facts were lost on their way to the model"
	WhyDeaf    Why = "nothing was heard of anybody"
)

// Span is a time in which this collector heard nothing, or not all.
type Span struct {
	From, To time.Time
	Why      Why
	Part     float64 // of what silence proves that is lost meanwhile: 1 is all
}

// Opaque is the part of a Span from which on silence is as good as not judged.
const Opaque = 0.5

// span is a Span. Those of a Site do not overlap, and stand in order.
type span struct {
	from, to int64
	part     float64
	share    float64 // of all that came which was not heard
	dropped  uint64  // datagrams
	before   float64 // ns that all spans before take from the time of a silence
	why      Why
}

// cut is the same of another time.
func (b *span) cut(from, to int64) span {
	return span{from: from, to: to, part: b.part, share: b.share, dropped: b.dropped, why: b.why}
}

func (b *span) lost(t int64) float64 { return b.part * float64(b.to-max(b.from, t)) }

// maxSpans bounds the times kept: half an hour of tenths of seconds, each with drops
// of its own.
const maxSpans = 16384

// blindness are the times in which this collector could not hear.
type blindness struct{ spans []span }

// Blind says that this collector heard nothing between two times, in ns: nobody is
// called silent for that, and every timeline of that time says so.
func (s *Site) Blind(from, to int64, why Why) {
	s.blindness.add(span{from: from, to: to, part: 1, share: 1, why: why})
}

// Dropped says that so many datagrams came between two times, in ns, and how many
// more were dropped at the sockets of this collector. A few go on being judged: a
// sender is as silent as it is unlikely that all it has sent was among them.
func (s *Site) Dropped(from, to int64, came, dropped uint64) {
	if dropped > 0 {
		share := float64(dropped) / float64(came+dropped)
		s.blindness.add(span{from: from, to: to, part: dropPart(share, s.losses.Share()), share: share, dropped: dropped, why: WhyDropped})
	}
}

// Drops come in runs, and as a rule when much is sent: one sender may lose so many
// times the share of all. Losses on the way are never taken for rarer than least.
const (
	dropsApart = 3
	lossLeast  = 0.001
	partSteps  = 32
	manyDrops  = 0.2 // share from which on they are none of the losses that are usual
	oneRun     = 20  // datagrams of one sender, of which that is so when as many were dropped
)

// dropPart is how much of what a missing datagram proves is lost where a share of
// all is dropped here: it may be among those, or be lost on the way as ever.
func dropPart(share, loss float64) float64 {
	loss = max(loss, lossLeast)
	here := min(dropsApart*share, 1)
	part := 1 - math.Log(loss+(1-loss)*here)/math.Log(loss)
	return math.Ceil(partSteps*part) / partSteps // so that spans join
}

// add takes a span. Of two that overlap, the one that takes more counts.
func (b *blindness) add(x span) {
	if x.to <= x.from {
		return
	}
	i := len(b.spans)
	for i > 0 && b.spans[i-1].to > x.from {
		i--
	}
	over := slices.Clone(b.spans[i:])
	b.spans = b.spans[:i]
	at := x.from
	for _, o := range over {
		if o.from < x.from { // its beginning stays
			b.put(o.cut(o.from, x.from))
			o.from = x.from
		}
		b.put(x.cut(at, min(o.from, x.to)))
		both, end := o, max(min(o.to, x.to), o.from)
		if x.part > o.part {
			both = x
		}
		b.put(both.cut(o.from, end))
		b.put(o.cut(end, o.to))
		at = max(at, o.to)
	}
	b.put(x.cut(at, x.to))
	if n := len(b.spans) - maxSpans; n > 0 {
		b.spans = slices.Delete(b.spans, 0, n+maxSpans/8)
	}
}

// put appends a span, or lets the last one go on.
func (b *blindness) put(x span) {
	if x.to <= x.from {
		return
	}
	if n := len(b.spans); n > 0 {
		l := &b.spans[n-1]
		if l.to == x.from && l.part == x.part && l.why == x.why {
			l.share, l.dropped = max(l.share, x.share), l.dropped+x.dropped
			l.to = x.to
			return
		}
		x.before = l.before + l.lost(l.from)
	}
	b.spans = append(b.spans, x)
}

// since is how much of the time after t does not count as silence, ns.
func (b *blindness) since(t int64) int64 {
	n := len(b.spans)
	if n == 0 || b.spans[n-1].to <= t {
		return 0
	}
	i, _ := slices.BinarySearchFunc(b.spans, t, func(x span, t int64) int {
		if x.to <= t {
			return -1
		}
		return 1
	})
	first, last := &b.spans[i], &b.spans[n-1]
	return int64(last.before + last.lost(last.from) - first.before - first.lost(first.from) + first.lost(t))
}

// Blinds returns the times since t in which this collector could not hear, in
// order. Call it from the Site's goroutine.
func (s *Site) Blinds(t time.Time) (all []Span) {
	for _, x := range s.blindness.told(t.UnixNano(), math.MaxInt64) {
		all = append(all, Span{time.Unix(0, x.from).UTC(), time.Unix(0, x.to).UTC(), x.why, x.part})
	}
	return all
}

// blindApart is how far apart spans of one cause are told as two.
const blindApart = 2 * second

// takes reports whether so much of a time could not be heard that what is missing of
// it, so many datagrams of one sender, is no loss on the way.
func (b *blindness) takes(from, to int64, missing uint32) bool {
	unheard, dropped := 0.0, uint64(0)
	for i := len(b.spans) - 1; i >= 0 && b.spans[i].to > from; i-- {
		x := &b.spans[i]
		dropped += x.dropped
		unheard += x.share * float64(max(min(x.to, to)-max(x.from, from), 0))
	}
	return unheard > manyDrops*float64(to-from) || missing > oneRun && dropped > uint64(missing)/2
}

// told are the spans that reach into a time, those of one cause that follow each
// other as one, unless silence is judged in one and not in the other for long.
func (b *blindness) told(from, to int64) (all []span) {
	i, _ := slices.BinarySearchFunc(b.spans, from, func(x span, t int64) int { return cmp.Compare(x.to, t) })
	for _, x := range b.spans[i:] {
		if x.from > to {
			break
		}
		if n := len(all); n > 0 && all[n-1].why == x.why && x.from-all[n-1].to < blindApart &&
			((all[n-1].part >= Opaque) == (x.part >= Opaque) || all[n-1].part >= Opaque && x.to-x.from < second) {
			all[n-1].to, all[n-1].part = x.to, max(all[n-1].part, x.part)
			continue
		}
		all = append(all, x)
	}
	return all
}

// step is a span in a timeline.
func (x *span) step() Step {
	st := Step{At: at(x.from), Until: at(x.to), What: "silence could not be judged", Is: string(x.why), Entity: collectorEntity, ns: x.from}
	if x.part < Opaque {
		st.What = "silence was judged with more patience"
	}
	st.What += ", until " + time.Time(st.Until).Format("15:04:05.000")
	return st
}

// blindSince is for how much of the time after t this collector could not hear.
func (s *Site) blindSince(t int64) (d int64) { return s.blindness.since(t) }

// quietFor is how long ago t is, without the time in which we could not hear.
func (s *Site) quietFor(t int64) int64 { return s.now - t - s.blindSince(t) }
