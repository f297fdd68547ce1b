package largeflow

import (
	"math"
	"math/rand/v2"
	"testing"
)

// walk draws the time at which a flow of rate samples a second stops.
func (s *stopping) walk(rng *rand.Rand, rate, most float64) float64 {
	for n, t := s.start, 0.0; ; {
		t += rng.ExpFloat64() / rate
		if t > most {
			return math.Inf(1)
		}
		if n++; t <= s.crossAt(n) {
			return t
		}
	}
}

func TestStoppingLawAgreesWithSimulation(t *testing.T) {
	one := stopping{start: 1, lines: []line{{2.3, 7.5, 18}}}
	b := newBound(DefaultBudget, 1, 0.1, 1)
	for _, c := range []struct {
		name    string
		rule    stopping
		rate, t float64
	}{
		{"one line", one, 8.33, 1.5}, {"one line, fast", one, 80, 0.1}, {"one line, late", one, 8.33, 4},
		{"the confirming bound", b.rule(8.33), 16.7, 3}, {"the confirming bound, fast", b.rule(8.33), 83, 0.15},
	} {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(1, 2))
			const walks = 20000
			n := 0
			for range walks {
				if c.rule.walk(rng, c.rate, c.t) <= c.t {
					n++
				}
			}
			p, ok := c.rule.law(c.rate, c.t)
			if got := float64(n) / walks; !ok || math.Abs(p-got) > 4*math.Sqrt(p*(1-p)/walks)+1e-4 {
				t.Errorf("law %.4f, %v, simulated %.4f", p, ok, got)
			}
		})
	}
}

// Of walks that stop, the interval holds the true rate in 95 %, and is nested
// around the estimate.
func TestStoppingEstimateCovers(t *testing.T) {
	s := stopping{start: 1, lines: []line{{2.3, 7.5, 18}}}
	rng := rand.New(rand.NewPCG(3, 4))
	for _, rate := range []float64{8.33, 16.7, 42} {
		const walks = 600
		hold := 0
		for range walks {
			at := s.walk(rng, rate, 1000)
			n := s.start
			for s.crossAt(n) < at {
				n++
			}
			v, low, high, ok := s.estimate(float64(n), at)
			if !ok || !(low < v && v < high) {
				t.Fatalf("after %d samples in %.3f s: %g in [%g, %g], %v", n, at, v, low, high, ok)
			}
			if low <= rate && rate <= high {
				hold++
			}
		}
		if p := float64(hold) / walks; math.Abs(p-0.95) > 0.036 { // four standard errors
			t.Errorf("rate %g: %.3f hold it, want 0.95", rate, p)
		}
	}
}

func TestStoppingGivesUpOnManySamples(t *testing.T) {
	s := stopping{lines: []line{{0.01, 0.001, 50}}}
	if _, _, _, ok := s.estimate(5000, 10); ok {
		t.Error("5,000 states were followed")
	}
	e := stopped(&s, 5001, 10, 1)
	if math.Abs(e.BitsPerSecond-500) > 1 || !(e.Low < 500 && e.High > 500) {
		t.Errorf("%+v", e)
	}
}

// The lower bound is above the true rate at some time of a flow's life with
// the stated probability at most.
func TestBoundHoldsAtAllTimes(t *testing.T) {
	b := newBound(DefaultBudget, 1, 0.1, 1)
	rng := rand.New(rand.NewPCG(5, 6))
	const flows, seconds, rate = 4000, 60, 8.33
	wrong := 0
	for range flows {
		for k, at := 0.0, 0.0; at < seconds; {
			at += rng.ExpFloat64() / rate
			k++
			if b.low(k, at) > rate {
				wrong++
				break
			}
		}
	}
	if most := atThreshold*flows + 3*math.Sqrt(atThreshold*flows); float64(wrong) > most {
		t.Errorf("the bound failed in %d of %d flows, want at most %.0f", wrong, flows, most)
	}
}

// A flow of less than falseShare of the threshold is confirmed as seldom as
// the constants say: with probability C·exp(-ηH), seen here at a small H.
func TestBoundAgainstFalseConfirmation(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const flows, h = 40000, 3.0
	for i, r := range ratios {
		g, n := math.Log(r), 0
		for range flows {
			for s, left := 0.0, 4000; s > -12 && left > 0; left-- {
				s += g - (r-1)*rng.ExpFloat64()/falseShare
				if s >= h {
					n++
					break
				}
			}
		}
		got, want := float64(n)/flows, math.Exp(-exponents[i]*h)
		if got > want+4*math.Sqrt(want/flows) {
			t.Errorf("r=%g: %.5f, want at most %.5f", r, got, want)
		}
		t.Logf("r=%g: %.5f, bound %.5f, with the constant %.5f", r, got, want, constants[i]*want)
	}
}
