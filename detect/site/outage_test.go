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

// TestBurstsTakeOneBeat: where all that is sent within 0.9 s is lost now and then,
// nobody is called silent, and who is killed, or cut off while its traffic is seen
// or is not, is found within seven seconds and told apart.
func TestBurstsTakeOneBeat(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(a *actor)
		want string
	}{
		{"agent killed", func(a *actor) { a.killed = true }, "start telemetry_silent critical cn3 weir-agent"},
		{"agent blocked", func(a *actor) { a.blocked = true }, "start telemetry_silent critical cn3"},
		{"node down", func(a *actor) { a.up = false }, "start node_down critical cn3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			worst := time.Duration(0)
			for phase := range 14 { // of the deed among the bursts
				w := newWorld(t)
				for range 8 {
					w.node(1)
				}
				dark := func() bool { return w.now.Sub(epoch)%(14*time.Second) < 900*time.Millisecond }
				for i, a := range w.nodes {
					a.ovs, a.seenAt, a.lost = true, w.nodes[(i+1)%8], dark
				}
				w.run(100*time.Second + time.Duration(phase)*time.Second)
				w.want()
				deed := w.now
				c.do(w.nodes[2])
				for len(w.alerts) == 0 && w.now.Sub(deed) < 30*time.Second {
					w.run(100 * time.Millisecond)
				}
				worst = max(worst, w.now.Sub(deed))
				if got := w.lines(); len(got) != 1 || got[0] != c.want {
					t.Errorf("%d s after a burst: %q, want %q", (100+phase)%14, got, c.want)
				}
			}
			if worst > 7*time.Second {
				t.Errorf("found after %v at worst", worst)
			}
			t.Logf("found after %v at worst", worst)
		})
	}
}
