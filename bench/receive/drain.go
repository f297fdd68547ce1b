package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sort"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"weir/collector/agents"
	"weir/collector/shard"
	"weir/collector/udp"
	"weir/decoder"
	"weir/decoder/sflow"
	"weir/detect"
)

// fill is the number of datagrams that wait in the socket before it is read.
const fill = 100_000

// agentsSpeaking is how many agents send in turn, flowsEach how many flows pass
// each of them: 16,000 in all.
const (
	agentsSpeaking = 250
	flowsEach      = 64
)

// load is what the datagrams tell of.
type load struct {
	name  string
	about string
	speed uint64  // of every port, in bit/s; 0 is not told
	share float64 // of a flow of rank r is 1/r^share of the first
	rate  uint32  // packets per sample
}

var loads = []load{
	{"site", "ports of 100 Gbit/s below a third of their speed, flows by Zipf's law (1.0), none large", 100e9, 1, 300},
	{"worst", "flows of equal weight, every one far above its threshold", 0, 0, 1000},
}

// datagrams returns n different datagrams of six flow samples each, from
// many agents in turn, burst from each, as a site of switches sends them.
func (l *load) datagrams(n, burst int) [][]byte {
	var frame [128]byte
	copy(frame[:], []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 5, 220, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0, 80, 1, 187, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0})
	out := make([][]byte, n)
	pick := l.ranks()
	random := rand.New(rand.NewPCG(1, 2))
	var b sflow.Builder
	for i := range out {
		turn := i / burst
		agent, seq := byte(turn%agentsSpeaking), uint32(turn/agentsSpeaking*burst+i%burst)+1 // 0 is the introduction
		l.head(&b, agent, seq)
		for j := range uint32(6) {
			s := seq*6 + j
			flow := uint32(agent)*flowsEach + pick(random.Float64())
			h := flow * 2654435761
			binary.BigEndian.PutUint16(frame[28:], uint16(h>>6&255))
			binary.BigEndian.PutUint16(frame[32:], uint16(h>>14&4095))
			binary.BigEndian.PutUint16(frame[34:], uint16(32768+flow))
			b.FlowSample(&sflow.FlowSample{Sequence: sflow.Seq(s), Source: sflow.DataSource{Index: 7}, SamplingRate: l.rate,
				SamplePool: s * l.rate, Input: sflow.Port{Value: 7}, Output: sflow.Port{Value: 8}}, false,
				&sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: frame[:]},
				&sflow.ExtendedSwitch{SrcVLAN: 10, DstVLAN: 10})
		}
		out[i] = slices.Clone(b.Bytes())
	}
	return out
}

func (l *load) head(b *sflow.Builder, agent byte, seq uint32) {
	b.Reset(make([]byte, 0, 1400), &sflow.Datagram{Agent: netip.AddrFrom4([4]byte{192, 0, 2, agent}), Sequence: sflow.Seq(seq), Uptime: seq})
}

// introduction returns a datagram of each agent that tells the speed of its
// ports, if it is told.
func (l *load) introduction() (out [][]byte) {
	var b sflow.Builder
	for agent := range agentsSpeaking {
		if l.speed == 0 {
			break
		}
		l.head(&b, byte(agent), 0)
		for _, port := range []uint32{7, 8} {
			b.CounterSample(&sflow.CounterSample{Source: sflow.DataSource{Index: port}}, false,
				&sflow.IfCounters{Index: port, Type: 6, Speed: l.speed, Direction: 1, Status: 3})
		}
		out = append(out, slices.Clone(b.Bytes()))
	}
	return out
}

// ranks returns the flow of a random number from 0 to 1.
func (l *load) ranks() func(float64) uint32 {
	var sums [flowsEach]float64
	sum := 0.0
	for r := range sums {
		sum += math.Pow(float64(r+1), -l.share)
		sums[r] = sum
	}
	return func(x float64) uint32 { return uint32(sort.SearchFloat64s(sums[:flowsEach-1], x*sum)) }
}

// nothing is a Handler.
type nothing struct{}

