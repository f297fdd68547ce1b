package window

import (
	"math"
	"testing"
)

// Sums of thinned samples are unbiased, and their number is bounded.
func TestThinning(t *testing.T) {
	for _, c := range []struct {
		name    string
		perSlot int
	}{
		{"few", 5000 - 1},
		{"twice as many", 2 * 5000},
		{"a burst", 40 * 5000},
	} {
		t.Run(c.name, func(t *testing.T) {
			th := NewThinning(50_000, 7)
			const slots = 20
			kept, sum := 0, uint64(0)
			variance := 0.0
			for slot := range int64(slots) {
				for range c.perSlot {
					if n := th.Next(1000 + slot); n > 0 {
						kept++
						sum += n
						variance += float64(n * (n - 1))
					}
				}
			}
			all := uint64(c.perSlot * slots)
			if d := math.Abs(float64(sum) - float64(all)); d > 4*math.Sqrt(variance) {
				t.Errorf("counted as %d, were %d: off by more than 4 standard errors (%.0f)", sum, all, math.Sqrt(variance))
			}
			if most := slots*5000 + 6*5000; kept > most {
				t.Errorf("%d samples counted in %d slots, at most %d wanted", kept, slots, most)
			}
			if uint64(kept)+th.Left != all {
				t.Errorf("%d counted and %d left out of %d", kept, th.Left, all)
			}
			if c.perSlot < 5000 && th.Left > 0 {
				t.Errorf("%d left out though all could be counted", th.Left)
			}
		})
	}
}
