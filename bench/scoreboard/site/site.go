// Package site describes the networks of the large-flow scenarios: links that
// are full of equal flows, on each of which one large flow begins.
package site

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"weir/bench/traffic"
)

// Links is a number of equal, independent links, each sampled by one or more
// agents in a row.
type Links struct {
	Seed     uint64
	Count    int
	Speed    uint64        // bit/s; sampled 1 in Speed/1e6
	Frame    int           // octets with FCS; 0: 1500
	Flush    time.Duration // of the agents; negative: none
	Vantages int           // agents in a row; 0: 1
	Loss     float64       // of datagrams
	TCP      bool          // flows are TCP; else UDP
	Rate     uint32        // sampling, if not by the rule

	Mice float64       // share of the link of each small flow; as many as there is room for
	Life time.Duration // after which each of them makes way for another; 0: they stay

	Share    float64       // of the link, of the large flow; 0: none
	Duration time.Duration // of the large flow
	Warm     time.Duration // before the first large flow
	Spread   time.Duration // over which the large flows begin
}

// Settle is how long nothing but counters is sent: until the collector knows
// the speed of every link.
const Settle = 10 * time.Second

// Epoch is when every run begins.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Elephant is the large flow of one link.
type Elephant struct {
	Link  int
	Src   netip.Addr
	Start time.Time
	End   time.Time
	Rate  float64 // bit/s
}

// SamplingRate is one packet in so many, by the rule of thumb speed/1e6.
func (l *Links) SamplingRate() uint32 {
	if l.Rate > 0 {
		return l.Rate
	}
	return uint32(max(l.Speed/1e6, 1))
}

// PerSecond is how many samples a second a flow of that share of the link
// gives at one agent.
func (l *Links) PerSecond(share float64) float64 {
	return share * float64(l.Speed) / 8 / float64(l.frame()) / float64(l.SamplingRate())
}

// Competitors is how many small flows a link has room for.
func (l *Links) Competitors() int { return int(1/l.Mice + 1e-9) }

func (l *Links) frame() int {
	if l.Frame == 0 {
		return 1500
	}
	return l.Frame
}

// Network returns the site and its large flows. duration is how long the small
// flows last where there is no large one.
func (l *Links) Network(duration time.Duration) (traffic.Config, []Elephant) {
	rng := rand.New(rand.NewPCG(l.Seed, 4711))
	c := traffic.Config{Seed: l.Seed, Start: Epoch, Thin: true, Loss: l.Loss, Duration: Settle + l.Warm + duration}
	vantages := max(l.Vantages, 1)
	var elephants []Elephant
	for i := range l.Count {
		var path []traffic.Hop
		for v := range vantages {
			path = append(path, traffic.Hop{Agent: len(c.Agents), In: 1, Out: 2})
			n := len(c.Agents)
			c.Agents = append(c.Agents, traffic.Agent{
				Addr: netip.AddrFrom4([4]byte{172, 16 + byte(n>>16), byte(n >> 8), byte(n)}), Flush: l.Flush,
				SamplingRate: l.SamplingRate(), HeaderBytes: 64, Polling: Settle, Expanded: v%2 == 1,
				Uptime: time.Duration(rng.Int64N(int64(1000 * time.Hour))),
				Ports:  []traffic.Port{{Index: 1, Speed: l.Speed}, {Index: 2, Speed: l.Speed}},
			})
		}
		start, stop := time.Duration(0), time.Duration(0)
		if l.Share > 0 {
			start = Settle + l.Warm + time.Duration(rng.Float64()*float64(l.Spread))
			stop = start + l.Duration
			c.Duration = Settle + l.Warm + l.Spread + l.Duration
			e := l.flow(i, 0, l.Share, path)
			e.Start, e.Stop = start, stop
			c.Flows = append(c.Flows, e)
			elephants = append(elephants, Elephant{
				Link: i, Src: e.Src, Start: Epoch.Add(start), End: Epoch.Add(stop), Rate: l.Share * float64(l.Speed),
			})
		}
		n := l.Competitors()
		stay := int(math.Round((1 - l.Share) * float64(n))) // beside the large flow
		for j := range n {
			m := l.flow(i, j+1, l.Mice, path)
			// Not all in step: the first packets are spread over 100 ms.
			m.Start, m.Stop = Settle+time.Duration(rng.Int64N(1e8)), stop
			if l.Share > 0 && j >= stay {
				m.Stop = start
			}
			c.Flows = append(c.Flows, l.lives(m, c.Duration)...)
		}
	}
	return c, elephants
}

// lives makes of one flow many, one after the other, that differ in a port.
func (l *Links) lives(m traffic.Flow, until time.Duration) (all []traffic.Flow) {
	if l.Life == 0 {
		return []traffic.Flow{m}
	}
	if m.Stop > 0 {
		until = min(until, m.Stop)
	}
	offset := time.Duration(uint64(m.SrcPort) * 0x9e3779b97f4a7c15 % uint64(l.Life)) // not all in step
	for at := m.Start; at < until; {
		f := m
		f.Start = at
		at += l.Life - offset
		offset = 0
		f.Stop = min(at, until)
		f.DstPort += uint16(len(all))
		all = append(all, f)
	}
	return all
}

// flow is flow number n of a link; 0 is the large one.
func (l *Links) flow(link, n int, share float64, path []traffic.Hop) traffic.Flow {
	f := traffic.Flow{
		Src: netip.AddrFrom4([4]byte{10, byte(link >> 8), byte(link), byte(n)}),
		Dst: netip.AddrFrom4([4]byte{11, byte(link >> 8), byte(link), byte(n)}),
		// Sixteen bits more, so that more than 255 flows have their own key.
		SrcPort: uint16(1024 + n), DstPort: 443, Proto: 17,
		Rate: uint64(share * float64(l.Speed)), Frames: []int{l.frame()}, Path: path,
	}
	if l.TCP {
		f.Proto = 6
	}
	return f
}
