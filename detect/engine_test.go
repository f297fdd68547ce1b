package detect

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
)

const sec = time.Second

func TestLargeFlowStartsUpdatesEnds(t *testing.T) {
	w := newWorld(1, tenPercent)
	w.play(generate(1, share(7, 0.5, 1, 2*sec, 22*sec), share(8, 0.01, 1, 0, 40*sec)))
	w.until(40 * sec)

	var changes []Change
	for i, a := range w.alerts {
		changes = append(changes, a.Change)
		if a.Seq != uint64(i+1) || a.ID != w.alerts[0].ID || a.Kind != LargeFlow || a.Severity != Info || a.Reason != "" {
			t.Errorf("record %d: %+v", i, a)
		}
		if i == 0 {
			continue
		}
		gap := a.At.Sub(w.alerts[i-1].At)
		if a.Change == Update && a.State == w.alerts[i-1].State && gap < sec {
			t.Errorf("record %d: an update %s after the last", i, gap)
		}
	}
	first, last := w.alerts[0], w.alerts[len(w.alerts)-1]
	if changes[0] != Start || changes[len(changes)-1] != End || slices.Contains(changes[1:len(changes)-1], Start) {
		t.Errorf("changes: %v", changes)
	}
	if n := len(changes); n < 20 || n > 27 {
		t.Errorf("%d records of a flow of 20 s, want about one a second", n)
	}
	if first.ID != first.Key+"-1700000002" {
		t.Errorf("id %s of key %s: the onset is in second 1700000002", first.ID, first.Key)
	}
	e := evidence(first)
	if e.SecondsToAlert > 1 || e.Low > 5e9 || e.High < 5e9 || e.Agent.String() != "192.0.2.1" || e.InputName != "Ethernet1" {
		t.Errorf("first evidence: %+v", e)
	}
	// 833 samples of the whole life: the interval is ±7 %.
	e = evidence(last)
	if last.State != Resolved || math.Abs(float64(e.BitsPerSecond)/5e9-1) > 0.07 || e.BitsPerSecond != e.LifeBitsPerSecond || e.Low != e.LifeLow {
		t.Errorf("last: %s %+v", last.State, e)
	}
	if math.Abs(e.LifeSeconds-20) > 0.2 || math.Abs(float64(e.LifeOctets)/(5e9/8*20)-1) > 0.07 {
		t.Errorf("life: %g s, %d octets", e.LifeSeconds, e.LifeOctets)
	}
	if end := last.At.Sub(epoch); end < 24*sec || end > 28*sec {
		t.Errorf("ended after %s, the flow after 22 s", end)
	}
	if s := w.engine.Stats(); s.Open != 0 || s.Started != 1 {
		t.Errorf("stats: %+v", s)
	}
}

// The interval of an update covers the truth in 93 to 97.5 % of cases. It is
// exact for equal frames, so never below 95 % but for chance; counts being
// whole numbers, it is wider than it must be: 96 to 97 % at 20 to 60 samples.
// 3,000 windows leave a standard error of 0.4 %.
func TestIntervalCoversTruth(t *testing.T) {
	for _, c := range []struct {
		name   string
		share  float64
		frames []uint32
		low    float64
	}{
		{"20% of a link", 0.2, full, 0.93},
		{"50% of a link", 0.5, full, 0.93},
		{"mixed frames", 0.5, []uint32{64, 576, 1500, 1500, 1500}, 0.93},
	} {
		t.Run(c.name, func(t *testing.T) {
			const flows = 70
			var streams []stream
			for i := range flows {
				s := share(i, c.share, 1, time.Duration(i)*10*time.Millisecond, 100*sec)
				s.frames = c.frames
				streams = append(streams, s)
			}
			w := newWorld(1, tenPercent)
			w.play(generate(11, streams...))
			cover, all := 0, 0
			var sum float64
			last := map[string]time.Time{}
			for _, a := range w.alerts {
				e := evidence(a)
				window := time.Duration(e.WindowSeconds * 1e9)
				if a.Change != Update || a.At.Sub(epoch) < 12*sec || a.At.Sub(last[a.ID]) < window {
					continue // windows that do not overlap
				}
				last[a.ID] = a.At
				all++
				sum += float64(e.BitsPerSecond)
				if truth := c.share * linkSpeed; float64(e.Low) <= truth && truth <= float64(e.High) {
					cover++
				}
			}
			p, bias := float64(cover)/float64(all), sum/float64(all)/(c.share*linkSpeed)-1
			t.Logf("%d windows: %.1f %% cover, bias %+.2f %%", all, 100*p, 100*bias)
			if all < 2500 || p < c.low || p > 0.975 {
				t.Errorf("%d windows, %.1f %% cover the truth", all, 100*p)
			}
			if math.Abs(bias) > 0.01 {
				t.Errorf("estimates are off by %+.2f %%", 100*bias)
			}
		})
	}
}

