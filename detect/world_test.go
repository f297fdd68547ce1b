package detect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// epoch is when every generated stream begins.
var epoch = time.Unix(1_700_000_000, 250e6).UTC()

// stream is one flow sampled at one vantage point: a Poisson process, as
// random 1-in-rate packet sampling makes it.
type stream struct {
	flow     int // makes the key
	vantage  decoder.Vantage
	bits     float64 // per second
	frames   []uint32
	rate     uint32
	speed    uint64
	from, to time.Duration
	flush    time.Duration // the agent sends its samples together so often; 0 at once
}

type event struct {
	at    time.Duration
	s     *stream
	frame uint32
}

// generate returns the samples of all streams in the order of their arrival.
func generate(seed uint64, streams ...stream) []event {
	var all []event
	for i := range streams {
		s := &streams[i]
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		var mean float64
		for _, f := range s.frames {
			mean += float64(f) / float64(len(s.frames))
		}
		perSecond := s.bits / 8 / mean / float64(s.rate)
		phase := time.Duration(0)
		if s.flush > 0 {
			phase = time.Duration(rng.Int64N(int64(s.flush)))
		}
		var flushed time.Duration
		n := 0
		for t := s.from; ; {
			t += time.Duration(rng.ExpFloat64() / perSecond * 1e9)
			if t >= s.to {
				break
			}
			at := t
			if s.flush > 0 {
				if at = (t-phase)/s.flush*s.flush + s.flush + phase; at != flushed {
					flushed, n = at, 0
				}
				at += time.Duration(n/7) * 200 * time.Microsecond // seven fill a datagram
				n++
			}
			all = append(all, event{at, s, s.frames[rng.IntN(len(s.frames))]})
		}
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return all
}

// world is shards and an engine on a clock that the samples move.
type world struct {
	shards []*Shard
	engine *Engine
	alerts []*Alert
	next   time.Duration // the next tick
}

func newWorld(shards int, th Threshold) *world {
	cfg := DefaultConfig()
	cfg.LargeFlow.Threshold = th
	cfg.Top.Off = true
	w := &world{next: 100 * time.Millisecond}
	for i := range shards {
		w.shards = append(w.shards, NewShard(cfg, uint64(i)))
	}
	w.engine = NewEngine(cfg, w.shards, testNames{})
	return w
}

func (w *world) emit(a *Alert) { w.alerts = append(w.alerts, a) }

func (w *world) tick(at time.Duration) {
	for _, s := range w.shards {
		s.Tick(epoch.Add(at))
	}
	w.engine.Tick(epoch.Add(at), w.emit)
}

// until moves the clock.
func (w *world) until(at time.Duration) {
	for ; w.next <= at; w.next += 100 * time.Millisecond {
		w.tick(w.next)
	}
}

// play delivers samples and moves the clock with them; what is urgent is seen
// at once.
func (w *world) play(events []event) {
	var a decoder.Arrival
	f := decoder.Flow{Arrival: &a}
	for _, e := range events {
		w.until(e.at)
		fill(&f, e)
		s := w.shards[int(e.s.vantage.Agent)%len(w.shards)]
		s.Flow(&f)
		if s.Urgent() {
			w.tick(e.at)
		}
	}
}

func fill(f *decoder.Flow, e event) {
	f.At = epoch.Add(e.at)
	f.FrameLength = e.frame
	f.Header.HasKey = true
	f.Header.Key = keyOf(e.s.flow)
	f.Sample.Input, f.Sample.Output = sflow.Port{Value: e.s.vantage.Source}, sflow.Port{Value: 2}
	f.Est = decoder.FlowEst{SamplingRate: e.s.rate, Vantage: e.s.vantage, Speed: e.s.speed}
}

func keyOf(flow int) packet.Key {
	k := packet.Key{SrcPort: uint16(flow >> 16), DstPort: 443, Proto: 6}
	k.Src = netip.AddrFrom4([4]byte{10, 0, byte(flow >> 8), byte(flow)}).As16()
	k.Dst = netip.AddrFrom4([4]byte{10, 9, 0, 1}).As16()
	return k
}

// ids returns the alerts' ids in the order of their start.
func (w *world) ids() []string {
	var ids []string
	for _, a := range w.alerts {
		if a.Change == Start {
			ids = append(ids, a.ID)
		}
	}
	return ids
}

func evidence(a *Alert) *LargeFlowEvidence { return a.Evidence.(*LargeFlowEvidence) }

// starts describes the alerts in a few words.
func (w *world) starts() string {
	var b strings.Builder
	for _, a := range w.alerts {
		if a.Change == Start && b.Len() < 2000 {
			fmt.Fprintf(&b, "\n%s %s %s", a.At.Sub(epoch), a.State, a.Line())
		}
	}
	return b.String()
}

func (w *world) json(t testing.TB) string {
	var out []byte
	for _, a := range w.alerts {
		b, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, b...), '\n')
	}
	return string(out)
}

type testNames struct{}

func (testNames) Agent(n uint32) (netip.Addr, string) {
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), fmt.Sprintf("leaf%d", n)
}
func (testNames) Interface(_, i uint32) string { return fmt.Sprintf("Ethernet%d", i) }
func (testNames) Alias(_, _ uint32) string     { return "" }
func (testNames) Domain(d uint32) string {
	if d == 0 {
		return "underlay"
	}
	return fmt.Sprintf("vni:%d", d)
}

// On a link of 10 Gbit/s sampled 1 in 10000, the usual rate, a threshold of
// 10 % is 8.3 samples a second of 1500 octets.
const (
	linkSpeed = 10e9
	linkRate  = 10000
)

var full = []uint32{1500}

// share is a flow of that share of the link, at one vantage point.
func share(flow int, of float64, agent uint32, from, to time.Duration) stream {
	return stream{
		flow: flow, vantage: decoder.Vantage{Agent: agent, Source: 1}, bits: of * linkSpeed,
		frames: full, rate: linkRate, speed: linkSpeed, from: from, to: to,
	}
}

var tenPercent = Threshold{Share: 0.1}
