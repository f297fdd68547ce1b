package flood

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/packet"
)

// SYN floods over the range of rates and sampling: half within twelve samples
// and 0.1 s, and 99 % of all within twice that.
func TestSYNFloodDelay(t *testing.T) {
	for _, c := range []struct {
		pps  float64
		rate uint32
	}{{20_000, 400}, {20_000, 1000}, {20_000, 4096}, {20_000, 10_000}, {100_000, 10_000}, {1e6, 4096}, {5e6, 400}} {
		t.Run(fmt.Sprintf("%.0f:%d", c.pps, c.rate), func(t *testing.T) {
			runs := 100
			if c.pps/float64(c.rate) > 2000 {
				runs = 10
			}
			d, right, _ := delays(t, attack(protoTCP, syn, 0, 80, 64), c.pps, c.rate, "syn_flood", "", runs)
			want := time.Duration(12*float64(c.rate)/c.pps*1e9) + 100*time.Millisecond
			t.Logf("p50 %v p99 %v, want %v", d[runs/2], d[runs*99/100], want)
			if d[runs/2] > want || d[runs*99/100] > 2*want {
				t.Errorf("p50 %v, p99 %v, want at most %v and twice that", d[runs/2], d[runs*99/100], want)
			}
			if right < runs*99/100 {
				t.Errorf("%d of %d have the right class", right, runs)
			}
		})
	}
}

// A flood spread over a /24 is one alert of the prefix, as soon as twice what a
// flood of one host takes; never one per host.
func TestCarpet(t *testing.T) {
	for _, a := range []struct {
		name, vector string
		packet       maker
		hosts        float64 // packets per second
	}{
		{"syn", "syn_flood", carpet(attack(protoTCP, syn, 0, 80, 64)), 100_000},
		{"syn, every host above its threshold", "syn_flood", carpet(attack(protoTCP, syn, 0, 80, 64)), 2_000_000},
		{"dns", "dns", carpet(attack(protoUDP, 0, 53, 0, 1400)), 100_000},
		{"icmp", "icmp_flood", carpet(attack(protoICMP, 0, 0, 0, 98)), 100_000},
	} {
		t.Run(a.name, func(t *testing.T) {
			const rate, runs = 1000, 20
			var d []time.Duration
			for seed := range uint64(runs) {
				w := newWorld(Default(), 2)
				begin := time.Second
				w.play(generate(seed, source{pps: a.hosts, rate: rate, from: begin, to: begin + 3*time.Second, packet: a.packet}))
				w.until(time.Minute)
				s := w.starts()
				if len(s) != 1 || s[0].Class != "carpet_bombing" || s[0].Vector != a.vector || s[0].Key.host() {
					t.Fatalf("seed %d: alerts:%v", seed, w)
				}
				d = append(d, time.Unix(0, s[0].At).Sub(epoch)-begin)
				if end := w.reports[len(w.reports)-1]; end.State != Ended || end.Destinations.Low > 256 || end.Destinations.High < 200 {
					t.Errorf("seed %d: last report %+v", seed, end)
				}
			}
			slices.Sort(d)
			want := 2 * (time.Duration(12*rate/a.hosts*1e9) + 100*time.Millisecond)
			t.Logf("p50 %v, want %v", d[runs/2], want)
			if d[runs/2] > want {
				t.Errorf("p50 %v, want at most %v", d[runs/2], want)
			}
		})
	}
}

// Pulses are one alert, and every pulse is counted.
func TestPulses(t *testing.T) {
	had, seen := 0, 0
	for seed := range uint64(20) {
		w := newWorld(Default(), 1)
		const pulses = 6
		w.play(generate(seed, source{pps: 100_000, rate: 1000, from: time.Second, to: time.Second + pulses*10*time.Second,
			on: 2 * time.Second, off: 8 * time.Second, packet: attack(protoTCP, syn, 0, 80, 64)}))
		w.until(2 * time.Minute)
		if s := w.starts(); len(s) != 1 {
			t.Fatalf("seed %d: %d alerts:%v", seed, len(s), w)
		}
		end := w.reports[len(w.reports)-1]
		if end.State != Ended {
			t.Errorf("seed %d: no end:%v", seed, w)
		}
		had += pulses
		seen += end.Pulses
		if end.Pulses > pulses {
			t.Errorf("seed %d: %d pulses:%v", seed, end.Pulses, w)
		}
	}
	if seen < had*95/100 {
		t.Errorf("%d of %d pulses", seen, had)
	}
}

