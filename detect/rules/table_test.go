package rules

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
)

var begin = time.Unix(1_700_000_000, 0)

// world is tables and a tracker on a clock that the test moves.
type world struct {
	t       testing.TB
	set     *Set
	tables  []*Table
	tracker *Tracker
	names   testNames
	now     time.Duration
	reports []Report
	batch   Batch
}

type testNames struct{}

func (testNames) AgentName(agent uint32) string    { return fmt.Sprintf("leaf%d", agent) }
func (testNames) Interface(_, index uint32) string { return fmt.Sprintf("Ethernet%d", index) }

func newWorld(t testing.TB, shards int, specs ...Spec) *world {
	t.Helper()
	w := &world{t: t, set: newSet(t, specs...)}
	for range shards {
		w.tables = append(w.tables, NewTable(w.set, shards, 1))
	}
	w.tracker = NewTracker(w.set, shards)
	return w
}

func newSet(t testing.TB, specs ...Spec) *Set {
	t.Helper()
	var all []Rule
	for _, s := range specs {
		all = append(all, compiled(t, s))
	}
	return NewSet(all)
}

func (w *world) ns() int64 { return begin.Add(w.now).UnixNano() }

// until moves the clock, with a tick every 100 ms.
func (w *world) until(at time.Duration) {
	for ; w.now < at; w.now += 100 * time.Millisecond {
		w.tick()
	}
}

func (w *world) tick() {
	for i, t := range w.tables {
		t.Take(&w.batch, w.ns())
		w.tracker.Add(i, &w.batch)
	}
	w.reports = w.tracker.Decide(w.ns(), w.names, w.reports)
}

// send gives a table n samples a second until a time.
func (w *world) send(shard, perSecond int, until time.Duration, change func(f *decoder.Flow, i int)) {
	f := flow()
	gap := time.Second / time.Duration(perSecond)
	for i := 0; w.now < until; i++ {
		next := w.now + gap
		if change != nil {
			change(f, i)
		}
		w.tables[shard].Sample(f, w.ns())
		for tick := w.now.Truncate(100*time.Millisecond) + 100*time.Millisecond; tick <= next; tick += 100 * time.Millisecond {
			w.now = tick
			w.tick()
		}
		w.now = next
	}
}

// text is the reports in short.
func (w *world) text() string {
	var lines []string
	for _, r := range w.reports {
		state := [...]string{"suspected", "confirmed", "ended"}[r.State]
		lines = append(lines, fmt.Sprintf("%s %s %d %s", r.Rule.Name, r.Key, r.Seq, state))
	}
	return strings.Join(lines, "\n")
}

func TestRuleRaisesConfirmsAndEnds(t *testing.T) {
	// 100 samples a second at 1:1000 are 100 kpps, five times the threshold.
	w := newWorld(t, 1, spec(func(s *Spec) { s.Window = "1s" }))
	w.send(0, 100, 5*time.Second, nil)
	first := w.reports[0]
	if at := time.Duration(first.At - begin.UnixNano()); at > 500*time.Millisecond || !first.Start || first.State != Suspected {
		t.Errorf("first report after %v: %+v", at, first)
	}
	w.until(20 * time.Second)
	if diff := cmp.Diff("r dst=192.0.2.80 1 suspected\nr dst=192.0.2.80 2 confirmed\nr dst=192.0.2.80 3 suspected", w.text()); diff == "" {
		t.Error("ended as suspected")
	}
	last := w.reports[len(w.reports)-1]
	if last.State != Ended || w.tracker.Open() != 0 {
		t.Fatalf("%s", w.text())
	}
	if at := time.Duration(last.At - begin.UnixNano()); at < 8*time.Second || at > 10*time.Second {
		t.Errorf("ended after %v, want the hold of 3 s after the window emptied", at)
	}
	if last.Peak < 95e3 || last.Peak > 112e3 {
		t.Errorf("peak %g, want about 100 kpps", last.Peak)
	}
	for _, r := range w.reports {
		if r.State == Confirmed && r.Low < 20e3 || r.Lower > r.Upper || r.Low > r.High || r.SamplingRate != 1000 {
			t.Errorf("report %+v", r)
		}
	}
}

func TestRuleBelowItsThresholdIsSilent(t *testing.T) {
	w := newWorld(t, 1, spec())
	w.send(0, 15, 60*time.Second, nil) // 15 kpps
	if len(w.reports) != 0 {
		t.Errorf("%s", w.text())
	}
}

