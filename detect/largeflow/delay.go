package largeflow

import (
	"math"
	"time"
)

// Query asks how long a flow takes to be found.
type Query struct {
	Threshold    Threshold
	Speed        uint64  // bit/s of the link; 0 unknown
	SamplingRate float64 // packets per sample
	Frame        float64 // mean octets of a frame; 0 is 1500
	Rate         float64 // bit/s of the flow; 0 is twice the threshold
	Background   float64 // largest share of the link that flows below the threshold have; 0 is the lowest assumed
	Points       int     // vantage points that see the flow, equal ones; 0 is 1
	Links        int     // learned by the site; 0 is 1
	Budget       Budget  // zero is the default
}

// Delay is the answer: half of all flows, and all but one in a hundred, are
// found within these times of their start. An agent that holds samples back
// adds half of its flush interval on average. Never says that the flow is not
// to be found within an hour.
type Delay struct {
	Suspected, Suspected99 time.Duration
	Confirmed              time.Duration
	LeastConfirmed         time.Duration // mean of the best test that keeps the same budget, from the first sample on
	SamplesPerSecond       float64       // that the flow gives, at all points
}

// Never is a delay of more than an hour.
const Never = time.Duration(math.MaxInt64)

// ExpectedDelay returns the delay for q, from the law of the statistics and
// not by simulation.
func ExpectedDelay(q Query) Delay {
	bits := q.Threshold.At(q.Speed)
	if q.Frame <= 0 {
		q.Frame = 1500
	}
	if q.Rate <= 0 {
		q.Rate = 2 * bits
	}
	if q.Budget == (Budget{}) {
		q.Budget = DefaultBudget
	}
	var l link
	l.set(q.Threshold, q.Budget, q.Speed)
	level := l.lowest
	if q.Speed > 0 {
		level = max(level, levelOf(q.Background*float64(q.Speed)/bits))
	}
	theta := bits / 8 / q.Frame / max(q.SamplingRate, 1) * float64(max(q.Points, 1)) // samples a second at the threshold
	d := Delay{Suspected: Never, Suspected99: Never, SamplesPerSecond: theta * q.Rate / bits}
	for _, h := range hypotheses[level] {
		s := stopping{start: 1, lines: []line{{
			float64(h.gain), float64(h.drain) * theta, float64(h.base+l.budget) + math.Log(theta),
		}}}
		d.Suspected = min(d.Suspected, s.within(0.5, d.SamplesPerSecond))
		d.Suspected99 = min(d.Suspected99, s.within(0.99, d.SamplesPerSecond))
	}
	b := newBound(q.Budget, q.Links, float64(l.share), 1)
	s := b.rule(theta)
	d.Confirmed = max(s.within(0.5, d.SamplesPerSecond), d.Suspected)
	d.LeastConfirmed = time.Duration(leastConfirmed(q.Budget, q.Links, float64(l.share), q.Rate/bits, theta) * 1e9)
	return d
}

// within returns the time by which the walk of a flow that gives rate samples
// a second stops with probability p, and the mean wait for its first sample.
func (s *stopping) within(p, rate float64) time.Duration {
	lo, hi := 0.0, 1/rate
	for {
		v, ok := s.law(rate, hi)
		if !ok || hi > 3600 {
			return Never
		}
		if v >= p {
			break
		}
		lo, hi = hi, 2*hi
	}
	for range 20 {
		if mid := (lo + hi) / 2; mid > 0 {
			if v, _ := s.law(rate, mid); v < p {
				lo = mid
			} else {
				hi = mid
			}
		}
	}
	return time.Duration((hi + 1/rate) * 1e9)
}
