package window

import "math"

// Interval returns the exact (Garwood) confidence interval of a Poisson mean
// after n events were counted; n may be an effective number. confidence is
// two-sided, such as 0.95. Interval(0, …) is [0, -ln((1-confidence)/2)].
func Interval(n, confidence float64) (low, high float64) {
	tail := (1 - confidence) / 2
	if n > 0 {
		low = gammaQuantile(n, tail)
	}
	return low, gammaQuantile(n+1, 1-tail)
}

// Thinned is Interval for n events that were drawn, each with the probability
// fraction, from a pool whose size is asked for: what it expects to be drawn.
// The number drawn then is binomial, with 1 - fraction of the variance, and the
// interval is as much narrower; with fraction 1 nothing is left to chance. The
// limits of Interval are drawn in by the square root of that.
func Thinned(n, fraction, confidence float64) (low, high float64) {
	low, high = Interval(n, confidence)
	by := math.Sqrt(max(0, 1-max(fraction, 0)))
	return n - (n-low)*by, n + (high-n)*by
}

// TailAtLeast returns the probability that a Poisson variable of this mean is
// n or more; n may be an effective number.
func TailAtLeast(n, mean float64) float64 {
	if n <= 0 {
		return 1
	}
	return gammaP(n, mean)
}

// manyEvents is where the cube approximation of Wilson and Hilferty alone is
// right to one part in a million of the interval's width.
const manyEvents = 1e5

// gammaP is the regularised lower incomplete gamma function P(a, x), a > 0:
// its series left of a+1, the continued fraction of its complement (modified
// Lentz) right of it (Abramowitz and Stegun 6.5.29, 6.5.31).
func gammaP(a, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if a > manyEvents {
		z := 3 * math.Sqrt(a) * (math.Cbrt(x/a) - 1 + 1/(9*a))
		return math.Erfc(-z/math.Sqrt2) / 2
	}
	lg, _ := math.Lgamma(a)
	scale := math.Exp(a*math.Log(x) - x - lg)
	const eps, most = 1e-15, 100000
	if x < a+1 {
		term := 1 / a
		sum := term
		for i := 1; i < most && term > sum*eps; i++ {
			term *= x / (a + float64(i))
			sum += term
		}
		return min(sum*scale, 1)
	}
	const tiny = 1e-300
	b := x + 1 - a
	c := 1 / tiny
	d := 1 / b
	h := d
	for i := 1; i < most; i++ {
		an := -float64(i) * (float64(i) - a)
		b += 2
		d = 1 / atLeast(an*d+b, tiny)
		c = atLeast(b+an/c, tiny)
		h *= d * c
		if math.Abs(d*c-1) < eps {
			break
		}
	}
	return max(0, 1-scale*h)
}

func atLeast(v, tiny float64) float64 {
	if math.Abs(v) < tiny {
		return tiny
	}
	return v
}

// gammaQuantile returns x with P(a, x) = p. It starts from the cube
// approximation of Wilson and Hilferty and ends with Newton's steps, kept
// inside a bracket.
func gammaQuantile(a, p float64) float64 {
	t := 1 - 1/(9*a) + normalQuantile(p)/(3*math.Sqrt(a))
	x := a * t * t * t
	if a > manyEvents {
		return x
	}
	if x <= 0 || t <= 0 {
		lg, _ := math.Lgamma(a + 1)
		x = math.Exp((math.Log(p) + lg) / a) // P(a, x) ≈ x^a/Γ(a+1) near 0
	}
	lo, hi := 0.0, math.Inf(1)
	lg, _ := math.Lgamma(a)
	for range 60 {
		f := gammaP(a, x) - p
		if f > 0 {
			hi = x
		} else {
			lo = x
		}
		next := x - f/math.Exp((a-1)*math.Log(x)-x-lg)
		if !(next > lo && next < hi) { // also NaN
			if next = (lo + hi) / 2; math.IsInf(hi, 1) {
				next = 2 * x
			}
		}
		if math.Abs(next-x) <= 1e-12*x {
			return next
		}
		x = next
	}
	return x
}

// normalQuantile is the quantile of the standard normal distribution.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
