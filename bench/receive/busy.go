package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"weir/collector/udp"
	"weir/decoder/sflow"
)

// busyRate is how many flow samples a second a busy site sends.
const busyRate = 20_000

// busy has the agents of a site send samples of flows by Zipf's law, and prints
// the memory that history takes beside the rest.
func busy(w *child, agents, interfaces int, length time.Duration) error {
	const each = 6
	out, err := udp.NewSender(udp.SenderConfig{To: netip.MustParseAddrPort(w.listen), Rate: busyRate / each})
	if err != nil {
		return err
	}
	r := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(r, 1.1, 4, 200_000)
	frame := make([]byte, 64)
	copy(frame, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 5, 0xdc, 0, 1, 0, 0, 64, 6})
	frame[46], frame[47] = 0x50, 0x10
	sequence := make([]uint32, agents)
	buf := make([]byte, 0, 1500)
	var b sflow.Builder
	var most int64
	ctx, begun, told := context.Background(), time.Now(), time.Now()
	sent := 0
	for time.Since(begun) < length {
		ag := r.IntN(agents)
		sequence[ag]++
		b.Reset(buf, &sflow.Datagram{
			Agent:    netip.AddrFrom4([4]byte{10, byte(ag >> 16), byte(ag >> 8), byte(ag)}),
			Sequence: sflow.Seq(1000 + sequence[ag]), Uptime: 1_100_000 + uint32(time.Since(begun).Milliseconds()),
		})
		for range each {
			flow := uint32(zipf.Uint64()) * 2654435761
			binary.BigEndian.PutUint32(frame[26:], 0x0a800000|flow&0xfffff)
			binary.BigEndian.PutUint32(frame[30:], 0x0a900000|flow>>12)
			binary.BigEndian.PutUint16(frame[34:], uint16(32768+flow>>17))
			binary.BigEndian.PutUint16(frame[36:], 443)
			n := flow%uint32(interfaces) + 1
			b.FlowSample(&sflow.FlowSample{
				Sequence: sflow.Seq(sequence[ag] * each), Source: sflow.DataSource{Index: n}, SamplingRate: 10000, SamplePool: sequence[ag] * each * 10000,
				Input: sflow.Port{Value: n}, Output: sflow.Port{Value: n + 1},
			}, false, &sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: frame})
		}
		if err := out.Send(ctx, b.Bytes()); err != nil {
			return err
		}
		sent += each
		if time.Since(told) > time.Second {
			told = time.Now()
			rss, err := w.rss()
			if err != nil {
				return err
			}
			most = max(most, rss)
			fmt.Fprintf(os.Stderr, "\r\033[K%d samples, %d MB", sent, rss>>20)
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	rss, err := w.rss()
	if err != nil {
		return err
	}
	known, err := w.metrics("weir_socket_dropped_total", `weir_bound_used{bound="history_flow_bytes"}`)
	if err != nil {
		return err
	}
	fmt.Printf("busy      %d samples in %.0f s, %.0f/s; %.0f datagrams dropped; history of %.0f MB\n",
		sent, time.Since(begun).Seconds(), float64(sent)/time.Since(begun).Seconds(), known[0], known[1]/1e6)
	fmt.Printf("memory    %d MB resident at the end, %d MB at most\n", rss>>20, most>>20)
	return nil
}