// One sample of 1:1000000 is more than the threshold, and proves nothing.
func TestRuleNeedsTwelveSamples(t *testing.T) {
	w := newWorld(t, 1, spec(func(s *Spec) { s.Window = "1s" }))
	w.send(0, 11, time.Second, func(f *decoder.Flow, _ int) { f.Est.SamplingRate = 1_000_000 })
	if len(w.reports) != 0 {
		t.Errorf("%s", w.text())
	}
	w.send(0, 20, 2*time.Second, func(f *decoder.Flow, _ int) { f.Est.SamplingRate = 1_000_000 })
	if len(w.reports) == 0 || w.reports[0].Effective < 12 {
		t.Errorf("%s", w.text())
	}
}

func TestValuesAreMeasured(t *testing.T) {
	for _, c := range []struct {
		name      string
		value, th string
		key       []string
		want      float64
	}{
		{"packets", "packets_per_second", "1kpps", []string{"dst"}, 50e3},
		{"bits", "bits_per_second", "1Mbit/s", []string{"dst"}, 50e3 * 1500 * 8},
		{"share", "bits_per_second", "10%", []string{"input"}, 50e3 * 1500 * 8 / 1e9},
		{"distinct", "distinct(src)", "30", []string{"dst"}, 40},
		{"distinct ports", "distinct(src_port)", "2", []string{"dst"}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 1, spec(func(s *Spec) { s.Value, s.Threshold, s.Key, s.Window = c.value, c.th, c.key, "10s" }))
			w.send(0, 50, 20*time.Second, func(f *decoder.Flow, i int) {
				f.Header.Key.Src[15], f.Header.Key.SrcPort = byte(i%40), uint16(i%4)
			})
			m := w.tracker.open
			if len(m) != 1 {
				t.Fatalf("%d open: %s", len(m), w.text())
			}
			for _, a := range m {
				if got := a.last.Estimate; got < 0.9*c.want || got > 1.1*c.want {
					t.Errorf("%g, want %g", got, c.want)
				}
				if a.last.Low > c.want*1.02 || a.last.High < c.want*0.98 {
					t.Errorf("interval %g to %g without %g", a.last.Low, a.last.High, c.want)
				}
			}
		})
	}
}

