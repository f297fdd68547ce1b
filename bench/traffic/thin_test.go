package traffic

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"weir/decoder/sflow"
)

func thinLine(rate uint32, flows ...Flow) Config {
	c := line(rate, flows[0])
	for _, f := range flows[1:] {
		g := line(rate, f).Flows[0]
		g.SrcPort = c.Flows[len(c.Flows)-1].SrcPort + 1
		c.Flows = append(c.Flows, g)
	}
	c.Thin, c.Truth = true, 0
	return c
}

// TestThinSamplingIsGeometric compares the gaps between the samples of one
// flow, read from sample_pool, with the geometric distribution in 20 bins of
// equal probability.
func TestThinSamplingIsGeometric(t *testing.T) {
	const rate, bins = 1000, 20
	c := thinLine(rate, Flow{Rate: 8e9, Frames: []int{1000}})
	c.Duration = 100 * time.Second
	flows := collect(t, New(c))[netip.MustParseAddr("192.0.2.1")].flows
	var count [bins]float64
	last := uint32(0)
	for _, f := range flows {
		p := 1 - math.Pow(1-1.0/rate, float64(f.SamplePool-last)-0.5)
		last = f.SamplePool
		count[min(bins-1, int(p*bins))]++
	}
	var chi2 float64
	want := float64(len(flows)) / bins
	for i := range count {
		chi2 += (count[i] - want) * (count[i] - want) / want
	}
	// 19 degrees of freedom: 43.8 is exceeded by chance once in a thousand seeds.
	if chi2 > 43.8 {
		t.Errorf("chi-square %.1f over %d samples, want below 43.8", chi2, len(flows))
	}
	// 100 million packets: 100,000 samples, standard deviation 316.
	if got := float64(len(flows)); math.Abs(got-100_000) > 4*316 {
		t.Errorf("%v samples of 100 million packets at 1 in %d", got, rate)
	}
}

// TestThinCountsArePoisson has several flows share a port: the samples of each
// in every 100 ms must be a Poisson variable of its own rate.
func TestThinCountsArePoisson(t *testing.T) {
	const rate = 100
	c := thinLine(rate, Flow{Rate: 1.2e8, Frames: []int{1500}}, Flow{Rate: 4.8e8, Frames: []int{1500}})
	c.Agents[0].Flush, c.Duration = -1, 200*time.Second
	n := New(c)
	// 10,000 and 40,000 packets/s: 10 and 40 samples in 100 ms.
	counts := map[uint16][]float64{}
	for {
		d, ok := n.Next()
		if !ok {
			break
		}
		var dg sflow.Datagram
		if err := dg.Decode(d.Payload); err != nil {
			t.Fatal(err)
		}
		if dg.Agent != c.Agents[0].Addr {
			continue
		}
		for smp, err := range dg.Samples() {
			if err != nil || smp.Format != sflow.FormatFlowSample {
				continue
			}
			var f sflow.FlowSample
			if err := f.Decode(smp); err != nil {
				t.Fatal(err)
			}
			for r := range f.Records() {
				var h sflow.SampledHeader
				if h.Decode(r) == nil {
					port := be.Uint16(h.Header[34:])
					slot := int(d.At.Sub(epoch) / (100 * time.Millisecond))
					if counts[port] == nil {
						counts[port] = make([]float64, 2001)
					}
					counts[port][slot]++
				}
			}
		}
	}
	for port, mean := range map[uint16]float64{1000: 10, 1001: 40} {
		var sum, squares float64
		for _, v := range counts[port][:2000] {
			sum += v
			squares += (v - mean) * (v - mean)
		}
		// A mean of 2,000 slots, and an index of dispersion of 1 whose standard
		// deviation is sqrt(2/2000).
		if got := sum / 2000; math.Abs(got-mean) > 4*math.Sqrt(mean/2000) {
			t.Errorf("port %d: %.2f samples in a slot, want %v", port, got, mean)
		}
		// Packets are evenly spaced, so the counts are binomial: variance times 1-1/rate.
		if got := squares / 2000 / mean; math.Abs(got-1) > 4*math.Sqrt(2.0/2000)+1.0/rate {
			t.Errorf("port %d: index of dispersion %.3f, want 1", port, got)
		}
	}
}

