package site

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"weir/bench/traffic"
)

// Attack is what a flood or scan is made of.
type Attack struct {
	Class    string // as truth and table name it
	Proto    uint8
	Port     uint16 // source port of an amplifier; 0: random
	Flags    uint8  // of TCP
	Frame    int
	Fragment bool
	Sources  int // bits of the source address that vary: 32 is spoofed, 0 a single source
	ToPort   uint16
	Ports    bool // destination ports vary: a port scan
	Hosts    int  // bits of the destination address that vary: 8 is a carpet over a /24
}

// SYN, UDP and the amplification vectors.
var (
	SYN  = Attack{Class: "syn", Proto: 6, Flags: 2, Frame: 64, Sources: 32, ToPort: 80}
	UDP  = Attack{Class: "udp", Proto: 17, Frame: 128, Sources: 32, ToPort: 9999}
	ICMP = Attack{Class: "icmp", Proto: 1, Frame: 64, Sources: 32}
	ACK  = Attack{Class: "ack", Proto: 6, Flags: 16, Frame: 64, Sources: 32, ToPort: 443}
	Frag = Attack{Class: "fragment", Proto: 17, Frame: 1500, Sources: 9, Fragment: true}
)

// Amplified is an amplification over the service at a port: 512 reflectors.
func Amplified(name string, port uint16, frame int) Attack {
	return Attack{Class: name, Proto: 17, Port: port, Frame: frame, Sources: 9, ToPort: 40000}
}

// Floods is a number of independent victims, each behind routers of its own.
type Floods struct {
	Seed    uint64
	Count   int
	Attack  Attack
	PPS     float64 // of each attack, all routers together
	Rate    uint32  // sampling
	Flush   time.Duration
	Routers int // that the attack enters by; 0: 1. With more, a leaf behind them samples too
	Warm    time.Duration
	Spread  time.Duration
	Lasts   time.Duration // of an attack, or of each of its pulses
	Pulses  int           // 0: 1
	Pause   time.Duration // between pulses
	Ramp    time.Duration // over which it grows to PPS, in steps of 1 s
	Benign  int           // connections of each victim and its neighbours, 1 Mbit/s in and 5 out
}

// Flooded is one attack as it really is.
type Flooded struct {
	Victim netip.Prefix
	Source netip.Addr // where it is one
	Pulses []Span
	PPS    float64
	Class  string
}

// Span is a time from Start to End.
type Span struct{ Start, End time.Time }

// Network returns the site and its attacks.
func (l *Floods) Network() (traffic.Config, []Flooded) {
	rng := rand.New(rand.NewPCG(l.Seed, 815))
	pulses := max(l.Pulses, 1)
	whole := l.Ramp + time.Duration(pulses)*(l.Lasts+l.Pause)
	c := traffic.Config{Seed: l.Seed, Start: Epoch, Thin: true, Duration: Settle + l.Warm + l.Spread + whole}
	var all []Flooded
	for i := range l.Count {
		paths := l.routers(&c, i, rng)
		start := Settle + l.Warm + time.Duration(rng.Float64()*float64(l.Spread))
		victim := netip.AddrFrom4([4]byte{10, 1 + byte(i>>8), byte(i), 77})
		f := Flooded{Victim: netip.PrefixFrom(victim, 32), PPS: l.PPS, Class: l.Attack.Class}
		if l.Attack.Hosts > 0 {
			f.Victim = netip.PrefixFrom(victim, 32-l.Attack.Hosts).Masked()
		}
		attack := l.attack(i, victim)
		f.Source = attack.Src
		for step := time.Duration(0); step < l.Ramp; step += time.Second {
			l.send(&c, attack, paths, l.PPS*step.Seconds()/l.Ramp.Seconds(), start+step, start+step+time.Second)
		}
		for p := range pulses {
			from := start + l.Ramp + time.Duration(p)*(l.Lasts+l.Pause)
			l.send(&c, attack, paths, l.PPS, from, from+l.Lasts)
			f.Pulses = append(f.Pulses, Span{Epoch.Add(from - l.Ramp), Epoch.Add(from + l.Lasts)})
		}
		for j := range l.Benign {
			l.connection(&c, i, j, paths[j%len(paths)], rng)
		}
		all = append(all, f)
	}
	return c, all
}

