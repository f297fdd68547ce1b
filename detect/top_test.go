package detect

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/detect/heavy"
	"weir/detect/keys"
)

func definition(t testing.TB, key, value string) keys.Definition {
	t.Helper()
	d, err := keys.ParseWith(key, value)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// counted is shards and an engine that only count keys.
type counted struct {
	*world
	flow decoder.Flow
}

func newCounted(shards int, top TopConfig) *counted {
	cfg := DefaultConfig()
	cfg.LargeFlow.Off, cfg.Flood.Off, cfg.Scan.Off, cfg.Links.Off = true, true, true, true
	cfg.Top, cfg.Shards = top, shards
	w := &world{next: 100 * time.Millisecond}
	for range shards {
		w.shards = append(w.shards, NewShard(cfg, 7))
	}
	w.engine = NewEngine(cfg, w.shards, testNames{})
	c := &counted{world: w}
	c.flow.Arrival = &decoder.Arrival{}
	c.flow.Header.HasKey, c.flow.Header.Depth, c.flow.Header.EtherType = true, packet.DepthTransport, 0x0800
	return c
}

func (c *counted) sample(shard int, at time.Duration, src, dst byte, rate, length uint32) {
	f := &c.flow
	f.At = epoch.Add(at)
	k := &f.Header.Key
	k.Src[10], k.Src[11], k.Src[12], k.Src[15] = 0xff, 0xff, 10, src
	k.Dst[10], k.Dst[11], k.Dst[12], k.Dst[14], k.Dst[15] = 0xff, 0xff, 10, 1, dst
	k.Proto, k.SrcPort, k.DstPort = 6, 1000, 443
	f.FrameLength, f.Est.SamplingRate = length, rate
	c.shards[shard].Flow(f)
}

// The tops of three shards together are those of an exact count, within their
// bounds, in every window; with few places the bounds are wide and still hold.
func TestTopOfShardsEqualsAnExactCount(t *testing.T) {
	for _, c := range []struct {
		name    string
		entries int
		keys    uint64
		exact   bool
	}{{"room for all", 4096, 60, true}, {"more than are told", 1024, 200, false}, {"crowded", 64, 200, false}} {
		t.Run(c.name, func(t *testing.T) {
			w := newCounted(3, TopConfig{Keys: []keys.Definition{definition(t, "dst", "bytes"), definition(t, "src", "packets distinct(dst)")}, Entries: c.entries})
			rng := rand.New(rand.NewPCG(1, 2))
			zipf := rand.NewZipf(rng, 1.2, 2, c.keys-1)
			type sample struct {
				slot     int64
				src, dst byte
				rate     uint32
				length   uint32
			}
			var all []sample
			const length = 24 * time.Second
			for at := time.Duration(0); at < length; at += time.Millisecond {
				w.until(at)
				s := sample{heavy.SlotOf(epoch.Add(at).UnixNano()), byte(zipf.Uint64()), byte(zipf.Uint64()), 100, 64 + rng.Uint32N(1400)}
				w.sample(int(s.src)%3, at, s.src, s.dst, s.rate, s.length)
				all = append(all, s)
			}
			for _, span := range TopWindows {
				for def := range 2 {
					top, ok := w.engine.Top(def, MaxTop, span)
					if !ok || len(top.Items) == 0 {
						t.Fatalf("%v, definition %d: %v, %d items", span, def, ok, len(top.Items))
					}
					to := heavy.SlotOf(time.Time(top.To).UnixNano()) - 1
					if late := heavy.SlotOf(epoch.Add(length).UnixNano()) - to; late > 20 {
						t.Errorf("%v: ends %d slots ago", span, late)
					}
					exact, total := map[byte]float64{}, 0.0
					for _, s := range all {
						if s.slot < heavy.At(to, span).From || s.slot > to {
							continue
						}
						key, v := s.dst, float64(s.rate*s.length)*8
						if def == 1 {
							key, v = s.src, float64(s.rate)
						}
						exact[key] += v
						total += v
					}
					checkTop(t, &top, exact, total, c.exact)
				}
			}
		})
	}
}

// checkTop compares rates with exact weights.
func checkTop(t *testing.T, top *Top, exact map[byte]float64, total float64, mustBeExact bool) {
	t.Helper()
	if d := top.Total*top.Seconds/total - 1; d > 1e-6 || d < -1e-6 {
		t.Errorf("%s %vs: total %v over %vs, want %v", top.Key, top.WindowSeconds, top.Total, top.Seconds, total)
	}
	if mustBeExact && !top.Exact {
		t.Errorf("%s %vs: not exact", top.Key, top.WindowSeconds)
	}
	const rounding = 0.11 // rates have one decimal
	seen := map[byte]bool{}
	for i, it := range top.Items {
		addr := it.Key.Addr(top.Key)
		key := addr.As4()[3]
		want := exact[key] / top.Seconds
		lower, upper := it.Rate, it.Rate
		if it.TableUpper != nil {
			lower, upper = *it.TableLower, *it.TableUpper
		}
		if seen[key] = true; lower > want+rounding || upper < want-rounding {
			t.Errorf("%s %vs: %v has %v to %v, want %v", top.Key, top.WindowSeconds, addr, lower, upper, want)
		}
		if it.Low > it.Rate || it.High < upper {
			t.Errorf("%s %vs: %v interval %v to %v of %v", top.Key, top.WindowSeconds, addr, it.Low, it.High, it.Rate)
		}
		if i > 0 && it.Rate > top.Items[i-1].Rate {
			t.Errorf("%s %vs: %d is heavier than the one before", top.Key, top.WindowSeconds, i)
		}
		if (it.Distinct != nil) != (top.DistinctOf != "") {
			t.Errorf("%s: distinct %v of %q", top.Key, it.Distinct, top.DistinctOf)
		}
	}
	for key, v := range exact {
		if !seen[key] && v/top.Seconds > top.Absent+rounding {
			t.Errorf("%s %vs: %d is absent and has %v, more than %v", top.Key, top.WindowSeconds, key, v/top.Seconds, top.Absent)
		}
	}
}

func TestTopAtTheStart(t *testing.T) {
	w := newCounted(2, TopConfig{Keys: []keys.Definition{definition(t, "dst", "bytes")}})
	if n := w.shards[0].TopStats()[0].MaxKeys; n != 0 {
		t.Errorf("%d places before the first sample", n)
	}
	w.until(3 * time.Second)
	if top, ok := w.engine.Top(0, 10, time.Minute); !ok || len(top.Items) != 0 {
		t.Errorf("before any sample: %v, %+v", ok, top)
	}
	for _, bad := range []struct {
		definition int
		window     time.Duration
	}{{1, time.Second}, {-1, time.Second}, {0, 2 * time.Second}} {
		if _, ok := w.engine.Top(bad.definition, 1, bad.window); ok {
			t.Errorf("%+v is known", bad)
		}
	}
	// One shard only; the other never hears anything.
	for at := 3 * time.Second; at < 8*time.Second; at += 10 * time.Millisecond {
		w.until(at)
		w.sample(0, at, 1, 2, 1000, 1250)
		w.sample(0, at, 1, 3, 1000, 0)       // a frame without length
		w.sample(0, at, 1, 3, 1000, 1<<32-1) // or that cannot be
	}
	top, _ := w.engine.Top(0, 10, time.Minute)
	if len(top.Items) != 1 || top.Items[0].Rate != 1e9 || top.Total != 1e9 || !top.Exact || top.Seconds < 3 || top.Seconds > 5 {
		t.Fatalf("%+v", top)
	}
	if it := top.Items[0]; it.Low > 0.93e9 || it.High < 1.07e9 || it.Low < 0.85e9 || it.High > 1.15e9 {
		t.Errorf("interval %v to %v", it.Low, it.High)
	}
	b, err := json.Marshal(top)
	if err != nil || !strings.Contains(string(b), `"items":[{"key":{"dst":"10.0.1.2"},"rate":1000000000,`) {
		t.Errorf("%v: %s", err, b)
	}
	if st := w.shards[0].TopStats()[0]; st.Keys != 1 || st.MaxKeys != DefaultTopEntries || st.Definition != "dst: bytes" {
		t.Errorf("%+v", st)
	}
	w.engine.Epoch(epoch.Add(8*time.Second), w.emit)
	for _, s := range w.shards {
		s.Reset()
	}
	if top, _ := w.engine.Top(0, 10, time.Minute); len(top.Items) != 0 {
		t.Errorf("after a new epoch: %+v", top)
	}
}

func TestTopAnswersWhileItCounts(t *testing.T) {
	w := newCounted(2, TopConfig{Entries: 64})
	var asking sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		asking.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				w.engine.Top(i%9, 10, TopWindows[i%4])
				w.shards[i%2].TopStats()
			}
		})
	}
	for at := time.Duration(0); at < 5*time.Second; at += time.Millisecond {
		w.until(at)
		w.sample(int(at/1e6)%2, at, byte(at/3e6), byte(at/1e6), 10, 500)
	}
	close(stop)
	asking.Wait()
}

