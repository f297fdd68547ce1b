package scan

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/packet"
)

var epoch = time.Unix(1_700_000_000, 0).UTC()

// world is a tracker behind one table.
type world struct {
	table   *Table
	tracker *Tracker
	reports []Report
	next    time.Duration
	flow    decoder.Flow
	arrival decoder.Arrival
}

func newWorld(cfg Config) *world {
	cfg = cfg.WithDefaults()
	return &world{table: NewTable(cfg, 5), tracker: NewTracker(cfg)}
}

func (w *world) sample(at time.Duration, h packet.Header, frame, rate, agent uint32) {
	for ; w.next <= at; w.next += 100 * time.Millisecond {
		w.tick(w.next)
	}
	h.HasKey, h.Depth = true, packet.DepthTransport
	w.flow = decoder.Flow{Arrival: &w.arrival}
	w.arrival.At = epoch.Add(at)
	w.flow.FrameLength = frame
	w.flow.Header = h
	w.flow.Est = decoder.FlowEst{SamplingRate: rate, Vantage: decoder.Vantage{Agent: agent, Source: 2}}
	w.table.Sample(&w.flow)
}

func (w *world) tick(at time.Duration) {
	for _, f := range w.table.Take(make([]Finding, 0, HandOver)) {
		w.tracker.Add(&f)
	}
	w.reports = w.tracker.Decide(epoch.Add(at).UnixNano(), w.reports)
}

func (w *world) starts() (n []Report) {
	for _, r := range w.reports {
		if r.Start {
			n = append(n, r)
		}
	}
	return n
}

func v4(a uint32) [16]byte {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}).As16()
}

const (
	scanner = 0xc0000207 // 192.0.2.7
	target  = 0x0a000000 // 10.0.0.0
)

func syn(src, dst uint32, srcPort, dstPort uint16) packet.Header {
	return packet.Header{Key: packet.Key{Src: v4(src), Dst: v4(dst), SrcPort: srcPort, DstPort: dstPort, Proto: protoTCP}, HasTCP: true, TCPFlags: 2}
}

func udp(src, dst uint32, srcPort, dstPort uint16) packet.Header {
	return packet.Header{Key: packet.Key{Src: v4(src), Dst: v4(dst), SrcPort: srcPort, DstPort: dstPort, Proto: protoUDP}}
}

func icmp(src, dst uint32, kind uint8) packet.Header {
	return packet.Header{Key: packet.Key{Src: v4(src), Dst: v4(dst), DstPort: uint16(kind) << 8, Proto: protoICMP}, ICMPType: kind}
}

// A scan of every kind is one alert of the right type, after about forty
// samples, whose estimate's interval holds the truth.
func TestScans(t *testing.T) {
	for _, c := range []struct {
		name  string
		is    Type
		truth func(*Report) (got float64, low float64, high float64)
		want  float64
		probe func(i int) packet.Header
	}{
		{"ports", PortScan, ports, 60_000, func(i int) packet.Header { return syn(scanner, target+5, 40000, uint16(i%60_000+1)) }},
		{"ports of two hosts", PortScan, ports, 30_000, func(i int) packet.Header { return syn(scanner, target+uint32(i)%2, 40000, uint16(i/2%30_000+1)) }},
		{"hosts", HostSweep, hosts, 60_000, func(i int) packet.Header { return syn(scanner, target+uint32(i%60_000), 40000, 22) }},
		{"hosts by udp", HostSweep, hosts, 60_000, func(i int) packet.Header { return udp(scanner, target+uint32(i%60_000), 40000, 161) }},
		{"hosts by icmp", HostSweep, hosts, 60_000, func(i int) packet.Header { return icmp(scanner, target+uint32(i%60_000), 8) }},
		{"ports by xmas", PortScan, ports, 60_000, func(i int) packet.Header {
			h := syn(scanner, target+5, 40000, uint16(i%60_000+1))
			h.TCPFlags = 41
			return h
		}},
		{"everything", Spreader, targets, 60_000, func(i int) packet.Header {
			return syn(scanner, target+uint32(i%60_000)%250, 40000, uint16(i%60_000/250+1))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const pps, runs = 1000, 40
			covered := 0
			for seed := range runs {
				rng := rand.New(rand.NewPCG(uint64(seed), 1))
				rate := uint32(10 << (seed % 4))
				w := newWorld(Config{})
				first := 0
				for i := range 60_000 {
					if rng.IntN(int(rate)) != 0 {
						continue
					}
					w.sample(time.Duration(i)*time.Second/pps, c.probe(i*7919), 64, rate, 1)
					if len(w.starts()) == 0 {
						first++
					}
				}
				w.tick(62 * time.Second)
				s := w.starts()
				if len(s) != 1 || s[0].Type != c.is {
					t.Fatalf("1:%d: %d alerts, %+v", rate, len(s), s)
				}
				limit := 60
				if c.is == Spreader {
					limit = 120
				}
				if first > limit+pps/10/int(rate) {
					t.Errorf("1:%d: alert after %d samples", rate, first)
				}
				last := w.tracker.open[0].best
				r := Report{Finding: last}
				if _, low, high := c.truth(&r); low <= c.want && c.want <= 1.1*high {
					covered++
				} else {
					t.Logf("1:%d: [%.0f, %.0f] of %.0f", rate, low, high, c.want)
				}
				w.tick(3 * time.Minute)
				if end := w.reports[len(w.reports)-1]; !end.End || end.Seq < 2 {
					t.Errorf("1:%d: the alert did not end: %+v", rate, end)
				}
			}
			if covered < runs*9/10 {
				t.Errorf("%d of %d intervals hold the truth", covered, runs)
			}
		})
	}
}