// A flood that changes is one alert that says what it is now.
func TestAttackChanges(t *testing.T) {
	w := newWorld(Default(), 1)
	w.play(generate(1,
		source{pps: 100_000, rate: 1000, to: 5 * time.Second, packet: attack(protoTCP, syn, 0, 80, 64)},
		source{pps: 400_000, rate: 1000, from: 4 * time.Second, to: 15 * time.Second, packet: attack(protoUDP, 0, 123, 0, 482)}))
	w.until(time.Minute)
	if s := w.starts(); len(s) != 1 || s[0].Class != "syn_flood" {
		t.Fatalf("alerts:%v", w)
	}
	if end := w.reports[len(w.reports)-1]; end.Class != "amplification" || end.Vector != "ntp" {
		t.Errorf("end: %s %s:%v", end.Class, end.Vector, w)
	}
	for i, r := range w.reports {
		if r.Seq != uint64(i+1) || r.Onset != w.reports[0].Onset {
			t.Errorf("report %d has sequence %d and onset %d", i, r.Seq, r.Onset)
		}
	}
}

// One source is told from many, and a small flood of a few sources is none.
func TestSpread(t *testing.T) {
	single := func(n int) maker {
		return func(rng *rand.Rand, h *packet.Header) uint32 {
			f := attack(protoTCP, syn, 0, 80, 64)(rng, h)
			h.Key.Src = v4(client + uint32(rng.IntN(n)))
			return f
		}
	}
	for _, c := range []struct {
		sources int
		spread  string
		low     float64
		high    float64
	}{{1, "single", 1, 1}, {3, "few", 3, 3}, {40, "distributed", 30, 45}} {
		w := newWorld(Default(), 1)
		w.play(generate(1, source{pps: 100_000, rate: 1000, to: 5 * time.Second, packet: single(c.sources)}))
		w.until(time.Minute)
		if len(w.starts()) != 1 {
			t.Fatalf("%d sources:%v", c.sources, w)
		}
		r := w.reports[len(w.reports)-1]
		if r.Spread != c.spread || r.Sources.Low > float64(c.sources)+0.5 || r.Sources.High < float64(c.sources)-0.5 || r.Sources.Value < c.low-0.5 || r.Sources.Value > c.high+0.5 {
			t.Errorf("%d sources: %s, %+v", c.sources, r.Spread, r.Sources)
		}
		if c.sources == 1 && (len(r.TopSources) != 1 || r.TopSources[0].Share < 0.99 || !r.HasDstPort || r.DstPort != 80) {
			t.Errorf("top: %+v, port %d", r.TopSources, r.DstPort)
		}
		w = newWorld(Default(), 1)
		w.play(generate(1, source{pps: 4_000, rate: 100, to: 20 * time.Second, packet: single(c.sources)}))
		if s := w.starts(); len(s) != 0 && c.sources < 10 {
			t.Errorf("a small flood of %d sources:%v", c.sources, w)
		}
	}
}

