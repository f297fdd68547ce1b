package flood

import (
	"math"
	"testing"
)

// What an update says of a window is the exact number where all was sampled,
// and Garwood's interval where hardly anything was.
func TestIntervalKnowsHowMuchIsSampled(t *testing.T) {
	const samples = 100
	for _, c := range []struct {
		name  string
		rates []float64 // of the samples in turn
		part  float64   // of the width of Garwood's interval
	}{
		{"all", []float64{1}, 0},
		{"every other one", []float64{2}, math.Sqrt(0.5)},
		{"one in a hundred", []float64{100}, math.Sqrt(0.99)},
		{"all here, one in a thousand there", []float64{1, 1000}, math.Sqrt(1 - 1001.0/1000001)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s sum
			for i := range samples {
				w := c.rates[i%len(c.rates)]
				s.add(sum{1, w, w * w, w / 1e4, 64 * w})
			}
			e := s.estimate(0, 1e9, 1)
			e.interval()
			whole := e.High - e.Low
			e.counted()
			if got := (e.High - e.Low) / whole; math.Abs(got-c.part) > 1e-6 {
				t.Errorf("%.4f of the width, want %.4f", got, c.part)
			}
			if e.Low > e.PacketsPerSecond || e.High < e.PacketsPerSecond {
				t.Errorf("%g is not in [%g, %g]", e.PacketsPerSecond, e.Low, e.High)
			}
		})
	}
}