func ports(r *Report) (v, low, high float64)   { return r.Ports.Value, r.Ports.Low, r.Ports.High }
func hosts(r *Report) (v, low, high float64)   { return r.Hosts.Value, r.Hosts.Low, r.Hosts.High }
func targets(r *Report) (v, low, high float64) { return r.Targets.Value, r.Targets.Low, r.Targets.High }

// What many programs do is no scan.
func TestBenign(t *testing.T) {
	flow := func(h packet.Header, flags uint8) packet.Header {
		h.TCPFlags = flags
		return h
	}
	back := func(h packet.Header) packet.Header {
		h.Key.Src, h.Key.Dst = h.Key.Dst, h.Key.Src
		h.Key.SrcPort, h.Key.DstPort = h.Key.DstPort, h.Key.SrcPort
		return h
	}
	type sampled struct {
		h     packet.Header
		frame uint32
	}
	for name, make := range map[string]func(rng *rand.Rand) sampled{
		"a browser farm behind one address": func(rng *rand.Rand) sampled {
			h := syn(scanner, rng.Uint32()>>1|1<<24, uint16(rng.IntN(60000)+1024), 443)
			switch n := rng.IntN(10); {
			case n < 2:
				return sampled{h, 64}
			default:
				return sampled{flow(h, 16), 64}
			}
		},
		"a monitor that connects to all hosts": func(rng *rand.Rand) sampled {
			h := syn(scanner, target+uint32(rng.IntN(2000)), uint16(rng.IntN(60000)+1024), 9100)
			return sampled{flow(h, []uint8{2, 16, 24, 16, 17}[rng.IntN(5)]), 70}
		},
		"a monitor that pings all hosts": func(rng *rand.Rand) sampled {
			h := icmp(scanner, target+uint32(rng.IntN(2000)), 8)
			if rng.IntN(2) == 0 {
				h = back(h)
				h.ICMPType = 0
			}
			return sampled{h, 98}
		},
		"a resolver": func(rng *rand.Rand) sampled {
			h := udp(scanner, rng.Uint32()>>1|1<<24, uint16(rng.IntN(60000)+1024), 53)
			if rng.IntN(2) == 0 {
				return sampled{back(h), 150}
			}
			return sampled{h, 80}
		},
		"a name server that answers": func(rng *rand.Rand) sampled {
			h := udp(rng.Uint32()>>1|1<<24, scanner, uint16(rng.IntN(60000)+1024), 53)
			if rng.IntN(2) == 0 {
				return sampled{back(h), 150}
			}
			return sampled{h, 80}
		},
		"a game server": func(rng *rand.Rand) sampled {
			h := udp(scanner, target+uint32(rng.IntN(2000)), 27015, uint16(rng.IntN(60000)+1024))
			if rng.IntN(3) == 0 {
				return sampled{back(h), 90}
			}
			return sampled{h, 120}
		},
		"peers that share files": func(rng *rand.Rand) sampled {
			h := syn(scanner, rng.Uint32()>>1|1<<24, uint16(rng.IntN(60000)+1024), uint16(rng.IntN(60000)+1024))
			if rng.IntN(4) > 0 {
				return sampled{flow(h, 24), 1400}
			}
			return sampled{h, 70}
		},
		"a spoofed flood": func(rng *rand.Rand) sampled {
			return sampled{syn(rng.Uint32()>>1|1<<24, target+1, uint16(rng.IntN(60000)+1024), 80), 64}
		},
		"resets and answers to a scanner": func(rng *rand.Rand) sampled {
			h := back(syn(scanner, target+5, 40000, uint16(rng.IntN(60000))))
			return sampled{flow(h, []uint8{20, 18}[rng.IntN(2)]), 64}
		},
		"one flow": func(*rand.Rand) sampled { return sampled{udp(scanner, target, 5000, 5001), 150} },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				rng := rand.New(rand.NewPCG(seed, 9))
				w := newWorld(Config{})
				for i := range 20_000 {
					s := make(rng)
					w.sample(time.Duration(i)*5*time.Millisecond, s.h, s.frame, 1000, 1)
				}
				if s := w.starts(); len(s) != 0 {
					t.Fatalf("seed %d: %d alerts, first %+v", seed, len(s), s[0])
				}
			}
		})
	}
}

