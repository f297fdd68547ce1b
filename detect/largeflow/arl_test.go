package largeflow

import (
	"math"
	"math/rand/v2"
	"testing"
)

// integralRunLength solves the integral equation of the CUSUM at its events on
// a grid: another way to the same number.
func integralRunLength(r, h float64) float64 {
	const n = 300
	g, mean := math.Log(r), r-1
	w := h / n
	// L(s) = 1 + ∫ L(s') P(s → s'), s the value just after an event; iterated
	l := make([]float64, n+1)
	cell := func(s float64) int { return min(int(s/w), n) }
	a := make([][]float64, n)
	for i := range a {
		row := make([]float64, n+1)
		s := (float64(i) + 0.5) * w
		for j := range n {
			lo, hi := min(max(float64(j)*w-g, 0), s), min(max(float64(j+1)*w-g, 0), s)
			if hi > lo {
				row[j] = math.Exp(-(s-hi)/mean) - math.Exp(-(s-lo)/mean)
			}
		}
		if g < h {
			row[cell(g)] += math.Exp(-s / mean)
		}
		for j := range n {
			row[j] = -row[j]
		}
		row[i]++
		row[n] = 1
		a[i] = row
	}
	for i := range n { // Gauss without pivots: the matrix is an M-matrix
		for k := i + 1; k < n; k++ {
			if f := a[k][i] / a[i][i]; f != 0 {
				for j := i; j <= n; j++ {
					a[k][j] -= f * a[i][j]
				}
			}
		}
	}
	for i := n - 1; i >= 0; i-- {
		l[i] = a[i][n]
		for j := i + 1; j < n; j++ {
			l[i] -= a[i][j] * l[j]
		}
		l[i] /= a[i][i]
	}
	return 1 + l[cell(g)]
}

func TestRunLengthAgreesWithIntegralEquation(t *testing.T) {
	for _, c := range []struct{ r, h float64 }{{1.4, 5}, {2, 6}, {3.9, 8}, {4.1, 8}, {10, 9}, {10, 7}, {20, 9}, {50, 10}, {100, 12}} {
		got, want := runLength(c.r, c.h), integralRunLength(c.r, c.h)
		t.Logf("r=%g h=%g: %.5g, integral equation %.5g", c.r, c.h, got, want)
		if math.Abs(got/want-1) > 0.03 {
			t.Errorf("r=%g h=%g: %.5g, integral equation %.5g", c.r, c.h, got, want)
		}
	}
}

func TestRunLengthAgreesWithSimulation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct{ r, h float64 }{{2, 4}, {10, 6}, {100, 8}} {
		g, d := math.Log(c.r), c.r-1
		var s, sum float64
		const runs = 2000
		for range runs {
			for s = 0; s < c.h; s += g {
				dt := rng.ExpFloat64()
				sum += dt
				s = max(0, s-d*dt)
			}
		}
		got, want := runLength(c.r, c.h), sum/runs
		if math.Abs(got/want-1) > 0.1 { // four standard errors of 1/√2000
			t.Errorf("r=%g h=%g: %.5g, simulated %.5g", c.r, c.h, got, want)
		}
	}
}

func TestThresholdForInvertsRunLength(t *testing.T) {
	for _, r := range []float64{1.4, 2, 10, 100} {
		for _, n := range []float64{1e3, 1e7, 1e12} {
			if h := thresholdFor(r, n); math.Abs(runLength(r, h)/n-1) > 1e-3 {
				t.Errorf("r=%g: h=%g has a run length of %g, want %g", r, h, runLength(r, h), n)
			}
		}
	}
}

func TestExponent(t *testing.T) {
	for _, c := range []struct{ r, share, want float64 }{{1.5, 0.8, 2}, {2, 1, 1}, {10, 0.8, 1.136}} {
		if e := exponent(c.r, c.share); math.Abs(e-c.want) > 0.01 {
			t.Errorf("r=%g share=%g: %g, want %g", c.r, c.share, e, c.want)
		}
	}
}
