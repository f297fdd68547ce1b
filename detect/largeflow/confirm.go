package largeflow

import "math"

// ratios are the slopes of the confirming bound: each is sharpest for a flow
// of a little more than so many times the threshold.
var ratios = [...]float64{1.25, 1.5, 2, 3, 4.5, 8}

// shares are how the budget is dealt out to them: little to those that take
// seconds anyway.
var shares = [len(ratios)]float64{0.05, 0.05, 0.1, 0.25, 0.3, 0.25}

const (
	// falseShare: a confirmed flow whose true rate is below this share of the
	// threshold is a false confirmation.
	falseShare = 0.8
	// onsetEvery is how often the evidence of flows in one place starts anew at
	// most, in s: flows that end sooner give too few samples.
	onsetEvery = 2.0
	// atThreshold bounds the chance that a flow just below the threshold is
	// ever confirmed, whatever the budget.
	atThreshold = 0.005
	// overlap is how often a flow of falseShare of the threshold crosses any of
	// the lines, as a share of the sum over all: who crosses one often crosses
	// its neighbour too. By the exact law it is 0.67 to 0.745.
	overlap = 0.75
)

// exponents and constants of ratios for a flow of falseShare of the threshold:
// it ever lifts the statistic of r to H with probability C·exp(-ηH), by the
// theorem of Cramér and Lundberg, the bound being that without C < 1.
var exponents, constants = func() (e, c [len(ratios)]float64) {
	for i, r := range ratios {
		e[i] = exponent(r, falseShare)
		g := falseShare * math.Log(r)
		c[i] = (r - 1 - g) / (g*math.Pow(r, e[i]) - (r - 1))
	}
	return e, c
}()

// bound is a lower bound of a flow's rate that holds at all times at once. For
// every r, exp(k·ln r - (r-1)·λ·t) of k samples in t seconds is a martingale
// of mean 1 under the true rate λ, so that it ever reaches exp(H) with
// probability exp(-H) at most (Ville 1939; line crossing: Howard, Ramdas,
// McAuliffe and Sekhon, Time-uniform Chernoff bounds, 2020). Solved for λ, the
// best of some r is the bound.
//
// Under a rate of falseShare of the threshold the probability is exp(-ηH) at
// most, η > 1. A link full of such flows, each judged anew every onsetEvery seconds,
// stays within the budget.
//
// No test does much better. Of all that confirm a flow of falseShare of the
// threshold with probability a at most, Wald's sequential test of that rate
// against the true one, m times the threshold, needs the fewest samples, and
// it needs -ln a/(m·ln(m/falseShare) - m + falseShare) times the interval of
// samples of a flow at the threshold. At 8.33 samples a second there, one link
// and the default budget that is 0.37 s for m = 5, and 0.44 s where 20 links
// share the budget (leastConfirmed). The bound takes as long in the median, to
// 5 %; the wait for the first sample comes before.
type bound struct{ limits [len(ratios)]float64 }

// newBound returns the bound for a link on which the threshold is share, at a
// site of so many links. starts is from how many samples on, of one flow in
// onsetEvery, the evidence may have been gathered: 1 where the flow's first
// sample is the only choice.
func newBound(b Budget, links int, share, starts float64) (c bound) {
	looks := b.looks(links, share) * max(starts, 1)
	for i := range c.limits {
		c.limits[i] = max(math.Log(constants[i]*overlap*looks/shares[i])/exponents[i], math.Log(float64(len(ratios))/atThreshold))
	}
	return c
}

// looks returns how many flows of falseShare of the threshold are judged
// before one may be confirmed.
func (b Budget) looks(links int, share float64) float64 {
	return week.Seconds() / onsetEvery / (falseShare * share) * float64(max(links, 1)) / b.Confirmed
}

// leastConfirmed returns the mean time in s, from its first sample on, after
// which a flow of multiple times the threshold can be confirmed at best (Wald
// 1945), where a flow at the threshold gives rate samples a second.
func leastConfirmed(b Budget, links int, share, multiple, rate float64) float64 {
	return math.Log(b.looks(links, share)) / (multiple*math.Log(multiple/falseShare) - multiple + falseShare) / rate
}

// low returns the lower bound of the rate after k samples in t seconds.
func (c *bound) low(k, t float64) float64 {
	best := 0.0
	for i, r := range ratios {
		best = max(best, (k*math.Log(r)-c.limits[i])/((r-1)*t))
	}
	return best
}

// rule is the stopping rule of a flow that gives rate samples a second at the
// threshold.
func (c *bound) rule(rate float64) stopping {
	s := stopping{}
	for i, r := range ratios {
		s.lines = append(s.lines, line{math.Log(r), (r - 1) * rate, c.limits[i]})
	}
	return s
}
