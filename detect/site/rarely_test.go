package site

import (
	"fmt"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestSilenceOfARarelySeen: that a node is silent waits for what others see of it only
// where that will decide. What every node sends to all now and then is sampled
// elsewhere too, and decides nothing in time.
func TestSilenceOfARarelySeen(t *testing.T) {
	for _, c := range []struct {
		every  time.Duration // between two samples of its traffic elsewhere
		start  string
		within time.Duration // of the alert from its last word
	}{
		{0, "start telemetry_silent warning cn1", 8 * time.Second},
		{25 * time.Second, "start telemetry_silent warning cn1", 8 * time.Second},
		{5 * time.Second, "start telemetry_silent warning cn1", 8 * time.Second},
		{200 * time.Millisecond, "start node_down critical cn1", 8 * time.Second},
	} {
		t.Run(fmt.Sprint("every ", c.every), func(t *testing.T) {
			w := newWorld(t)
			a, b := w.node(2), w.node(0)
			for k := range 3000 {
				if c.every > 0 && k%int(c.every/(100*time.Millisecond)) == 0 {
					for _, m := range a.macs[:1] {
						w.tell(fact.Fact{Kind: fact.Seen, Agent: b.number, A: m, B: 3, C: 1})
					}
				}
				w.run(100 * time.Millisecond)
			}
			w.want()
			a.up = false
			w.run(c.within)
			w.want(c.start)
		})
	}
}