// Twice the same data gives the same reports.
func TestDeterminism(t *testing.T) {
	run := func() []Report {
		w := newWorld(Default(), 3)
		w.play(generate(9,
			source{pps: 300_000, rate: 1000, to: 8 * time.Second, packet: carpet(attack(protoUDP, 0, 53, 0, 900)), path: fabric(true)},
			source{pps: 200_000, rate: 1000, from: time.Second, to: 9 * time.Second, packet: to(0x0a050505, attack(protoTCP, syn, 0, 80, 64)), path: fabric(true)},
			source{pps: 300_000, rate: 1000, to: 9 * time.Second, packet: transfers, path: fabric(true)}))
		w.reports = w.tracker.End(epoch.Add(10*time.Second).UnixNano(), w.reports)
		return w.reports
	}
	a, b := run(), run()
	if len(a) < 4 {
		t.Fatalf("only %d reports", len(a))
	}
	if diff := cmp.Diff(a, b, cmp.AllowUnexported(Estimate{}), cmp.Comparer(func(a, b Key) bool { return a == b }), netipEqual); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
}

// Whatever the keys are, nothing grows, and a victim among them is found.
func TestHostileKeys(t *testing.T) {
	for name, noise := range map[string]maker{
		"every packet another destination": func(rng *rand.Rand, h *packet.Header) uint32 {
			n := attack(protoTCP, syn, 0, 0, 64)(rng, h)
			h.Key.Dst = anyone(rng)
			return n
		},
		"every packet another network": func(rng *rand.Rand, h *packet.Header) uint32 {
			n := attack(protoUDP, 0, 0, 0, 64)(rng, h)
			h.Key.Domain = rng.Uint32()
			return n
		},
		"addresses that differ in few bits": func(rng *rand.Rand, h *packet.Header) uint32 {
			n := attack(protoTCP, syn, 0, 0, 64)(rng, h)
			h.Key.V6 = true
			h.Key.Dst = [16]byte{0x20, 1, 0xd, 0xb8}
			for range 12 {
				h.Key.Dst[4+rng.IntN(12)] |= 1 << rng.IntN(8)
			}
			return n
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Default()
			cfg.Hosts, cfg.Victims = 1024, 64
			w := newWorld(cfg, 1)
			w.play(generate(1,
				source{pps: 2_000_000, rate: 100, to: 10 * time.Second, packet: noise},
				source{pps: 100_000, rate: 100, from: 5 * time.Second, to: 10 * time.Second, packet: attack(protoTCP, syn, 0, 80, 64)}))
			found := 0
			for _, r := range w.starts() {
				if !r.Key.V6 {
					found++
					if d := time.Unix(0, r.At).Sub(epoch) - 5*time.Second; d > 300*time.Millisecond {
						t.Errorf("found after %v", d)
					}
				}
			}
			if found != 1 { // prefixes of the noise may be flooded indeed
				t.Errorf("alerts:%v", w)
			}
			s := w.tracker.Stats()
			if s.Victims > 64 || s.Tracks > 256 || s.Ports > 1 {
				t.Errorf("%+v", s)
			}
			if used, of := w.tables[0].Used(); of != 1536 || used > of {
				t.Errorf("used %d of %d", used, of)
			}
		})
	}
}

// Values that are wrong or far out do no harm.
func TestBadSamples(t *testing.T) {
	w := newWorld(Default(), 1)
	var f decoder.Flow
	f.Arrival = &decoder.Arrival{}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 100_000 {
		e := event{at: time.Duration(i) * time.Millisecond, rate: 1000, frame: 64, hop: hop{agent: 1, port: 1}}
		attack(protoUDP, 0, 0, 80, 64)(rng, &e.h)
		e.h.HasKey, e.h.Depth = true, packet.DepthTransport
		switch rng.IntN(6) {
		case 0:
			e.frame = []uint32{0, 1<<32 - 1, 1 << 20}[rng.IntN(3)]
		case 1:
			e.rate = []uint32{0, 1<<32 - 1}[rng.IntN(2)]
		case 2:
			e.at = time.Duration(rng.Int64N(int64(time.Hour))) - 30*time.Minute
		case 3:
			e.h = packet.Header{}
		}
		fill(&f, &e)
		w.tables[0].Sample(&f)
		if i%100 == 0 {
			w.tick(time.Duration(i) * time.Millisecond)
		}
	}
	c := w.tables[0].Counts
	if c.BadLength == 0 || c.Late == 0 || c.Samples == 0 {
		t.Errorf("%+v", c)
	}
	for _, r := range w.reports {
		if e := r.Now; !(e.PacketsPerSecond >= 0 && e.PacketsPerSecond < 1e15 && e.Low <= e.High) {
			t.Fatalf("%+v", e)
		}
	}
}

