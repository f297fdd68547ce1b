package largeflow

import (
	"math"
	"time"

	"weir/detect/window"
)

const (
	confidence = 0.95 // of the intervals shown

	// A flow has come down when its estimate is below endShare of the
	// threshold and its interval below the threshold.
	endShare = 0.8

	newSamples  = 2  // a flow at its threshold gives as many before the excursion of one that is new
	showSamples = 16 // a flow at its threshold gives as many in the window shown
)

// unseen corrects the estimate at a crossing at several vantage points. Points
// that have not told of the flow yet are not counted, and those that have are
// the ones that chance gave many samples, so that it looks too fast. As soon as
// a point tells of a flow all others are asked for it (Watch), so that this
// fades with the samples that known points give from then on. By simulation of
// two and three points and flows of 10 to 100 % of a link: the mean is then
// within a tenth of the truth, and the interval, whose lower end is taken down
// further, holds as often as it says.
func unseen(heard float64) (estimate, low float64) {
	fades := math.Exp(-heard / 2.5)
	return 1 - 0.45*fades, 0.93 * (1 - 0.55*fades)
}

// spans are the windows of updates, in ns.
var spans = [...]int64{200e6, 500e6, 1e9, 2e9, 5e9, 10e9}

// suspect takes up a crossing, of one vantage point's bank or of the sum. What
// the flow was before the excursion that crossed was background.
func (t *Tracker) suspect(f *flow, now int64) (e Estimate, m Method, found bool) {
	c := &f.cross
	if c.Member == 0 {
		return e, m, false
	}
	f.chosen = false
	for _, p := range f.points {
		// A start soon after the onset is that of a new flow whose first
		// samples came slowly by chance: who leaves them out chooses.
		start := p.onset.At
		if float64(c.Start-start)/1e9 > max(onsetEvery, newSamples/c.Rate) {
			start, f.chosen = c.Start, true
		}
		if p.first != start {
			p.rebase(now, now-start)
		}
	}
	span := max(float64(c.At-c.Start)/1e9-c.Idle, 1e-3)
	if c.Member == bySequence {
		m = TCPSequence
		e = Estimate{Samples: uint32(c.Samples), Effective: c.Samples, Span: time.Duration(span * 1e9), unit: c.Theta / c.Rate / span}
		e.Low = 8 * c.Sequence.Octets / c.Sequence.Longest
		_, high := window.Interval(c.Samples, confidence)
		e.BitsPerSecond, e.High = e.Low, max(e.Low, high*e.unit)
	} else {
		h := &hypotheses[c.Level][c.Member-1]
		rule := stopping{
			lines: []line{{float64(h.gain), float64(h.drain) * c.Rate, c.Limit}},
			start: 1,
		}
		e = stopped(&rule, c.Samples, span, c.Theta/c.Rate)
		if len(f.points) > 1 {
			rate, low := unseen(f.heard)
			e.BitsPerSecond *= rate
			e.Low *= low
		}
		m = CUSUM
	}
	if q, ok := c.Sequence.estimate(c.Frame); ok && (c.Member == bySequence || q.High*e.Low < e.High*q.Low) {
		e.BitsPerSecond, e.Low, e.High = q.BitsPerSecond, q.Low, q.High
		e.Span, m = time.Duration(c.Sequence.Longest*1e9), TCPSequence
	}
	e.Best, e.Points = t.life(f).Best, max(c.Points, 1)
	return e, m, true
}

// confirm asks whether the lower bound of the flow's rate, from everything
// since its onset, has reached the threshold, and estimates the rate if it has.
func (t *Tracker) confirm(f *flow, now int64, theta float64) (e Estimate, ok bool) {
	e = t.life(f) // leaves t.views, with those that saw less marked
	var k, mean, rate float64
	for i := range t.views {
		v := &t.views[i]
		if v.out {
			continue
		}
		m := v.p.weight()
		s := v.p.life
		s.Sub(v.p.lead)
		r := theta / 8 / m
		k += s.W / m
		rate += r
		mean += r * max(float64(f.newest-v.p.from), 0) / 1e9
	}
	if mean <= 0 {
		return e, false
	}
	starts := 1.0
	if f.chosen {
		starts = rate * falseShare * onsetEvery
	}
	b := newBound(t.cfg.Budget, t.links, float64(f.share), starts)
	if b.low(k, mean) < 1 {
		return e, false
	}
	rule := b.rule(rate)
	points, best := e.Points, e.Best
	e = stopped(&rule, k+1, mean/rate, theta/rate)
	e.Best, e.Points = best, points
	return e, true
}

// stopped is the estimate from n samples, the first at its start, of a walk
// that rule stopped after span seconds; unit is the bit/s of one sample a
// second.
func stopped(rule *stopping, n, span, unit float64) Estimate {
	e := Estimate{Samples: uint32(math.Round(n)), Effective: n, Span: time.Duration(span * 1e9), unit: unit}
	rate, low, high, ok := rule.estimate(n, span)
	if !ok { // very many samples
		rate = (n - 1) / span
		low, high = window.Interval(n-1, confidence)
		low, high = low/span, high/span
	}
	e.BitsPerSecond, e.Low, e.High = rate*unit, low*unit, high*unit
	return e
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
	theta := t.at(&f.points[0].Point)
	for _, p := range f.points[1:] {
		theta = min(theta, t.at(&p.Point))
	}
	return theta
}

// at returns the threshold at one point.
func (t *Tracker) at(p *Point) float64 { return t.cfg.Threshold.Of(p.Class).At(p.Speed) }

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