func (nothing) Arrival(*decoder.Arrival)   {}
func (nothing) Flow(*decoder.Flow)         {}
func (nothing) Counters(*decoder.Counters) {}
func (nothing) Discard(*decoder.Discard)   {}
func (nothing) Metrics(*decoder.Metrics)   {}

// level is how much is done with each datagram.
type level struct {
	name string
	each func(udp.Message)
}

func levels(l *load) []level {
	var d decoder.Decoder
	var h nothing
	hello := l.introduction()
	with := func(change func(*detect.Config)) func(udp.Message) {
		c := detect.DefaultConfig()
		change(&c)
		s := shard.New(agents.NewRegistry(agents.NewShared(agents.Config{})), detect.NewShard(c, 1))
		for _, p := range hello {
			s.Datagram(p, netip.MustParseAddrPort("127.0.0.1:9"), time.Now())
		}
		return func(m udp.Message) { s.Datagram(m.Payload, m.From, m.At) }
	}
	return []level{
		{"receive only", func(udp.Message) {}},
		{"and decode", func(m udp.Message) { _ = d.Decode(m.Payload, m.From, m.At, h) }},
		{"and registry", with(func(c *detect.Config) { c.LargeFlow.Off, c.Flood.Off, c.Scan.Off, c.Top.Off = true, true, true, true })},
		{"and large flows", with(func(c *detect.Config) { c.Flood.Off, c.Scan.Off, c.Top.Off = true, true, true })},
		{"and floods, scans", with(func(c *detect.Config) { c.Top.Off = true })},
		{"and nine keys", with(func(*detect.Config) {})},
		{"and time series", timeSeries(hello)},
	}
}

func drain(loads []load, rounds int) error {
	for i := range loads {
		if err := loads[i].drain(rounds); err != nil {
			return err
		}
	}
	return nil
}

func (l *load) drain(rounds int) error {
	ls := levels(l)
	all := make([][]float64, len(ls))
	payloads := l.datagrams(fill, 1)
	for r := range rounds {
		for i, l := range ls {
			ns, err := once(payloads, l.each)
			if err != nil {
				return err
			}
			all[i] = append(all[i], ns)
		}
		fmt.Fprintf(os.Stderr, "\r%s: round %d of %d", l.name, r+1, rounds)
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	fmt.Printf("%s: %s\nCPU of the receiving thread per datagram of %d octets with six flow samples; %d waiting in the socket; medians of %d\n\n",
		l.name, l.about, len(payloads[0]), fill, rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "work\tns/datagram\tadded ns\tleast\tmost\t")
	var last float64
	for i, l := range ls {
		s := slices.Sorted(slices.Values(all[i]))
		m := s[len(s)/2]
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t\n", l.name, m, m-last, s[0], s[len(s)-1])
		last = m
	}
	fmt.Fprintln(w)
	return w.Flush()
}

// once fills a socket's buffer, then drains it on this thread and returns its
// CPU time per datagram.
func once(payloads [][]byte, each func(udp.Message)) (float64, error) {
	g, err := udp.Listen(udp.Config{Listen: []string{"127.0.0.1:0"}, Shards: 1, ReceiveBuffer: 1 << 29, Seed: 1})
	if err != nil {
		return 0, err
	}
	defer g.Close()
	conn, err := net.Dial("udp", g.Addrs()[0].String())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	for _, p := range payloads {
		if _, err := conn.Write(p); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := g.Receivers()[0]
	got, before := 0, threadTime()
	for got < len(payloads) {
		batch, err := r.Read(time.Now().Add(200 * time.Millisecond))
		if err != nil {
			return 0, err
		}
		if len(batch) == 0 {
			return 0, fmt.Errorf("only %d of %d datagrams fit the receive buffer of %d octets: run as root or raise net.core.rmem_max", got, len(payloads), g.Granted())
		}
		for i := range batch {
			each(batch[i])
		}
		got += len(batch)
	}
	return float64((threadTime() - before).Nanoseconds()) / float64(got), nil
}

// threadTime is the CPU time of this thread.
func threadTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