// On links that are full of flows of 40 % of the threshold, which is far more
// than the background assumed at first, there may be suspicions until the
// links are known. From then on there are none, also of new flows.
func TestNoAlertBelowHalfTheThreshold(t *testing.T) {
	var streams []stream
	for i := range 1000 {
		streams = append(streams, share(i, 0.04, uint32(1+i/25), 0, 60*sec))
		if i%5 == 0 {
			streams = append(streams, share(2000+i, 0.04, uint32(1+i/25), 40*sec, 60*sec))
		}
	}
	w := newWorld(2, tenPercent)
	w.play(generate(3, streams...))
	late := 0
	for _, a := range w.alerts {
		if a.State == Confirmed {
			t.Errorf("confirmed: %s", a.Line())
		}
		if a.Change == Start && a.At.Sub(epoch) > 10*sec {
			late++
		}
	}
	if late > 2 {
		t.Errorf("%d alerts after the first 10 s, want none: %s", late, w.starts())
	}
}

// One sample of a coarse sampler is 6.3 Gbit/s for a second: flat traffic must
// not become an alert by it.
func TestNoAlertFromFewHeavySamples(t *testing.T) {
	var streams []stream
	for i := range 300 {
		s := share(i, 0.05, 1, 0, 120*sec)
		s.rate = 524288
		streams = append(streams, s)
	}
	w := newWorld(1, Threshold{BitsPerSecond: 15e9})
	w.play(generate(4, streams...))
	if ids := w.ids(); len(ids) != 0 {
		t.Errorf("%d alerts, want none: %s", len(ids), w.starts())
	}
}

// The delay grows with the noise, not with the software: half of the flows are
// found within these times, at one sample in speed/10^6.
func TestDelayToSuspectedAndConfirmed(t *testing.T) {
	for _, c := range []struct {
		name                 string
		share                float64
		suspected, confirmed time.Duration
	}{
		{"20% of the link", 0.2, 1300 * time.Millisecond, 4 * sec},
		{"50% of the link", 0.5, 300 * time.Millisecond, 400 * time.Millisecond},
		{"100% of the link", 1, 150 * time.Millisecond, 170 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			const flows = 200
			var streams []stream
			for i := range flows {
				at := time.Duration(i) * 13 * time.Millisecond
				streams = append(streams, share(i, c.share, 1, at, at+12*sec))
			}
			w := newWorld(1, tenPercent)
			w.play(generate(5, streams...))
			var suspected, confirmed []float64
			seen := map[string]bool{}
			for _, a := range w.alerts {
				d := a.At.Sub(time.Time(evidence(a).FirstSample)).Seconds()
				if a.Change == Start {
					suspected = append(suspected, d)
				}
				if a.State == Confirmed && !seen[a.ID] {
					seen[a.ID] = true
					confirmed = append(confirmed, d)
				}
			}
			slices.Sort(suspected)
			slices.Sort(confirmed)
			if len(suspected) != flows || len(confirmed) < flows*9/10 {
				t.Fatalf("%d suspected, %d confirmed of %d", len(suspected), len(confirmed), flows)
			}
			t.Logf("suspected p50 %.3f p99 %.3f s, confirmed p50 %.3f s", suspected[flows/2], suspected[flows*99/100], confirmed[flows/2])
			if suspected[flows/2] > c.suspected.Seconds() {
				t.Errorf("suspected after %.3f s at the median, want %s", suspected[flows/2], c.suspected)
			}
			if confirmed[flows/2] > c.confirmed.Seconds() {
				t.Errorf("confirmed after %.3f s at the median, want %s", confirmed[flows/2], c.confirmed)
			}
		})
	}
}