func TestTopCountsWithoutAllocation(t *testing.T) {
	w := newCounted(1, TopConfig{Entries: 64})
	at := time.Duration(0)
	w.sample(0, at, 1, 1, 10, 500)
	if n := testing.AllocsPerRun(5000, func() {
		at += time.Millisecond
		w.sample(0, at, byte(at/3e6), byte(at/1e6), 10, 500)
	}); n != 0 {
		t.Errorf("%v allocations for a sample", n)
	}
}

// An engine that does not come is waited for in bounded memory.
func TestTopHandOverIsBounded(t *testing.T) {
	w := newCounted(1, TopConfig{Entries: 64})
	for at := time.Duration(0); at < 20*time.Second; at += 100 * time.Millisecond {
		w.sample(0, at, 1, 1, 10, 500)
		w.shards[0].Tick(epoch.Add(at))
	}
	if n := len(w.shards[0].tops.filling.digests); n > 2*9*len(TopWindows) {
		t.Errorf("%d digests wait", n)
	}
	w.until(25 * time.Second)
	w.sample(0, 25*time.Second, 1, 1, 10, 500)
	w.until(27 * time.Second)
	if top, _ := w.engine.Top(1, 10, time.Minute); len(top.Items) != 1 || time.Time(top.To).Before(epoch.Add(24*time.Second)) {
		t.Errorf("after it came: %+v", top)
	}
}