// routers adds the agents of victim i and returns the ways in.
func (l *Floods) routers(c *traffic.Config, i int, rng *rand.Rand) [][]traffic.Hop {
	agent := func(ports ...traffic.Port) int {
		n := len(c.Agents)
		c.Agents = append(c.Agents, traffic.Agent{
			Addr: netip.AddrFrom4([4]byte{172, 20, byte(n >> 8), byte(n)}), Flush: l.Flush, SamplingRate: l.Rate,
			HeaderBytes: 128, Polling: Settle, Uptime: time.Duration(rng.Int64N(int64(1000 * time.Hour))), Ports: ports,
		})
		return n
	}
	port := func(i uint32) traffic.Port { return traffic.Port{Index: i, Name: fmt.Sprintf("et%d", i), Speed: 100e9} }
	if l.Routers <= 1 {
		return [][]traffic.Hop{{{Agent: agent(port(1), port(2)), In: 1, Out: 2, Routed: true}}}
	}
	var ways [][]traffic.Hop
	ports := []traffic.Port{port(100)}
	for r := range l.Routers {
		ports = append(ports, port(uint32(r+1)))
	}
	leaf := agent(ports...)
	for r := range l.Routers {
		ways = append(ways, []traffic.Hop{{Agent: agent(port(1), port(2)), In: 1, Out: 2, Routed: true}, {Agent: leaf, In: uint32(r + 1), Out: 100}})
	}
	return ways
}

func (l *Floods) attack(i int, victim netip.Addr) traffic.Flow {
	a := l.Attack
	return traffic.Flow{
		Src: netip.AddrFrom4([4]byte{198, 18, byte(i), 5}), Dst: victim, Proto: a.Proto,
		SrcPort: a.Port, DstPort: a.ToPort, Flags: a.Flags, Frames: []int{a.Frame}, Fragment: a.Fragment,
		Vary: traffic.Vary{SrcBits: a.Sources, DstBits: a.Hosts, SrcPort: a.Port == 0, DstPort: a.Ports || a.Port != 0},
	}
}

// send adds an attack of pps, shared out to all ways in.
func (l *Floods) send(c *traffic.Config, f traffic.Flow, ways [][]traffic.Hop, pps float64, from, to time.Duration) {
	if pps <= 0 {
		return
	}
	f.Start, f.Stop = from, to
	f.Rate = uint64(pps / float64(len(ways)) * 8 * float64(f.Frames[0]))
	for _, w := range ways {
		f.Path = w
		c.Flows = append(c.Flows, f)
	}
}

// connection adds a TCP connection of a neighbour of victim i, both directions.
func (l *Floods) connection(c *traffic.Config, i, j int, way []traffic.Hop, rng *rand.Rand) {
	in := traffic.Flow{
		Src: netip.AddrFrom4([4]byte{203, 0, byte(i), byte(j)}), Dst: netip.AddrFrom4([4]byte{10, 1 + byte(i>>8), byte(i), byte(77 + j%4)}),
		Proto: 6, Flags: 16, SrcPort: uint16(30000 + j), DstPort: 443, Frames: []int{64, 64, 500}, Rate: 1e6, Path: way,
		Start: Settle + time.Duration(rng.Int64N(int64(time.Second))),
	}
	out := in
	out.Src, out.Dst, out.SrcPort, out.DstPort = in.Dst, in.Src, in.DstPort, in.SrcPort
	out.Frames, out.Rate, out.Path = []int{1500, 1500, 64}, 5e6, nil
	for k := len(way) - 1; k >= 0; k-- {
		out.Path = append(out.Path, traffic.Hop{Agent: way[k].Agent, In: way[k].Out, Out: way[k].In, Routed: way[k].Routed})
	}
	c.Flows = append(c.Flows, in, out)
}
