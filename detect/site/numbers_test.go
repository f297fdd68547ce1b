package site

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestQuietFleet lets 50 nodes beat for half an hour at 1 % and 5 % loss: nothing
// is told. By this test alone, of one node-day for each, the rate is below 3 a
// day with 95 % confidence; the deadlines' own budget is one a year over all.
func TestQuietFleet(t *testing.T) {
	for _, loss := range []float64{0.01, 0.05} {
		rng := rand.New(rand.NewPCG(7, uint64(1000*loss)))
		w := newWorld(t)
		for range 50 {
			a := w.node(0)
			a.lost = func() bool { return rng.Float64() < loss }
		}
		w.run(30 * time.Minute)
		if len(w.alerts) > 0 {
			t.Errorf("%.0f %% loss: %v", 100*loss, w.lines())
		}
	}
}
