package distinct

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestSetCount(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, want := range []int{0, 1, 10, 40, 100, 500, 1000, 3000} {
		var s Set
		for range want {
			h := rng.Uint64()
			s.Add(h)
			s.Add(h)
		}
		got := s.Count()
		if math.Abs(got-float64(want)) > 0.08*float64(want)+2 {
			t.Errorf("%d different: counted %.1f", want, got)
		}
	}
}

// The interval covers the truth, of which the samples show only a part.
func TestFromSamplesCovers(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, c := range []struct{ things, packets, rate int }{
		{10, 10000, 100}, {100, 10000, 100}, {1000, 20000, 100}, {10000, 100000, 1000}, {5000, 5000, 50}, {1, 5000, 50},
	} {
		const runs = 400
		covered, sum := 0, 0.0
		for range runs {
			var s Set
			n := 0
			hash := rng.Uint64()
			for p := range c.packets {
				if rng.IntN(c.rate) != 0 {
					continue
				}
				n++
				s.Add((uint64(p%c.things) + hash) * 0x9e3779b97f4a7c15 >> 7)
			}
			e := FromSamples(float64(n), s.Count(), float64(c.rate), 0)
			if n == 0 {
				covered++
				continue
			}
			// Where every packet is a new thing the upper bound is the number
			// of packets, itself sampled: allow its own 95 %.
			slack := 1 + 2/math.Sqrt(float64(n))
			if e.Low <= float64(c.things)+0.01 && float64(c.things) <= e.High*slack {
				covered++
			}
			sum += e.Value
		}
		if covered < runs*93/100 {
			t.Errorf("%+v: covered %d of %d, mean estimate %.0f", c, covered, runs, sum/runs)
		}
	}
}

func TestFromSamplesBounds(t *testing.T) {
	if e := FromSamples(50, 50, 1000, 65536); e.Value != 50000 || e.High != 50000 || e.Low < 50 {
		t.Errorf("no repetition: %+v", e)
	}
	if e := FromSamples(100, 100, 1000, 65536); e.High != 65536 {
		t.Errorf("more packets than there can be: %+v", e)
	}
	if e := FromSamples(0, 0, 10, 0); e != (Estimate{}) {
		t.Errorf("no samples: %+v", e)
	}
	if e := FromSamples(1000, 1, 10, 0); e.Value > 2 || e.Low > 1 || e.High > 3 {
		t.Errorf("one thing: %+v", e)
	}
}
