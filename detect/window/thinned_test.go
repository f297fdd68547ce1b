package window

import (
	"fmt"
	"math"
	"testing"
)

// binomialAtLeast is the probability of n or more of a pool of m.
func binomialAtLeast(n, m int, p float64) (sum float64) {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	for k := n; k <= m; k++ {
		sum += math.Exp(lg(m) - lg(k) - lg(m-k) + float64(k)*math.Log(p) + float64(m-k)*math.Log1p(-p))
	}
	return sum
}

// The limits against the pools that are refused by the exact binomial law.
func TestThinnedFollowsTheBinomialLaw(t *testing.T) {
	for _, p := range []float64{0.01, 0.1, 0.3, 0.5} {
		for _, n := range []int{5, 20, 100} {
			t.Run(fmt.Sprintf("%d of 1 in %g", n, 1/p), func(t *testing.T) {
				lo, hi := n, n
				for binomialAtLeast(n, lo, p) < 0.025 {
					lo++
				}
				for 1-binomialAtLeast(n+1, hi, p) > 0.025 {
					hi++
				}
				low, high := Thinned(float64(n), p, 0.95)
				if wide := float64(hi-lo) * p; math.Abs(low-float64(lo)*p) > 0.06*wide+p || math.Abs(high-float64(hi)*p) > 0.06*wide+p {
					t.Errorf("[%.2f, %.2f], exactly [%.2f, %.2f]", low, high, float64(lo)*p, float64(hi)*p)
				}
			})
		}
	}
	if low, high := Thinned(7, 1, 0.95); low != 7 || high != 7 {
		t.Errorf("all sampled: [%g, %g]", low, high)
	}
	if low, high := Thinned(7, 0, 0.95); low >= 7 || high <= 7 {
		t.Errorf("of an endless pool: [%g, %g]", low, high)
	}
}
