package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"

	cistern "github.com/Cistern/sflow"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	goflow2 "github.com/netsampler/goflow2/v2/decoders/sflow"

	"weir/decoder"
	"weir/decoder/sflow"
)

// samplesPer is the number of flow samples in one datagram, as a switch sends
// with headers of 128 bytes in about 1,300 bytes.
const samplesPer = 6

// datagrams returns size bytes of datagrams with compact flow samples (which
// every peer reads), all different, and where each begins.
func datagrams(size int) (buf []byte, at []int) {
	var frame [128]byte
	copy(frame[:], []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 5, 220, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
		0, 80, 1, 187, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x10, 1, 0, 0, 0, 0, 0})
	rng := rand.New(rand.NewPCG(1, 2))
	buf = make([]byte, 0, size+2048)
	var b sflow.Builder
	for seq := uint32(1); len(buf) < size; seq++ {
		at = append(at, len(buf))
		b.Reset(buf, &sflow.Datagram{Agent: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Sequence: sflow.Seq(seq), Uptime: seq * 10})
		for i := range uint32(samplesPer) {
			binary.BigEndian.PutUint32(frame[26:], 0x0a000000|rng.Uint32N(1<<16))
			binary.BigEndian.PutUint16(frame[34:], uint16(rng.Uint32()))
			n := seq*samplesPer + i
			b.FlowSample(&sflow.FlowSample{Sequence: sflow.Seq(n), Source: sflow.DataSource{Index: 7}, SamplingRate: 1000, SamplePool: n * 1000,
				Input: sflow.Port{Value: 7}, Output: sflow.Port{Value: 8}}, false,
				&sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: frame[:]},
				&sflow.ExtendedSwitch{SrcVLAN: 10, DstVLAN: 10})
		}
		buf = b.Buffer()
	}
	return buf, append(at, len(buf))
}

// counter is a Handler that uses what it is given, as a detector would.
type counter struct {
	flows, sum uint64
}

func (*counter) Arrival(*decoder.Arrival)   {}
func (*counter) Counters(*decoder.Counters) {}
func (*counter) Discard(*decoder.Discard)   {}
func (*counter) Metrics(*decoder.Metrics)   {}
func (c *counter) Flow(f *decoder.Flow) {
	c.flows++
	c.sum += uint64(f.Header.Key.SrcPort) + uint64(f.FrameLength)
}

// method decodes datagrams and says how many flow samples it saw.
type method struct {
	name string
	part float64 // of the buffer it is given: slow ones need less of it
	run  func(buf []byte, at []int, times int) (flows uint64, err error)
}

var from = netip.MustParseAddrPort("192.0.2.1:50000")

func methods() []method {
	return []method{
		{"weir: decode, header, event", 1, func(buf []byte, at []int, times int) (uint64, error) {
			var d decoder.Decoder
			c := &counter{}
			now := time.Unix(1, 0)
			for j := range times * (len(at) - 1) {
				i := j % (len(at) - 1)
				if err := d.Decode(buf[at[i]:at[i+1]], from, now, c); err != nil {
					return 0, err
				}
			}
			return c.flows, nil
		}},
		{"goflow2 v2.2.6: decode alone", 0.1, func(buf []byte, at []int, times int) (n uint64, err error) {
			for j := range times * (len(at) - 1) {
				i := j % (len(at) - 1)
				var p goflow2.Packet
				if err := goflow2.DecodeMessageVersion(bytes.NewBuffer(buf[at[i]:at[i+1]]), &p); err != nil {
					return 0, err
				}
				n += uint64(len(p.Samples))
			}
			return n, nil
		}},
		{"Cistern/sflow: decode alone", 0.1, func(buf []byte, at []int, times int) (n uint64, err error) {
			for j := range times * (len(at) - 1) {
				i := j % (len(at) - 1)
				p, err := cistern.NewDecoder(bytes.NewReader(buf[at[i]:at[i+1]])).Decode()
				if err != nil {
					return 0, err
				}
				n += uint64(len(p.Samples))
			}
			return n, nil
		}},
		{"gopacket v1.1.19: decode, header", 0.1, func(buf []byte, at []int, times int) (n uint64, err error) {
			for j := range times * (len(at) - 1) {
				i := j % (len(at) - 1)
				var p layers.SFlowDatagram
				if err := p.DecodeFromBytes(buf[at[i]:at[i+1]], gopacket.NilDecodeFeedback); err != nil {
					return 0, err
				}
				n += uint64(len(p.FlowSamples))
			}
			return n, nil
		}},
	}
}

func speed(rounds, size int) error {
	buf, at := datagrams(size)
	hot := make([]int, 2)
	hot[1] = at[1]
	ms := methods()
	stream := make([][]float64, len(ms))
	single := make([][]float64, len(ms))
	alloc := make([]float64, len(ms))
	for r := range rounds {
		for i, m := range ms {
			part := at[:1+int(float64(len(at)-1)*m.part)]
			runtime.GC()
			ns, allocs, err := timed(m, buf, part, 1)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			stream[i], alloc[i] = append(stream[i], ns), allocs
			ns, _, err = timed(m, buf, hot, int(1_000_000*m.part))
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			single[i] = append(single[i], ns)
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d", r+1, rounds)
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	fmt.Printf("%d MiB of datagrams with %d flow samples each, in one buffer, in order; medians of %d rounds, one core\n\n", size>>20, samplesPer, rounds)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "method\tns/sample, in order\ttimes slower\tns/sample, one hot datagram\ttimes slower\tallocations/datagram\t")
	base, baseHot := median(stream[0]), median(single[0])
	for i, m := range ms {
		a, b := median(stream[i]), median(single[i])
		fmt.Fprintf(w, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n", m.name, a, a/base, b, b/baseHot, alloc[i])
	}
	w.Flush()
	fmt.Printf("\nweir in random order (reported only): %.1f ns/sample\n", random(buf, at))
	return nil
}

// timed runs m times over the datagrams and returns ns per flow sample and
// allocations per datagram.
func timed(m method, buf []byte, at []int, times int) (ns, allocs float64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	flows, err := m.run(buf, at, times)
	if err != nil {
		return 0, 0, err
	}
	d := time.Since(start)
	runtime.ReadMemStats(&after)
	want := uint64(times) * uint64(len(at)-1) * samplesPer
	if flows != want {
		return 0, 0, fmt.Errorf("saw %d flow samples, want %d", flows, want)
	}
	return float64(d.Nanoseconds()) / float64(flows), float64(after.Mallocs-before.Mallocs) / float64(times*(len(at)-1)), nil
}

func random(buf []byte, at []int) float64 {
	order := rand.New(rand.NewPCG(3, 4)).Perm(len(at) - 1)
	var d decoder.Decoder
	c := &counter{}
	start := time.Now()
	for _, i := range order {
		d.Decode(buf[at[i]:at[i+1]], from, start, c)
	}
	return float64(time.Since(start).Nanoseconds()) / float64(c.flows)
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}