func TestFilterNeverAndGroupsHold(t *testing.T) {
	w := newWorld(t, 1, spec(func(s *Spec) {
		s.Window, s.Filter = "1s", "proto = udp"
		s.Never = []string{"192.0.2.7", "2001:db8::/32"}
		s.Groups = []GroupSpec{{"big", []string{"192.0.2.64/26"}, "1Mpps"}, {"small", []string{"192.0.2.65"}, "1kpps"}}
	}))
	hosts := []byte{7, 8, 64, 65}
	w.send(0, 400, 3*time.Second, func(f *decoder.Flow, i int) {
		udp(f)
		f.Header.Key.Dst[15] = hosts[i%len(hosts)]
		if i%8 >= 4 {
			f.Header.Key.Proto = 6
			f.Header.Key.Dst[15] = 200 // no match
		}
	})
	started := map[string]string{}
	for _, r := range w.reports {
		started[r.Key.String()] = r.Group + " " + r.Rule.value.Text(r.Threshold)
	}
	want := map[string]string{"dst=192.0.2.8": " 20kpps", "dst=192.0.2.65": "small 1kpps"}
	if diff := cmp.Diff(want, started); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// A packet that two agents sample, and one of them twice, is one packet.
func TestVantagesAreNotAdded(t *testing.T) {
	for _, c := range []struct {
		at       string
		want     float64
		vantages int
	}{{"best", 40e3, 3}, {"sum", 120e3, 1}} {
		w := newWorld(t, 1, spec(func(s *Spec) { s.At = c.at }))
		w.send(0, 120, 20*time.Second, func(f *decoder.Flow, i int) {
			f.Est.Vantage = decoder.Vantage{Agent: uint32(1 + i%3/2), Source: uint32(i % 3 % 2)}
		})
		for _, a := range w.tracker.open {
			if got := a.last.Estimate; got < 0.95*c.want || got > 1.05*c.want || a.last.Vantages != c.vantages {
				t.Errorf("%s: %g from %d vantages, want %g from %d", c.at, got, a.last.Vantages, c.want, c.vantages)
			}
		}
		if len(w.tracker.open) != 1 {
			t.Errorf("%s: %d open", c.at, len(w.tracker.open))
		}
	}
}

func TestShardsAreSummed(t *testing.T) {
	w := newWorld(t, 2, spec(func(s *Spec) { s.At = "sum" }))
	f := flow()
	for i := range 2000 { // 100 samples a second, half of them in each
		w.tables[i%2].Sample(f, w.ns())
		w.now += 10 * time.Millisecond
		if i%10 == 9 {
			w.tick()
		}
	}
	for _, a := range w.tracker.open {
		if a.last.Estimate < 95e3 || a.last.Estimate > 105e3 || a.last.Vantages != 2 {
			t.Errorf("%+v", a.last)
		}
	}
	if len(w.tracker.open) != 1 {
		t.Errorf("%d open", len(w.tracker.open))
	}
}

// Spoofed sources churn every place; the destination's alert stays right, the
// bounds hold, and nothing grows.
func TestBoundsHoldUnderChurn(t *testing.T) {
	small := func(s *Spec) { s.Key, s.Keys, s.Window = []string{"src", "dst"}, "64", "1s" }
	w := newWorld(t, 1, spec(small), spec(func(s *Spec) { s.Name, s.Window = "dst", "1s" }))
	rng := rand.New(rand.NewPCG(1, 2))
	w.send(0, 1000, 5*time.Second, func(f *decoder.Flow, i int) {
		if i%4 == 0 {
			f.Header.Key.Src = netip.MustParseAddr("10.1.2.3").As16() // 250 kpps of one source
			return
		}
		for j := 12; j < 16; j++ {
			f.Header.Key.Src[j] = byte(rng.Uint32())
		}
	})
	s := w.tables[0].Stats()
	if s.MaxKeys != 64+defaultKeys || s.Keys > s.MaxKeys || s.Evicted == 0 {
		t.Errorf("%+v", s)
	}
	var pair, dst *alert
	for _, a := range w.tracker.open {
		if a.last.Rule.Name == "dst" {
			dst = a
		} else if strings.Contains(a.last.Key.String(), "10.1.2.3") {
			pair = a
		}
	}
	if dst == nil || dst.last.Lower < 900e3 || dst.last.Upper > 1100e3 {
		t.Errorf("destination %+v", dst)
	}
	if pair == nil || pair.last.Lower > 255e3 || pair.last.Upper < 240e3 {
		t.Errorf("pair %+v", pair)
	}
}

func TestCrowdedScanIsCounted(t *testing.T) {
	w := newWorld(t, 1, spec(func(s *Spec) { s.Threshold, s.Window = "1pps", "1s" }))
	f := flow()
	for i := range 2000 {
		f.Header.Key.Dst[14], f.Header.Key.Dst[15] = byte(i>>8), byte(i)
		w.tables[0].Sample(f, w.ns())
	}
	w.tick()
	if n := w.tables[0].Counts.Crowded; n < 1500 || n > 2000-maxItems {
		t.Errorf("%+v", w.tables[0].Counts)
	}
}

func TestBadSamplesAreNotCounted(t *testing.T) {
	w := newWorld(t, 1, spec())
	for _, n := range []uint32{0, maxFrame + 1, 1<<32 - 1} {
		w.tables[0].Sample(flow(func(f *decoder.Flow) { f.FrameLength = n }), w.ns())
	}
	w.tables[0].Sample(flow(func(f *decoder.Flow) { f.Header.HasKey = false; f.Header.FragOff = 0 }), w.ns())
	if c := w.tables[0].Counts; c.BadLength != 3 || c.Samples != 0 {
		t.Errorf("%+v", c)
	}
}

func TestReloadKeepsWhatIsCounted(t *testing.T) {
	w := newWorld(t, 1, spec(), spec(func(s *Spec) { s.Name = "gone" }))
	w.send(0, 100, 12*time.Second, nil)
	if w.tracker.Open() != 2 {
		t.Fatalf("%s", w.text())
	}
	w.reports = w.reports[:0]
	set := newSet(t, spec(func(s *Spec) { s.Name, s.Key = "new", []string{"src"} }), spec(func(s *Spec) { s.Threshold = "50kpps" }))
	w.reports = w.tracker.SetSet(set, w.ns(), w.reports)
	if diff := cmp.Diff("gone dst=192.0.2.80 3 ended", w.text()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	w.reports = w.reports[:0]
	w.tick() // still of the old set
	w.tables[0].SetSet(set)
	w.send(0, 100, 14*time.Second, nil)
	// The window of the rule that stays is full; that of the new one is not.
	for _, a := range w.tracker.open {
		if a.last.Rule.Name != "r" || a.last.Threshold.Number != 50e3 || a.last.Estimate < 90e3 {
			t.Errorf("%+v", a.last)
		}
	}
	if w.tracker.Open() != 1 || len(w.reports) != 0 {
		t.Errorf("%d open: %s", w.tracker.Open(), w.text())
	}
}

func TestEndAndReset(t *testing.T) {
	w := newWorld(t, 1, spec())
	w.send(0, 100, 12*time.Second, nil)
	w.reports = w.tracker.End(w.ns(), nil)
	if len(w.reports) != 1 || w.reports[0].State != Ended || w.tracker.Open() != 0 {
		t.Errorf("%s", w.text())
	}
	w.tables[0].Reset()
	w.reports = nil
	w.until(w.now + 5*time.Second)
	if len(w.reports) != 0 {
		t.Errorf("%s", w.text())
	}
}

func TestSampleDoesNotAllocate(t *testing.T) {
	set := newSet(t,
		spec(), spec(func(s *Spec) { s.Filter = "proto = tcp and src in 10.0.0.0/8" }),
		spec(func(s *Spec) { s.Value, s.Threshold = "distinct(src)", "10" }),
		spec(func(s *Spec) { s.Key, s.Value, s.Threshold = []string{"src", "dst_port", "input"}, "", "10%" }),
	)
	table := NewTable(set, 1, 1)
	flows := make([]*decoder.Flow, 512)
	for i := range flows {
		flows[i] = flow(func(f *decoder.Flow) { f.Header.Key.Src[14], f.Header.Key.Src[15] = byte(i>>8), byte(i) })
	}
	i := 0
	if n := testing.AllocsPerRun(5000, func() {
		table.Sample(flows[i%len(flows)], begin.UnixNano()+int64(i)*1e6)
		i++
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

// Four rules, one of which does not match.
func BenchmarkSample(b *testing.B) {
	set := newSet(b,
		spec(), spec(func(s *Spec) { s.Filter = "proto = udp and dst_port = 53" }),
		spec(func(s *Spec) { s.Value, s.Threshold = "distinct(src)", "10" }),
		spec(func(s *Spec) { s.Key, s.Value, s.Threshold = []string{"src", "dst_port"}, "", "10Mbit/s" }),
	)
	table := NewTable(set, 1, 1)
	flows := make([]*decoder.Flow, 4096)
	for i := range flows {
		flows[i] = flow(func(f *decoder.Flow) { f.Header.Key.Src[14], f.Header.Key.Src[15] = byte(i>>8), byte(i) })
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		table.Sample(flows[i&4095], begin.UnixNano()+int64(i)*1e3)
		i++
	}
}

// BenchmarkTake is one look at a full table.
func BenchmarkTake(b *testing.B) {
	table := NewTable(newSet(b, spec(func(s *Spec) { s.Window = "1s" })), 1, 1)
	for i := range 8192 {
		table.Sample(flow(func(f *decoder.Flow) { f.Header.Key.Dst[14], f.Header.Key.Dst[15] = byte(i>>8), byte(i) }), begin.UnixNano())
	}
	var batch Batch
	ns := begin.UnixNano()
	b.ReportAllocs()
	for b.Loop() {
		table.counters[0].next = 0
		table.Take(&batch, ns)
	}
}

// A capture may be idle for hours: what has nothing to look at must not walk
// its tables.
func TestIdleLookIsQuick(t *testing.T) {
	w := newWorld(t, 1, spec(func(s *Spec) { s.Keys = "65536" }))
	w.send(0, 100, 12*time.Second, nil)
	w.until(40 * time.Second)
	if w.tracker.Open() != 0 {
		t.Fatal("the alert does not end")
	}
	from := time.Now()
	w.until(w.now + 2*time.Hour)
	if d := time.Since(from); d > 5*time.Second {
		t.Errorf("two idle hours took %v", d)
	}
}
