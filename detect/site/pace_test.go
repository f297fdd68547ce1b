package site

import (
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestUnevenPolls: a switch polls its ports within the first half of its period
// and sends samples all the time. When what it samples falls silent, the pauses
// between its polls are no silence of the switch.
func TestUnevenPolls(t *testing.T) {
	w := newWorld(t)
	for range 4 {
		w.node(1) // somebody else is heard
	}
	source := addr("10.255.0.1")
	w.tell(fact.Fact{Kind: fact.Sender, Agent: 99, Detail: &fact.Detail{Agent: source, Source: source}})
	seq := uint32(0)
	play := func(d time.Duration, samples, polls bool) {
		for end := w.now.Add(d); w.now.Before(end); {
			into := w.now.Sub(epoch) % (20 * time.Second)
			poll := polls && into < 10*time.Second && into%(500*time.Millisecond) == 0
			if poll || samples {
				seq++
				f := fact.Fact{Kind: fact.Alive, Agent: 99, A: uint64(seq)<<32 | 1, B: uint64(uint32(w.now.Sub(epoch).Milliseconds())) << 32}
				if samples {
					f.B |= 1
				}
				if poll {
					f.C = uint64(w.now.UnixNano())
				}
				w.tell(f)
			}
			w.run(100 * time.Millisecond)
		}
	}
	play(100*time.Second, true, true)
	play(100*time.Second, false, true)
	if got := w.lines(); len(got) > 0 {
		t.Errorf("the samples stopped: %q", got)
	}
	play(60*time.Second, false, false)
	if got := w.lines(); len(got) != 1 || !strings.Contains(got[0], "telemetry_silent") {
		t.Errorf("the switch is silent: %q, want one telemetry_silent", got)
	}
}