func TestEpochEndsAlertsAndForgets(t *testing.T) {
	w := newWorld(1, tenPercent)
	events := generate(10, share(1, 0.5, 1, 0, 5*sec))
	w.play(events)
	at := 5 * sec
	w.shards[0].Tick(epoch.Add(at))
	w.engine.Epoch(epoch.Add(at), w.emit)
	w.shards[0].Reset()
	last := w.alerts[len(w.alerts)-1]
	if last.Change != End || last.State != Resolved || last.Reason != ReasonClock || !last.At.Equal(epoch.Add(at)) {
		t.Fatalf("last: %+v", last)
	}
	if s := w.engine.Stats(); s.Hot != 0 || s.Open != 0 {
		t.Errorf("after the epoch: %+v", s)
	}

	// years back, the same flow is another alert
	old := epoch
	epoch = epoch.AddDate(-3, 0, 0)
	defer func() { epoch = old }()
	w.next = 100 * time.Millisecond
	w.play(events)
	w.engine.Close(epoch.Add(6*sec), w.emit, ReasonEndOfData)
	ids := w.ids()
	if len(ids) != 2 || ids[0] == ids[1] || ids[0][:16] != ids[1][:16] {
		t.Errorf("ids %v, want two of one key", ids)
	}
	if last := w.alerts[len(w.alerts)-1]; last.Reason != ReasonEndOfData || last.Change != End {
		t.Errorf("last: %+v", last)
	}
	if l := w.shards[0].Stats().Late; l != 0 {
		t.Errorf("%d samples late after the reset", l)
	}
}

func TestSameSamplesGiveSameBytes(t *testing.T) {
	run := func(shards int) string {
		var streams []stream
		for i := range 40 {
			s := share(i%20, 0.05*float64(1+i%9), uint32(1+i/20), time.Duration(i)*300*time.Millisecond, 20*sec)
			streams = append(streams, s)
		}
		w := newWorld(shards, tenPercent)
		w.play(generate(12, streams...))
		w.engine.Close(epoch.Add(20*sec), w.emit, ReasonShutdown)
		return w.json(t)
	}
	one := run(1)
	if strings.Count(one, `"start"`) < 10 {
		t.Fatalf("too few alerts to compare: %s", one)
	}
	if diff := cmp.Diff(one, run(1)); diff != "" {
		t.Errorf("second run (-first +second):\n%s", diff)
	}
}

func TestIdleTicksDoNothing(t *testing.T) {
	w := newWorld(2, tenPercent)
	w.play(generate(13, share(1, 0.5, 1, 0, 5*sec), share(2, 0.05, 1, 0, 5*sec)))
	w.until(60 * sec)
	if s := w.engine.Stats(); s.Hot != 0 || s.Open != 0 {
		t.Fatalf("55 s after the last sample: %+v", s)
	}
	records := len(w.alerts)
	// The least of a few rounds: the runtime allocates now and then for itself.
	least := math.Inf(1)
	for range 5 {
		least = min(least, testing.AllocsPerRun(200, func() { w.until(w.next) }))
	}
	if least != 0 {
		t.Errorf("%g allocations per idle tick, want 0", least)
	}
	if len(w.alerts) != records {
		t.Errorf("%d alerts from idle ticks", len(w.alerts)-records)
	}
}

// A flow at the threshold does not come and go: its alert stays, or never is.
func TestFlowAtThresholdDoesNotFlap(t *testing.T) {
	var streams []stream
	for i := range 50 {
		streams = append(streams, share(i, 0.11, uint32(1+i), 0, 120*sec))
	}
	w := newWorld(1, tenPercent)
	w.play(generate(14, streams...))
	if n := len(w.ids()); n > 60 {
		t.Errorf("%d alerts of 50 flows", n)
	}
}

