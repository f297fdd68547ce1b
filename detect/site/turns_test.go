package site

import (
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestTwoFromOneAddress: who sends in an agent's name from its own address is told
// once he and the agent take turns, also where weir was started anew meanwhile;
// one datagram that was overtaken is not, nor what several sequences do that the
// agent had from the beginning.
func TestTwoFromOneAddress(t *testing.T) {
	turn := func(w *world, n uint64) {
		w.tell(fact.Fact{Kind: fact.Voices, Agent: 21, A: 3_600_000<<32 | 77, B: 4_000_000_000<<32 | 900_000, C: n})
	}
	setup := func(t *testing.T, learnt time.Duration) (*world, func(time.Duration)) {
		w := newWorld(t)
		a, b := w.polled(21, "10.1.0.1"), w.polled(22, "10.1.0.2")
		w.play(learnt, a, b)
		return w, func(d time.Duration) { w.play(d, a, b) }
	}
	t.Run("from some time on", func(t *testing.T) {
		w, play := setup(t, 90*time.Second)
		for range 10 {
			turn(w, 1)
			play(time.Second)
		}
		if line := w.last(TelemetryTampered).Evidence.Line(); !strings.Contains(line, "from one address, in turns") {
			t.Error(line)
		}
		if f := w.last(TelemetryTampered).Evidence.(*Evidence).Facts[0]; f.Before != "up 1h0m0s, number 77" || f.After != "up 1111h6m40s, number 900000" {
			t.Errorf("%+v", f)
		}
		w.want("start telemetry_tampered warning 10.1.0.1 sequence")
		play(70 * time.Second)
		w.want("end telemetry_tampered warning 10.1.0.1 sequence")
	})
	t.Run("overtaken", func(t *testing.T) {
		w, play := setup(t, 90*time.Second)
		turn(w, 2)
		play(time.Second)
		turn(w, 3)
		play(20 * time.Second)
		w.want()
	})
	t.Run("from the beginning on", func(t *testing.T) {
		w, play := setup(t, 10*time.Second)
		for range 100 {
			turn(w, 1)
			play(time.Second)
		}
		w.want()
		if st := w.site.Save(); len(st.Nodes[0].Plural) != 1 {
			t.Errorf("%+v", st.Nodes[0])
		}
	})
	t.Run("since before a restart", func(t *testing.T) {
		w, play := setup(t, 90*time.Second)
		st := w.site.Save()
		w.site = New(Config{})
		w.site.Restore(st, w.now)
		for i, ip := range []string{"10.1.0.1", "10.1.0.2"} {
			w.tell(fact.Fact{Kind: fact.Sender, Agent: uint32(21 + i), Detail: &fact.Detail{Agent: addr(ip), Source: addr(ip)}})
		}
		for range 10 {
			turn(w, 1)
			play(time.Second)
		}
		w.want("start telemetry_tampered warning 10.1.0.1 sequence")
	})
}
