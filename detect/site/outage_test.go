package site

import (
	"testing"
	"time"
)

// TestOutagesAreNoLoss: one node after the other is cut off, and each is found as
// fast as the first: what an outage took is no loss that deadlines allow for.
func TestOutagesAreNoLoss(t *testing.T) {
	w := newWorld(t)
	for range 10 {
		w.node(1)
	}
	for i, a := range w.nodes {
		a.ovs, a.seenAt = true, w.nodes[(i+1)%10]
	}
	w.run(60 * time.Second)
	w.want()
	for i, a := range w.nodes {
		deed := w.now
		a.blocked = true
		for len(w.alerts) == 0 && w.now.Sub(deed) < 30*time.Second {
			w.run(100 * time.Millisecond)
		}
		if d := w.now.Sub(deed); d > 6*time.Second {
			t.Errorf("node %d: found after %v", i+1, d)
		}
		a.blocked = false
		w.run(10 * time.Second)
		w.alerts = nil
	}
}