// A small flow that grows large is found as fast as a new one, and its alert
// speaks of what it is now.
func TestSmallFlowGrownLarge(t *testing.T) {
	for _, c := range []struct {
		name   string
		before float64
	}{{"watched before", 0.03}, {"not worth a look before", 0.015}} {
		t.Run(c.name, func(t *testing.T) {
			var streams []stream
			const flows = 30
			for i := range flows {
				streams = append(streams, share(i, c.before, 1, 0, 60*sec), share(i, 0.5-c.before, 1, 60*sec, 80*sec))
			}
			w := newWorld(1, tenPercent)
			w.play(generate(16, streams...))
			w.until(100 * sec)
			if n := len(w.ids()); n != flows {
				t.Fatalf("%d alerts, want %d:%s", n, flows, w.starts())
			}
			for _, a := range w.alerts {
				e := evidence(a)
				if first := time.Time(e.FirstSample).Sub(epoch); first < 57*sec || first > 61*sec {
					t.Errorf("%s: first sample at %s, want about 60s", a.Subject.Line(), first)
				}
				if at := a.At.Sub(epoch); a.Change == Start && at > 62*sec {
					t.Errorf("%s: started at %s", a.Subject.Line(), at)
				}
				if v := float64(e.BitsPerSecond); a.Change == End && math.Abs(v/5e9-1) > 0.25 {
					t.Errorf("%s: life %.3g bit/s, want 5e9", a.Subject.Line(), v)
				}
			}
		})
	}
}

// Shards and engine run on goroutines of their own; -race looks on.
func TestShardsAndEngineRunAtOnce(t *testing.T) {
	w := newWorld(3, tenPercent)
	var wg sync.WaitGroup
	for i, s := range w.shards {
		events := generate(uint64(i), share(i, 0.5, uint32(i), 0, 10*sec), share(10+i, 0.02, uint32(i), 0, 10*sec))
		wg.Go(func() {
			var a decoder.Arrival
			f := decoder.Flow{Arrival: &a}
			next := 100 * time.Millisecond
			for _, e := range events {
				fill(&f, e)
				s.Flow(&f)
				if s.Urgent() || e.at >= next {
					s.Tick(f.At)
					s.Stats()
					next = e.at + 100*time.Millisecond
				}
			}
			s.Tick(f.At)
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, s := range w.shards {
			s.Stats()
		}
		w.engine.Tick(epoch.Add(10*sec), w.emit)
	}
	for _, s := range w.shards { // what the engine was too slow to take
		s.Tick(epoch.Add(10 * sec))
		w.engine.Tick(epoch.Add(10*sec), w.emit)
		s.Tick(epoch.Add(10 * sec))
	}
	w.engine.Close(epoch.Add(10*sec), w.emit, ReasonShutdown)
	if st := w.engine.Stats(); st.Open != 0 || st.Started == 0 {
		t.Errorf("stats: %+v", st)
	}
}

func TestReloadChangesThreshold(t *testing.T) {
	w := newWorld(1, Threshold{BitsPerSecond: 9e9})
	events := generate(15, share(1, 0.3, 1, 0, 20*sec))
	half := slices.IndexFunc(events, func(e event) bool { return e.at > 10*sec })
	w.play(events[:half])
	if len(w.alerts) != 0 {
		t.Fatalf("alerts below the threshold: %s", w.starts())
	}
	cfg := Config{LargeFlow: LargeFlowConfig{Threshold: tenPercent}}
	w.shards[0].SetConfig(cfg)
	w.engine.SetConfig(epoch.Add(10*sec), cfg, w.emit)
	w.play(events[half:])
	if n := len(w.ids()); n != 1 {
		t.Errorf("%d alerts after the threshold was lowered, want 1", n)
	}
	cfg.LargeFlow.Off = true
	w.shards[0].SetConfig(cfg)
	w.engine.SetConfig(epoch.Add(20*sec), cfg, w.emit)
	if last := w.alerts[len(w.alerts)-1]; last.Change != End || last.Reason != ReasonReload {
		t.Errorf("switched off: %+v", last)
	}
}
