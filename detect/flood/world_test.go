package flood

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

var epoch = time.Unix(1_700_000_000, 30e6).UTC()

// hop is one agent on a packet's way.
type hop struct {
	agent, port uint32
	ttl         uint8 // how much less than at the start
	mac         [2]byte
	rate        uint32 // packets per sample; 0 the source's
	egress      bool
}

// source sends packets, sampled at every hop.
type source struct {
	pps      float64
	rate     uint32
	from, to time.Duration
	packet   func(rng *rand.Rand, h *packet.Header) (frame uint32)
	path     func(rng *rand.Rand, h *packet.Header) []hop // nil: agent 1, port 1
	on, off  time.Duration                                // pulses
	flush    time.Duration
}

type event struct {
	at    time.Duration
	rate  uint32
	frame uint32
	hop   hop
	h     packet.Header
}

// generate samples every source at every hop: Poisson processes.
func generate(seed uint64, sources ...source) []event {
	var all []event
	for i := range sources {
		s := &sources[i]
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		path := s.path
		if path == nil {
			path = func(*rand.Rand, *packet.Header) []hop { return []hop{{agent: 1, port: 1}} }
		}
		// Packets come at pps; each hop keeps one in rate. Drawn as a process
		// of what any of four hops keeps.
		const most = 6
		fast := s.pps * most / float64(s.rate)
		for t := s.from; ; {
			t += time.Duration(rng.ExpFloat64() / fast * 1e9)
			if t >= s.to {
				break
			}
			if s.on > 0 && (t-s.from)%(s.on+s.off) >= s.on {
				continue
			}
			var h packet.Header
			h.HasKey, h.Depth, h.TTL = true, packet.DepthTransport, 64
			frame := s.packet(rng, &h)
			hops := path(rng, &h)
			i := rng.IntN(most)
			if i >= len(hops) {
				continue
			}
			o := hops[i]
			rate := s.rate
			if o.rate != 0 {
				rate = o.rate
				if rng.Float64() > float64(s.rate)/float64(rate) {
					continue
				}
			}
			h.TTL -= o.ttl
			h.SrcMAC = [6]byte{2, 0, 0, 0, o.mac[0], o.mac[1]}
			at := t
			if s.flush > 0 {
				phase := s.flush * time.Duration(o.agent*37%100) / 100
				at = (t-phase)/s.flush*s.flush + s.flush + phase
			}
			all = append(all, event{at, rate, frame, o, h})
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return all
}

// world is a tracker behind tables, as the shards and the engine run them.
type world struct {
	tables  []*Table
	tracker *Tracker
	spare   *Batch
	reports []Report
	next    time.Duration
	wake    time.Duration
}

func newWorld(cfg Config, shards int) *world {
	w := &world{tracker: NewTracker(cfg, func(n uint32) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }), spare: NewBatch()}
	for range shards {
		w.tables = append(w.tables, NewTable(cfg, 7))
	}
	return w
}

func (w *world) tick(at time.Duration) {
	for _, t := range w.tables {
		w.spare = t.Take(w.spare)
		w.tracker.Add(w.spare)
	}
	w.reports = w.tracker.Decide(epoch.Add(at).UnixNano(), w.reports)
}

func (w *world) until(at time.Duration) {
	for ; w.next <= at; w.next += 100 * time.Millisecond {
		w.tick(w.next)
	}
}

// play delivers the samples; what is urgent is judged at most every 5 ms.
func (w *world) play(events []event) {
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	for i := range events {
		e := &events[i]
		w.until(e.at)
		fill(&f, e)
		t := w.tables[int(e.hop.agent)%len(w.tables)]
		t.Sample(&f)
		if t.Urgent() && e.at >= w.wake {
			w.tick(e.at)
			w.wake = e.at + 5*time.Millisecond
		}
	}
}

func fill(f *decoder.Flow, e *event) {
	f.At = epoch.Add(e.at)
	f.FrameLength = e.frame
	f.Header = e.h
	f.Sample.Input = sflow.Port{Value: e.hop.port}
	v := decoder.Vantage{Agent: e.hop.agent, Source: e.hop.port << 1}
	if e.hop.egress {
		v.Source |= 1
	}
	f.Est = decoder.FlowEst{SamplingRate: e.rate, Vantage: v, Speed: 10e9}
}

func (w *world) starts() (out []*Report) {
	for i := range w.reports {
		if w.reports[i].Start {
			out = append(out, &w.reports[i])
		}
	}
	return out
}

func (w *world) String() string {
	var b strings.Builder
	for i := range w.reports {
		r := &w.reports[i]
		if b.Len() > 3000 {
			break
		}
		fmt.Fprintf(&b, "\n%v %v state %d start %v %s/%s %.0f pps [%.0f %.0f] n=%d span %v agent %d pulses %d spread %s sources %.0f",
			time.Unix(0, r.At).Sub(epoch), r.Key.Prefix(), r.State, r.Start, r.Class, r.Vector, r.Now.PacketsPerSecond, r.Now.Low, r.Now.High,
			r.Now.Samples, r.Now.Span, r.Now.Agent, r.Pulses, r.Spread, r.Sources.Value)
	}
	return b.String()
}

func v4(a uint32) [16]byte {
	return netip.AddrFrom4([4]byte{byte(a >> 24), byte(a >> 16), byte(a >> 8), byte(a)}).As16()
}

// Hosts of the tests.
const (
	victimHost = 0x0a090001 // 10.9.0.1
	client     = 0x0a010000
)

func anyone(rng *rand.Rand) [16]byte { return v4(rng.Uint32()>>1 | 0x01000000) }

func port(rng *rand.Rand) uint16 { return uint16(1024 + rng.IntN(64000)) }

type maker = func(rng *rand.Rand, h *packet.Header) uint32

// attack makes packets to dst from sources chosen by from.
func attack(proto uint8, flags uint8, srcPort, dstPort uint16, frame uint32) maker {
	return func(rng *rand.Rand, h *packet.Header) uint32 {
		h.Key = packet.Key{Src: anyone(rng), Dst: v4(victimHost), SrcPort: srcPort, DstPort: dstPort, Proto: proto}
		if srcPort == 0 {
			h.Key.SrcPort = port(rng)
		}
		if dstPort == 0 {
			h.Key.DstPort = port(rng)
		}
		if proto == protoTCP {
			h.HasTCP, h.TCPFlags = true, flags
		}
		if proto == protoICMP {
			h.Key.SrcPort, h.Key.DstPort, h.ICMPType = 0, 8<<8, 8
		}
		h.IPLength = uint16(frame - 14)
		return frame
	}
}

func to(dst uint32, m maker) maker {
	return func(rng *rand.Rand, h *packet.Header) uint32 {
		n := m(rng, h)
		h.Key.Dst = v4(dst)
		return n
	}
}

// carpet spreads a maker over the /24 of the victim.
func carpet(m maker) maker {
	return func(rng *rand.Rand, h *packet.Header) uint32 {
		n := m(rng, h)
		h.Key.Dst = v4(victimHost&^255 | uint32(rng.IntN(256)))
		return n
	}
}
