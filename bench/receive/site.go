package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"weir/collector/udp"
	"weir/decoder/sflow"
)

// site starts `weir run` and lets so many agents of so many interfaces speak to
// it, then prints what it knows and how much memory it takes; the same with so
// long of traffic at busyRate.
func site(text string, length time.Duration) error {
	a, i, ok := strings.Cut(text, "x")
	agents, err1 := strconv.Atoi(a)
	interfaces, err2 := strconv.Atoi(i)
	if !ok || err1 != nil || err2 != nil || agents < 1 || agents > 1<<16 || interfaces < 1 || interfaces > 4096 {
		return fmt.Errorf("-site %q: write AGENTSxINTERFACES, such as 1000x50", text)
	}
	dir, err := os.MkdirTemp("", "weir-site-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	w, err := start(dir, "")
	if err != nil {
		return err
	}
	defer w.stop()
	time.Sleep(time.Second)
	idle, err := w.rss()
	if err != nil {
		return err
	}
	out, err := udp.NewSender(udp.SenderConfig{To: netip.MustParseAddrPort(w.listen), Rate: 20000})
	if err != nil {
		return err
	}
	const polls = 3 // the third has rates from two deltas
	ctx := context.Background()
	var b sflow.Builder
	buf := make([]byte, 0, 1500)
	for poll := range uint32(polls) {
		for ag := range uint32(agents) {
			seq := poll * uint32(interfaces+5) / 5
			head := sflow.Datagram{Agent: netip.AddrFrom4([4]byte{10, byte(ag >> 16), byte(ag >> 8), byte(ag)}), Uptime: 1_000_000 + poll*10_000}
			for first := uint32(0); first < uint32(interfaces); first += 5 {
				head.Sequence = sflow.Seq(seq)
				seq++
				b.Reset(buf, &head)
				for n := first; n < min(first+5, uint32(interfaces)); n++ {
					name := fmt.Appendf(nil, "Ethernet%d/%d", ag%48, n+1)
					b.CounterSample(&sflow.CounterSample{Sequence: sflow.Seq(poll), Source: sflow.DataSource{Index: n + 1}}, false,
						&sflow.IfCounters{Index: n + 1, Type: 6, Speed: 10e9, Direction: 1, Status: 3, InOctets: sflow.Counter64(poll) * 1e6, OutOctets: sflow.Counter64(poll) * 2e6},
						&sflow.PortName{Name: name})
					b.FlowSample(&sflow.FlowSample{Sequence: sflow.Seq(poll), Source: sflow.DataSource{Index: n + 1}, SamplingRate: 10000, SamplePool: poll * 10000,
						Input: sflow.Port{Value: n + 1}, Output: sflow.Port{Value: n + 2}}, false,
						&sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: nil})
				}
				if err := out.Send(ctx, b.Bytes()); err != nil {
					return err
				}
			}
			if ag%1000 == 0 {
				fmt.Fprintf(os.Stderr, "\r\033[Kpoll %d of %d: %d of %d agents", poll+1, polls, ag, agents)
			}
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	fmt.Fprint(os.Stderr, "\r\033[K")
	time.Sleep(3 * time.Second)
	rss, err := w.rss()
	if err != nil {
		return err
	}
	known, err := w.metrics("weir_agents", `weir_bound_used{bound="interfaces"}`, "weir_datagrams_total", "weir_socket_dropped_total")
	if err != nil {
		return err
	}
	fmt.Printf("idle      %d MB resident\n", idle>>20)
	fmt.Printf("site      %.0f agents, %.0f interfaces known; %.0f datagrams received, %.0f dropped\n", known[0], known[1], known[2], known[3])
	fmt.Printf("memory    %d MB resident\n", rss>>20)
	if length > 0 {
		return busy(w, agents, interfaces, length)
	}
	return nil
}