func TestThinCountersAndPoolAreTrue(t *testing.T) {
	c := thinLine(100, Flow{Rate: 1e9, Frames: []int{64, 1518, 700}}, Flow{Rate: 3e9, Start: 2 * time.Second, Stop: 6 * time.Second})
	n := New(c)
	all := collect(t, n)
	want := 1e9/8*10 + 3e9/8*4
	packets := 1e9/8*10/(2282.0/3) + 3e9/8*4/1518
	in, inPkts, _, _ := n.PortCounters(End{0, 1})
	if math.Abs(float64(in)-want) > 2000 || math.Abs(float64(inPkts)-packets) > 3 {
		t.Errorf("port counters %d octets, %d packets; want %.0f and %.0f", in, inPkts, want, packets)
	}
	for _, addr := range []string{"192.0.2.1", "192.0.2.2"} {
		s := all[netip.MustParseAddr(addr)]
		last := s.flows[len(s.flows)-1]
		if p := float64(last.SamplePool); p > packets+3 || p < 0.99*packets {
			t.Errorf("%s: sample_pool %.0f, want %.0f", addr, p, packets)
		}
		if got := float64(len(s.flows)); math.Abs(got-packets/100) > 4*math.Sqrt(packets/100) {
			t.Errorf("%s: %.0f samples, want %.0f", addr, got, packets/100)
		}
	}
}

// TestVaryChangesWhatItNames reads spoofed packets with gopacket.
func TestVaryChangesWhatItNames(t *testing.T) {
	f := Flow{
		Src: netip.MustParseAddr("198.51.100.0"), Dst: netip.MustParseAddr("203.0.113.0"),
		Proto: protoTCP, SrcPort: 9, DstPort: 80, Flags: 2, Vary: Vary{SrcBits: 32, DstBits: 8, SrcPort: true},
	}
	var h frame
	h.init(&f)
	srcs, dsts, ports := map[string]bool{}, map[string]bool{}, map[layers.TCPPort]bool{}
	for k := range uint64(1000) {
		b := h.packet(k, 0, 64, maxHeader)
		p := gopacket.NewPacket(b, layers.LayerTypeEthernet, gopacket.Default)
		ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
		tcp := p.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if checksum(ip.Contents) != 0 || tcp.DstPort != 80 || !tcp.SYN || [3]byte(ip.DstIP) != [3]byte{203, 0, 113} {
			t.Fatalf("packet %d is %v", k, p)
		}
		srcs[ip.SrcIP.String()], dsts[ip.DstIP.String()], ports[tcp.SrcPort] = true, true, true
	}
	if len(srcs) < 995 || len(dsts) < 240 || len(ports) < 980 {
		t.Errorf("%d sources, %d destinations, %d ports in 1000 packets", len(srcs), len(dsts), len(ports))
	}
	same := h
	a, b := string(h.packet(77, 0, 64, maxHeader)), string(same.packet(77, 0, 64, maxHeader))
	if a != b {
		t.Error("one packet differs from hop to hop")
	}
}

func TestFragmentsHaveNoPorts(t *testing.T) {
	f := Flow{Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: protoUDP, SrcPort: 53, DstPort: 9, Fragment: true}
	var h frame
	h.init(&f)
	p := gopacket.NewPacket(h.packet(3, 0, 1000, maxHeader), layers.LayerTypeEthernet, gopacket.Default)
	ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
	if ip.FragOffset != 185 || ip.Protocol != layers.IPProtocolUDP || p.TransportLayer() != nil || checksum(ip.Contents) != 0 {
		t.Errorf("a later fragment is %v", p)
	}
}

// TestRoutersCountDown reads the time to live and source MAC at two hops, the
// first of which routes.
func TestRoutersCountDown(t *testing.T) {
	c := thinLine(100, Flow{Rate: 1e9})
	c.Flows[0].Path = []Hop{{Agent: 0, In: 1, Out: 2, Routed: true}, {Agent: 1, In: 2, Out: 1}}
	all := collect(t, New(c))
	for addr, want := range map[string]struct {
		ttl uint8
		mac string
	}{"192.0.2.1": {64, "02:00:0a:00:00:01"}, "192.0.2.2": {63, "02:00:c0:00:02:01"}} {
		for _, h := range all[netip.MustParseAddr(addr)].headers {
			p := gopacket.NewPacket(h.Header, layers.LayerTypeEthernet, gopacket.Default)
			ip := p.Layer(layers.LayerTypeIPv4).(*layers.IPv4)
			eth := p.Layer(layers.LayerTypeEthernet).(*layers.Ethernet)
			if ip.TTL != want.ttl || eth.SrcMAC.String() != want.mac || checksum(ip.Contents) != 0 {
				t.Fatalf("at %s: time to live %d from %s, want %d from %s", addr, ip.TTL, eth.SrcMAC, want.ttl, want.mac)
			}
		}
	}
}
