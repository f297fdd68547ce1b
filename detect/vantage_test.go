package detect

import (
	"math"
	"testing"
	"time"

	"weir/decoder"
)

// Flows over leaf, spine and leaf, with three sampling rates, in three shards:
// one alert each, and the volume of one flow.
func TestVantagePointsAddEvidenceNeverVolume(t *testing.T) {
	const flows = 30
	var streams []stream
	for i := range flows {
		a, b, c := share(i, 0.3, 1, 0, 60*sec), share(i, 0.3, 2, 0, 60*sec), share(i, 0.3, 3, 0, 60*sec)
		b.rate = 4 * linkRate
		c.rate = linkRate / 2
		streams = append(streams, a, b, c)
	}
	w := newWorld(3, tenPercent)
	w.play(generate(6, streams...))
	w.until(80 * sec)
	if n := len(w.ids()); n != flows {
		t.Fatalf("%d alerts, want %d", n, flows)
	}
	var life, updates, n float64
	for _, a := range w.alerts {
		e := evidence(a)
		switch at := a.At.Sub(epoch); {
		case a.Change == End:
			life += float64(e.BitsPerSecond) / flows
			// 4,900 samples at three points are ±2.8 % at 95 %
			if math.Abs(float64(e.BitsPerSecond)/3e9-1) > 0.06 || e.VantagePoints != 3 || e.AgentName != "leaf3" || e.SamplingRate != linkRate/2 {
				t.Errorf("end: %+v", e)
			}
		case at > 10*sec && at < 60*sec:
			updates += float64(e.BitsPerSecond)
			n++
		}
	}
	t.Logf("life %+.2f %%, updates %+.2f %%", 100*(life/3e9-1), 100*(updates/n/3e9-1))
	if bias := life/3e9 - 1; math.Abs(bias) > 0.01 {
		t.Errorf("lives are off by %+.2f %%", 100*bias)
	}
	// the best point is chosen by what it saw, which costs a little
	if bias := updates/n/3e9 - 1; math.Abs(bias) > 0.02 {
		t.Errorf("updates are off by %+.2f %%", 100*bias)
	}
}

// A vantage point that sees a quarter of the flow, and one whose agent stops,
// do not pull the estimate down.
func TestVantagePointsThatSeeLessAreLeftOut(t *testing.T) {
	w := newWorld(1, tenPercent)
	part, stops := share(1, 0.1, 2, 0, 60*sec), share(1, 0.4, 3, 0, 30*sec)
	w.play(generate(7, share(1, 0.4, 1, 0, 60*sec), part, stops))
	for _, a := range w.alerts {
		e := evidence(a)
		if at := a.At.Sub(epoch); at < 15*sec || at > 30*sec && at < 40*sec {
			continue
		} else if v := float64(e.BitsPerSecond); v < 2e9 {
			t.Errorf("%s: %.2g bit/s from %d points, want about 4e9", at, v, e.VantagePoints)
		}
	}
	if n := len(w.ids()); n != 1 {
		t.Errorf("%d alerts, want 1", n)
	}
}

// Agents that send their samples together once a second are no reason for an
// alert of their own.
func TestBatchedSamplesRaiseNothing(t *testing.T) {
	var streams []stream
	for i := range 200 {
		s := share(i, 0.04, uint32(1+i), 0, 60*sec)
		s.flush, s.rate = sec, linkRate/10 // 33 a second in five datagrams
		streams = append(streams, s)
	}
	elephant := share(1000, 0.4, 500, 10*sec, 60*sec)
	elephant.flush = sec
	w := newWorld(1, tenPercent)
	w.play(generate(8, append(streams, elephant)...))
	ids := w.ids()
	if len(ids) != 1 || evidence(w.alerts[0]).Agent.String() != "192.0.2.244" {
		t.Fatalf("%d alerts, want that of the elephant: %s", len(ids), w.starts())
	}
	last := evidence(w.alerts[len(w.alerts)-1])
	if math.Abs(float64(last.LifeBitsPerSecond)/4e9-1) > 0.07 {
		t.Errorf("life %d bit/s, want 4e9", last.LifeBitsPerSecond)
	}
}

func TestReorderedSamplesChangeLittle(t *testing.T) {
	events := generate(9, share(1, 0.5, 1, 0, 30*sec), share(2, 0.02, 1, 0, 30*sec))
	// every tenth sample arrives as if 0.9 s old, among the others
	w := newWorld(1, tenPercent)
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	for i, e := range events {
		w.until(e.at)
		if fill(&f, e); i%10 == 0 && e.at > sec {
			f.At = f.At.Add(-900 * time.Millisecond)
		}
		w.shards[0].Flow(&f)
	}
	if n := len(w.ids()); n != 1 {
		t.Fatalf("%d alerts, want 1", n)
	}
	last := evidence(w.alerts[len(w.alerts)-1])
	if math.Abs(float64(last.LifeBitsPerSecond)/5e9-1) > 0.06 {
		t.Errorf("life %d bit/s, want 5e9", last.LifeBitsPerSecond)
	}
	// older than a second is counted and left out
	before := w.shards[0].Stats().Samples
	f.At = f.At.Add(-3 * sec)
	w.shards[0].Flow(&f)
	w.until(31 * sec)
	if s := w.shards[0].Stats(); s.Late != 1 || s.Samples < before {
		t.Errorf("stats after a late sample: %+v", s)
	}
}