// A scanner is found among a flood of invented sources, in the same memory.
func TestScanInAFlood(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	w := newWorld(Config{Sources: 1024})
	for i := range 200_000 {
		at := time.Duration(i) * 50 * time.Microsecond
		if i%200 == 0 {
			w.sample(at, syn(scanner, target+5, 40000, uint16(i/200+1)), 64, 10, 1)
			continue
		}
		w.sample(at, syn(rng.Uint32()>>1|1<<24, target+9, 1024, 80), 64, 10, 1)
	}
	if s := w.starts(); len(s) != 1 || s[0].Type != PortScan {
		t.Errorf("alerts: %+v", s)
	}
	if used, of := w.table.Used(); used != of || of != 1024 || w.table.Evicted == 0 {
		t.Errorf("used %d of %d, evicted %d", used, of, w.table.Evicted)
	}
}

// Three vantage points show the scan three times as soon, not three times as
// large.
func TestVantagePoints(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	w := newWorld(Config{})
	for i := range 20_000 {
		for agent := range uint32(3) {
			if rng.IntN(100) == 0 {
				w.sample(time.Duration(i)*time.Millisecond, syn(scanner, target+uint32(i), 40000, 22), 64, 100, agent)
			}
		}
	}
	w.tick(21 * time.Second)
	s := w.starts()
	if len(s) != 1 {
		t.Fatalf("%d alerts", len(s))
	}
	if d := time.Duration(s[0].Started - s[0].First); d > 2*time.Second {
		t.Errorf("found after %v", d)
	}
	if v := w.tracker.open[0].best.Hosts; v.Value > 30_000 {
		t.Errorf("about %.0f hosts of 20,000", v.Value)
	}
}

func TestInternal(t *testing.T) {
	w := newWorld(Config{Internal: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	for i := range 100 {
		w.sample(time.Duration(i)*time.Millisecond, syn(scanner, target+uint32(i), 40000, 22), 64, 100, 1)
	}
	w.tick(time.Second)
	if s := w.starts(); len(s) != 1 || !s[0].Internal {
		t.Errorf("%+v", s)
	}
}

// TestNever: what one's own monitoring tries is no alert; what others try is.
func TestNever(t *testing.T) {
	w := newWorld(Config{Never: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}})
	for i := range 100 {
		w.sample(time.Duration(i)*time.Millisecond, syn(scanner, target+uint32(i), 40000, 22), 64, 100, 1)
		w.sample(time.Duration(i)*time.Millisecond, syn(scanner+1<<16, target+uint32(i), 40000, 22), 64, 100, 1)
	}
	w.tick(time.Second)
	if s := w.starts(); len(s) != 1 || s[0].Key.Source() != netip.MustParseAddr("192.1.2.7") {
		t.Errorf("%+v", s)
	}
}

func TestSampleAllocates(t *testing.T) {
	w := newWorld(Config{})
	w.sample(0, syn(scanner, target, 1, 2), 64, 1, 1)
	i := uint32(0)
	if n := testing.AllocsPerRun(1000, func() {
		i++
		w.flow.Header.Key.Dst = v4(target + i)
		w.flow.Header.Key.Src = v4(scanner + i%3)
		w.table.Sample(&w.flow)
		if i%64 == 0 {
			w.table.out = w.table.out[:0]
		}
	}); n != 0 {
		t.Errorf("%v allocations per sample", n)
	}
}

func BenchmarkSample(b *testing.B) {
	for name, mix := range map[string]int{"data": 0, "mixed": 8, "scans": 1} {
		b.Run(name, func(b *testing.B) {
			w := newWorld(Config{})
			rng := rand.New(rand.NewPCG(1, 1))
			keys := make([]packet.Header, 1<<12)
			for i := range keys {
				keys[i] = syn(scanner+rng.Uint32()%20000, target+rng.Uint32()%5000, uint16(rng.IntN(60000)), 443)
				if mix == 0 || i%mix != 0 {
					keys[i].TCPFlags = 16
				}
				keys[i].HasKey, keys[i].Depth = true, packet.DepthTransport
			}
			f := decoder.Flow{Arrival: &decoder.Arrival{}, Est: decoder.FlowEst{SamplingRate: 1000}}
			f.FrameLength = 64
			out, i := make([]Finding, 0, HandOver), 0
			b.ReportAllocs()
			for b.Loop() {
				k := &keys[i&(len(keys)-1)]
				f.Header.Key, f.Header.TCPFlags, f.Header.HasTCP, f.Header.HasKey = k.Key, k.TCPFlags, true, true
				f.At = epoch.Add(time.Duration(i) * time.Millisecond)
				w.table.Sample(&f)
				if i++; i%100 == 0 {
					out = w.table.Take(out)
				}
			}
		})
	}
}
