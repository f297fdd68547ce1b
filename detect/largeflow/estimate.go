package largeflow

import (
	"math"
	"time"

	"weir/detect/window"
)

// Estimate is a rate with its exact 95 % interval.
type Estimate struct {
	BitsPerSecond float64
	Low, High     float64 // bit/s
	Samples       uint32
	Effective     float64 // samples, less where their weights differ
	Span          time.Duration
	Points        int   // vantage points it rests on
	Best          Point // the one that says most

	unit     float64 // bit/s that one effective sample stands for
	fraction float64 // of the octets that is sampled, where that is least
}

// interval fills Low and High: by the number of samples, which is binomial, and
// where few packets of the pool are sampled as good as Poisson.
func (e *Estimate) interval() {
	low, high := window.Thinned(e.Effective, e.fraction, confidence)
	if e.Effective == 0 {
		e.Low, e.High = 0, high*e.unit
		return
	}
	e.Low, e.High = e.BitsPerSecond*low/e.Effective, e.BitsPerSecond*high/e.Effective
}

// view is what one point contributes.
type view struct {
	p     *point
	sum   window.Sum
	span  float64 // seconds
	eff   float64
	rate  float64 // octets per second
	reach float64 // effective samples per octet/s: what the point would see
	out   bool    // saw less of the flow than others
}

// apart is how many standard deviations below the best a point must be to be
// left out: chance does that to one in 30,000.
const apart = 4

// differs reports whether v saw significantly less than best did. A point
// without samples is as uncertain as one with a single sample.
func (v *view) differs(best *view) bool {
	sd := math.Hypot(math.Sqrt(v.eff+1)/v.reach, math.Sqrt(best.eff+1)/best.reach)
	return best.rate-v.rate > apart*sd
}

// measure fills in what follows from sum and span, and leaves out the points
// that saw significantly less than the best: another path, an agent that
// stopped. It returns the best, the one with the highest lower bound.
func measure(views []view) (best *view) {
	least := math.Inf(-1)
	for i := range views {
		v := &views[i]
		v.eff = v.sum.Effective()
		v.rate = v.sum.W / v.span
		v.reach = v.span / v.p.weight()
		if l := v.rate * (1 - 1.96/math.Sqrt(max(v.eff, 1))); l > least && !v.out {
			best, least = v, l
		}
	}
	for i := range views {
		if v := &views[i]; v != best && v.differs(best) {
			v.out = true
		}
	}
	return best
}

// join estimates the rate of one flow from what several points saw of it.
// Points that saw the same add evidence: the rate is their mean, weighted by
// how many samples each sees of a given rate, so that chance does not choose.
// Rates are never added.
func join(views []view) Estimate {
	measure(views)
	var e Estimate
	var reach, most, w, w2 float64
	for i := range views {
		v := &views[i]
		if v.out {
			continue
		}
		f := v.reach / v.span
		reach += v.reach
		w += f * v.sum.W
		w2 += f * f * v.sum.W2
		e.Samples += v.sum.N
		if f := v.p.fraction(); e.Points == 0 || f < e.fraction {
			e.fraction = f
		}
		e.Points++
		e.Span = max(e.Span, time.Duration(v.span*1e9))
		if v.reach > most {
			e.Best, most = v.p.Point, v.reach
		}
	}
	if w2 > 0 {
		e.Effective = w * w / w2
	}
	e.BitsPerSecond = 8 * w / reach
	e.unit = 8 / reach
	return e
}
