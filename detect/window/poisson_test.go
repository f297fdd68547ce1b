package window

import (
	"math"
	"testing"
)

// The wanted values are half the chi-square quantiles of published tables.
func TestIntervalMatchesKnownValues(t *testing.T) {
	for _, c := range []struct{ n, low, high float64 }{
		{0, 0, 3.6889},
		{1, 0.0253, 5.5716},
		{2, 0.2422, 7.2247},
		{5, 1.6235, 11.6683},
		{10, 4.7954, 18.3904},
		{20, 12.2165, 30.8884},
		{50, 37.1110, 65.9188},
		{100, 81.3639, 121.6272},
	} {
		low, high := Interval(c.n, 0.95)
		if math.Abs(low-c.low) > 1e-3 || math.Abs(high-c.high) > 1e-3 {
			t.Errorf("Interval(%g) = %.4f, %.4f, want %.4f, %.4f", c.n, low, high, c.low, c.high)
		}
	}
}

func TestIntervalInPercent(t *testing.T) {
	for _, c := range []struct{ n, low, high float64 }{
		{8, -57, 97}, {12, -48, 75}, {20, -39, 54}, {40, -29, 36}, {100, -19, 22},
	} {
		low, high := Interval(c.n, 0.95)
		if l, h := math.Round((low/c.n-1)*100), math.Round((high/c.n-1)*100); l != c.low || h != c.high {
			t.Errorf("n=%g: %+g %+g %%, want %+g %+g", c.n, l, h, c.low, c.high)
		}
	}
}

func TestIntervalInvertsTail(t *testing.T) {
	for _, n := range []float64{0.3, 1, 7.7, 40, 1234.5, 1e6, 3e7} {
		for _, conf := range []float64{0.5, 0.95, 0.999, 1 - 1e-9} {
			low, high := Interval(n, conf)
			tail := (1 - conf) / 2
			if p := TailAtLeast(n, low); math.Abs(p/tail-1) > 1e-5 {
				t.Errorf("n=%g conf=%g: tail at the lower bound %g is %g, want %g", n, conf, low, p, tail)
			}
			if p := 1 - TailAtLeast(n+1, high); math.Abs(p-tail) > 1e-6*tail+1e-9 {
				t.Errorf("n=%g conf=%g: tail at the upper bound %g is %g, want %g", n, conf, high, p, tail)
			}
			if !(low < n && n < high) {
				t.Errorf("n=%g conf=%g: outside [%g, %g]", n, conf, low, high)
			}
		}
	}
	if low, high := Interval(1e12, 0.95); !(low > 1e12-2e6 && high < 1e12+2e6) {
		t.Errorf("Interval(1e12) = %g, %g", low, high)
	}
}

func TestTailAtLeastSumsPoisson(t *testing.T) {
	for _, mean := range []float64{0.1, 1, 8, 30, 200} {
		term, below := math.Exp(-mean), 0.0
		for n := 0; n < 400; n++ {
			if got, want := TailAtLeast(float64(n), mean), 1-below; math.Abs(got-want) > 1e-10 {
				t.Fatalf("TailAtLeast(%d, %g) = %g, want %g", n, mean, got, want)
			}
			below += term
			term *= mean / float64(n+1)
		}
	}
}
