package largeflow

import "math"

// ratios are the slopes of the confirming bound: each is sharpest for a flow
// of a little more than so many times the threshold.
var ratios = [...]float64{1.25, 1.5, 2, 3, 4.5, 8}

const (
	// falseShare: a confirmed flow whose true rate is below this share of the
	// threshold is a false confirmation.
	falseShare = 0.8
	// onsetEvery bounds how often the evidence of one flow starts anew, in s.
	onsetEvery = 10.0
	// atThreshold bounds the chance that a flow just below the threshold is
	// ever confirmed, whatever the budget.
	atThreshold = 0.005
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
type bound struct{ limits [len(ratios)]float64 }

// newBound returns the bound for a link on which the threshold is share, at a
// site of so many links.
func newBound(b Budget, links int, share float64) (c bound) {
	looks := week.Seconds() / onsetEvery / (falseShare * share) * float64(max(links, 1)) / b.Confirmed
	for i := range c.limits {
		c.limits[i] = max(math.Log(constants[i]*float64(len(ratios))*looks)/exponents[i], math.Log(float64(len(ratios))/atThreshold))
	}
	return c
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