func TestTopConfig(t *testing.T) {
	many := make([]keys.Definition, 0, 65)
	for i := 8; i <= 32; i++ {
		many = append(many, definition(t, "src/"+time.Duration(i).String()[:len(time.Duration(i).String())-2], "bytes"))
	}
	for _, c := range []struct {
		name string
		cfg  TopConfig
		want string
	}{
		{"defaults", TopConfig{}, ""},
		{"off", TopConfig{Off: true}, ""},
		{"many", TopConfig{Keys: many}, ""},
		{"entries", TopConfig{Entries: 1000}, "top entries 1000: must be a power of two from 64 to 1048576"},
		{"few entries", TopConfig{Entries: 8}, "top entries 8: must be a power of two from 64 to 1048576"},
		{"twice", TopConfig{Keys: []keys.Definition{many[0], many[0]}}, `top key "src/8: bytes": is there twice; leave one out`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if err := (Config{Top: c.cfg}).Validate(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("error %q, want %q", got, c.want)
			}
		})
	}
	if n := (&TopConfig{}).Bytes(); n < 8e6 || n > 12.5e6 {
		t.Errorf("%d bytes for a shard", n)
	}
	if (&TopConfig{Off: true}).Bytes() != 0 {
		t.Error("off takes memory")
	}
}
