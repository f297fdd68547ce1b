package detect

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
)

func TestShardFlowDoesNotAllocate(t *testing.T) {
	for _, c := range []struct {
		name  string
		share float64 // of the link, one flow; decides whether it is hot
		flows int
	}{
		{"hot key", 1, 1},
		{"cold keys", 0.001, 500},
		{"new keys all the time", 0.001, 1 << 24},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewShard(Config{}, 1)
			var a decoder.Arrival
			f := decoder.Flow{Arrival: &a}
			st := share(0, c.share, 1, 0, 0)
			at, i := time.Duration(0), 0
			one := func() {
				st.flow = i % c.flows
				fill(&f, event{at, &st, 1500})
				s.Flow(&f)
				at += time.Millisecond
				if i++; i%100 == 0 {
					s.Tick(f.At)
					r, _ := s.take()
					s.give(r)
				}
			}
			for range 1000 {
				one()
			}
			if n := testing.AllocsPerRun(10000, one); n != 0 {
				t.Errorf("%g allocations per sample, want 0", n)
			}
		})
	}
}

func TestShardCountsWhatItIgnores(t *testing.T) {
	s := NewShard(Config{}, 1)
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	st := share(1, 0.1, 1, 0, 0)
	send := func(at time.Duration, frame uint32, key bool) {
		fill(&f, event{at, &st, frame})
		f.Header.HasKey = key
		s.Flow(&f)
	}
	send(5*sec, 1500, true)
	send(5*sec, 65535+14+40, true) // a segment before it is cut
	send(5*sec, 1500, false)
	send(5*sec, 0, true)
	send(5*sec, 70000, true)
	send(5*sec, math.MaxUint32, true)
	send(4*sec, 1500, true) // as late as allowed
	send(3*sec, 1500, true)
	s.Tick(f.At)
	want := ShardStats{Samples: 3, NoKey: 1, BadLength: 3, Late: 1, Keys: 1, MaxKeys: 16384, Links: 1, Memory: s.memory()}
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

// A flood of invented sources beside an elephant: nothing grows, and the
// elephant is still found and measured.
func TestKeyChurnIsBounded(t *testing.T) {
	cfg := DefaultConfig()
	cfg.LargeFlow.Keys = 1024
	s := NewShard(cfg, 1)
	w := &world{shards: []*Shard{s}, engine: NewEngine(cfg, []*Shard{s}, testNames{}), next: 100 * time.Millisecond}
	elephant := generate(1, share(-1, 0.5, 1, 0, 30*sec))
	spoofed := share(0, 0, 1, 0, 0)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var before uint64
	for i := range 30 * 20000 { // 20,000 new keys a second
		at := time.Duration(i) * 50 * time.Microsecond
		var batch []event
		for len(elephant) > 0 && elephant[0].at <= at {
			batch, elephant = append(batch, elephant[0]), elephant[1:]
		}
		spoofed.flow = i
		w.play(append(batch, event{at, &spoofed, 64}))
		if i == 100000 {
			before = heap()
		}
	}
	if grown := int64(heap()) - int64(before); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes over 500,000 new keys", grown)
	}
	st := s.Stats()
	if st.Evicted < 590000 || st.Keys != 1024 || st.EvictedHot != 0 {
		t.Errorf("stats: %+v", st)
	}
	if len(w.ids()) != 1 {
		t.Fatalf("%d alerts, want that of the elephant:%s", len(w.ids()), w.starts())
	}
	last := evidence(w.alerts[len(w.alerts)-1])
	if math.Abs(float64(last.LifeBitsPerSecond)/5e9-1) > 0.06 {
		t.Errorf("life %d bit/s, want 5e9", last.LifeBitsPerSecond)
	}
}

// More hot flows than the engine may follow: it counts what it drops.
func TestHotFlowsAreBounded(t *testing.T) {
	cfg := DefaultConfig()
	cfg.LargeFlow.Hot = 16
	s := NewShard(cfg, 1)
	w := &world{shards: []*Shard{s}, engine: NewEngine(cfg, []*Shard{s}, testNames{}), next: 100 * time.Millisecond}
	var streams []stream
	for i := range 40 {
		streams = append(streams, share(i, 0.5, 1, 0, 5*sec))
	}
	for i := range 30 { // and one at more points than a flow may have
		streams = append(streams, share(0, 0.5, uint32(2+i), 0, 5*sec))
	}
	w.play(generate(2, streams...))
	st := w.engine.Stats()
	if st.Hot != 16 || st.Open > 16 || st.DroppedFlows+st.DroppedPoints == 0 {
		t.Errorf("stats: %+v", st)
	}
	w.until(60 * sec)
	if st := w.engine.Stats(); st.Hot != 0 || st.Open != 0 {
		t.Errorf("afterwards: %+v", st)
	}
}