func TestResetForgets(t *testing.T) {
	w := newWorld(Default(), 1)
	w.play(generate(1, source{pps: 100_000, rate: 1000, to: 3 * time.Second, packet: attack(protoTCP, syn, 0, 80, 64)}))
	w.reports = w.tracker.End(epoch.Add(3*time.Second).UnixNano(), w.reports)
	w.tables[0].Reset()
	if end := w.reports[len(w.reports)-1]; end.State != Ended {
		t.Errorf("%+v", end)
	}
	if s := w.tracker.Stats(); s.Victims != 0 || s.Open != 0 || s.Ports != 0 || s.Started != 1 {
		t.Errorf("%+v", s)
	}
	if used, _ := w.tables[0].Used(); used != 0 {
		t.Errorf("%d places used", used)
	}
}

func flows(n int, m maker) []decoder.Flow {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]decoder.Flow, n)
	for i := range out {
		e := event{at: time.Duration(i) * 10 * time.Microsecond, rate: 1000, hop: hop{agent: uint32(1 + i%20), port: uint32(1 + i%7)}}
		e.h.HasKey, e.h.Depth = true, packet.DepthTransport
		e.frame = m(rng, &e.h)
		out[i].Arrival = &decoder.Arrival{}
		fill(&out[i], &e)
	}
	return out
}

// mixed is data of many flows between many hosts, with handshakes and UDP.
func mixed(rng *rand.Rand, h *packet.Header) uint32 {
	n := tcpService(0x0a000000+rng.Uint32()%3000, 3000, append(session, ack|psh, ack|psh, ack|psh, ack|psh, ack|psh, ack|psh), 0.5, 900, 1400)(rng, h)
	if rng.IntN(5) == 0 {
		h.Key.Proto, h.HasTCP = protoUDP, false
	}
	return n
}

var loads = map[string]maker{
	"mixed":   mixed,
	"flooded": attack(protoTCP, syn, 0, 80, 64),
	"new keys": func(rng *rand.Rand, h *packet.Header) uint32 {
		n := attack(protoTCP, syn, 0, 0, 64)(rng, h)
		h.Key.Dst = anyone(rng)
		return n
	},
}

func TestSampleAllocates(t *testing.T) {
	for name, m := range loads {
		all := flows(4096, m)
		table := NewTable(Default(), 1)
		spare, i := NewBatch(), 0
		if n := testing.AllocsPerRun(20_000, func() {
			table.Sample(&all[i%len(all)])
			if i++; i%1000 == 0 {
				spare = table.Take(spare)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations per sample", name, n)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	for name, m := range loads {
		b.Run(name, func(b *testing.B) {
			// In one Flow, as the decoder reuses it.
			type compact struct {
				key   packet.Key
				flags uint8
				frame uint32
				agent uint32
			}
			all := make([]compact, 1<<14)
			for i, f := range flows(len(all), m) {
				all[i] = compact{f.Header.Key, f.Header.TCPFlags, f.FrameLength, f.Est.Vantage.Agent}
			}
			f := &flows(1, m)[0]
			table := NewTable(Default(), 1)
			spare, i := NewBatch(), 0
			b.ReportAllocs()
			for b.Loop() {
				c := &all[i&(len(all)-1)]
				f.Header.Key, f.Header.TCPFlags, f.FrameLength, f.Est.Vantage.Agent = c.key, c.flags, c.frame, c.agent
				f.Header.HasTCP = c.key.Proto == protoTCP
				f.At = epoch.Add(time.Duration(i) * time.Millisecond)
				table.Sample(f)
				if i++; i%100 == 0 { // 100 ms
					spare = table.Take(spare)
				}
			}
		})
	}
}

var netipEqual = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })
