package site

import (
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// TestSamplingCreepsDown: who turns sampling down in steps that are each too small to
// be told is told all the same; who backs off under load and comes back is not, nor
// who samples less from one day to the next.
func TestSamplingCreepsDown(t *testing.T) {
	const source = 1000
	setup := func(t *testing.T) (*world, func(every time.Duration, rates ...uint64)) {
		w := newWorld(t)
		a, b := w.polled(21, "10.1.0.1"), w.polled(22, "10.1.0.2")
		w.tell(fact.Fact{Kind: fact.Sampling, Agent: 21, Index: source, A: 100})
		w.play(30*time.Second, a, b)
		last := uint64(100)
		return w, func(every time.Duration, rates ...uint64) {
			for _, r := range rates {
				w.tell(fact.Fact{Kind: fact.Sampling, Agent: 21, Index: source, A: r, B: last})
				last = r
				w.play(every, a, b)
			}
		}
	}
	t.Run("in small steps", func(t *testing.T) {
		w, rates := setup(t)
		rates(4*time.Second, 700, 4900, 34300)
		if line := w.last(TelemetryTampered).Evidence.Line(); !strings.Contains(line, "1:4900 in place of 1:100") {
			t.Error(line)
		}
		w.want("start telemetry_tampered warning 10.1.0.1 sampling")
		rates(4*time.Second, 100)
		w.want("end telemetry_tampered warning 10.1.0.1 sampling")
	})
	t.Run("backs off under load", func(t *testing.T) {
		w, rates := setup(t)
		rates(4*time.Second, 200, 400, 800, 1600, 800, 400, 200, 100, 200, 400, 800, 1600, 100)
		w.want()
	})
	t.Run("the usual changes", func(t *testing.T) {
		u := usualRate{}
		for day, rate := range []uint64{100, 700, 4900, 34300} {
			f := &fact.Fact{At: epoch.UnixNano() + int64(day)*int64(25*time.Hour), A: rate}
			if u.crept(f) {
				t.Errorf("day %d: 1:%d is told", day, rate)
			}
			u.take(f)
		}
		if f := (&fact.Fact{At: epoch.UnixNano() + int64(76*time.Hour), A: 34300 * 32}); u.rate != 4900 || !u.crept(f) {
			t.Errorf("%+v", u)
		}
	})
}