// An engine that does not come for the records costs samples of hot flows,
// which are counted, and no memory.
func TestHandOverIsBounded(t *testing.T) {
	s := NewShard(Config{}, 1)
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	st := share(0, 0.5, 1, 0, 0)
	for i := range 100000 {
		st.flow = i % 2000
		fill(&f, event{time.Duration(i) * 50 * time.Microsecond, &st, 1500})
		s.Flow(&f)
		if i%2000 == 0 {
			s.Tick(f.At)
		}
	}
	s.Tick(f.At)
	if n := s.Stats().LostSamples; n == 0 || n > 100000 {
		t.Errorf("%d samples lost", n)
	}
}

// Whatever a sample says, the detector survives, and what it says of it is
// valid JSON.
func TestHostileSamples(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(v ...uint64) uint64 { return v[rng.IntN(len(v))] }
	for range 200 {
		w := newWorld(1, Threshold{BitsPerSecond: float64(pick(1, 1e6, 1e15))})
		if rng.IntN(2) == 0 {
			w = newWorld(1, Threshold{Share: 1})
		}
		var a decoder.Arrival
		f := decoder.Flow{Arrival: &a}
		at := time.Duration(0)
		for range 300 {
			at += time.Duration(pick(0, 0, 1, 1e6, 1e9, 1e10)) - time.Duration(pick(0, 0, 1e6, 1e9, 3e9))
			at = max(at, w.next-3*sec)
			st := share(int(pick(0, 0, 0, 1, 2)), 0.1, uint32(pick(0, 1, 2, math.MaxUint32)), 0, 0)
			fill(&f, event{at, &st, uint32(pick(0, 1, 64, 1500, 66048, math.MaxUint32))})
			f.Est.SamplingRate = uint32(pick(0, 1, 1000, math.MaxUint32))
			f.Est.Speed = pick(0, 1, 1e9, math.MaxUint64)
			f.Sample.Input = sflow.Port{Format: uint32(pick(0, 1, 2, 3)), Value: uint32(pick(0, 5, sflow.PortInternal, math.MaxUint32))}
			w.shards[0].Flow(&f)
			w.until(at)
		}
		w.engine.Close(epoch.Add(max(at, w.next)), w.emit, ReasonShutdown)
		for _, line := range strings.Split(strings.TrimSpace(w.json(t)), "\n") {
			if line != "" && !json.Valid([]byte(line)) {
				t.Fatalf("not JSON: %s", line)
			}
		}
		if st := w.engine.Stats(); st.Open != 0 || st.Hot != 0 {
			t.Fatalf("after Close: %+v", st)
		}
	}
}

func BenchmarkShardFlow(b *testing.B) {
	for _, c := range []struct {
		name  string
		flows int
		gap   time.Duration
	}{
		{"1 hot key", 1, 10 * time.Microsecond},
		{"1000 large flows", 1000, 10 * time.Microsecond},
		{"10000 small flows", 10000, 2 * time.Millisecond},
		{"new keys", 1 << 30, 10 * time.Microsecond},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := NewShard(Config{}, 1)
			var a decoder.Arrival
			f := decoder.Flow{Arrival: &a}
			st := share(0, 0.5, 1, 0, 0)
			fill(&f, event{0, &st, 1500})
			rng := rand.New(rand.NewPCG(1, 2))
			keys := make([]int, 1<<16)
			for i := range keys {
				keys[i] = rng.IntN(c.flows)
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				f.Header.Key.SrcPort = uint16(keys[i&0xffff])
				f.Header.Key.DstPort = uint16(keys[i&0xffff] >> 16)
				f.At = f.At.Add(c.gap)
				s.Flow(&f)
				if i++; i%10000 == 0 {
					s.Tick(f.At)
					r, _ := s.take()
					s.give(r)
				}
			}
		})
	}
}

func BenchmarkIdleTick(b *testing.B) {
	w := newWorld(2, tenPercent)
	b.ReportAllocs()
	for b.Loop() {
		w.until(w.next)
	}
}

// BenchmarkEngineTick is one tick of 100 ms with 1,000 flows at half the
// threshold, which all gave samples.
func BenchmarkEngineTick(b *testing.B) {
	w := newWorld(1, tenPercent)
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	st := share(0, 0.05, 1, 0, 0)
	st.rate = linkRate / 10 // 4.2 samples of each flow in a tick
	b.ReportAllocs()
	for b.Loop() {
		for i := range 4200 {
			st.flow = i % 1000
			fill(&f, event{w.next - time.Duration(4200-i)*20*time.Microsecond, &st, 1500})
			w.shards[0].Flow(&f)
		}
		w.until(w.next)
	}
	if n := len(w.alerts); n > 0 {
		b.Errorf("%d alerts", n)
	}
}
