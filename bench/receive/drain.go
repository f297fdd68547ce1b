package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
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

// agentsSpeaking is how many agents send in turn.
const agentsSpeaking = 250

// datagrams returns n different datagrams of six flow samples each, from
// many agents in turn, as a site of switches sends them.
func datagrams(n int) [][]byte {
	var frame [128]byte
	copy(frame[:], []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 5, 220, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0, 80, 1, 187, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0})
	out := make([][]byte, n)
	var b sflow.Builder
	for i := range out {
		agent, seq := byte(i%agentsSpeaking), uint32(i/agentsSpeaking)
		b.Reset(make([]byte, 0, 1400), &sflow.Datagram{Agent: netip.AddrFrom4([4]byte{192, 0, 2, agent}), Sequence: sflow.Seq(seq), Uptime: seq})
		for j := range uint32(6) {
			s := seq*6 + j
			flow := uint32(agent)<<6 | s*2654435761>>26 // 64 flows at each agent, 16,000 in all
			binary.BigEndian.PutUint16(frame[28:], uint16(flow&255))
			binary.BigEndian.PutUint16(frame[32:], uint16(flow>>2))
			binary.BigEndian.PutUint16(frame[34:], uint16(32768+flow))
			b.FlowSample(&sflow.FlowSample{Sequence: sflow.Seq(s), Source: sflow.DataSource{Index: 7}, SamplingRate: 1000,
				SamplePool: s * 1000, Input: sflow.Port{Value: 7}, Output: sflow.Port{Value: 8}}, false,
				&sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: frame[:]},
				&sflow.ExtendedSwitch{SrcVLAN: 10, DstVLAN: 10})
		}
		out[i] = slices.Clone(b.Bytes())
	}
	return out
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

func levels() []level {
	var d decoder.Decoder
	var h nothing
	with := func(change func(*detect.Config)) func(udp.Message) {
		c := detect.DefaultConfig()
		change(&c)
		sh := detect.NewShard(c, 1)
		s := shard.New(agents.NewRegistry(agents.NewShared(agents.Config{})), sh)
		return func(m udp.Message) { s.Datagram(m.Payload, m.From, m.At) }
	}
	return []level{
		{"receive only", func(udp.Message) {}},
		{"and decode", func(m udp.Message) { _ = d.Decode(m.Payload, m.From, m.At, h) }},
		{"and registry, large flows", with(func(c *detect.Config) { c.Flood.Off, c.Scan.Off, c.Top.Off = true, true, true })},
		{"and floods, scans", with(func(c *detect.Config) { c.Top.Off = true })},
		{"and nine keys", with(func(*detect.Config) {})},
	}
}

func drain(rounds int) error {
	ls := levels()
	all := make([][]float64, len(ls))
	payloads := datagrams(fill)
	for r := range rounds {
		for i, l := range ls {
			ns, err := once(payloads, l.each)
			if err != nil {
				return err
			}
			all[i] = append(all[i], ns)
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d", r+1, rounds)
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	fmt.Printf("CPU of the receiving thread per datagram of %d octets with six flow samples; %d waiting in the socket; medians of %d\n\n", len(payloads[0]), fill, rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "work\tns/datagram\tadded ns\tleast\tmost\t")
	var last float64
	for i, l := range ls {
		s := slices.Sorted(slices.Values(all[i]))
		m := s[len(s)/2]
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.0f\t%.0f\t\n", l.name, m, m-last, s[0], s[len(s)-1])
		last = m
	}
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
