package traffic

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	cistern "github.com/Cistern/sflow"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"weir/decoder/sflow"
)

// TestForeignDecodersReadOurs has two decoders that are not ours read the
// compact datagrams of a switch: Cistern/sflow knows no expanded samples.
func TestForeignDecodersReadOurs(t *testing.T) {
	c := line(100, Flow{Rate: 1e8, Frames: []int{64, 1518}})
	c.Agents = c.Agents[:1]
	c.Links, c.Hosts[1].At = nil, End{0, 2}
	n := New(c)
	var flows, counters int
	for {
		d, ok := n.Next()
		if !ok {
			break
		}
		dg, err := cistern.NewDecoder(bytes.NewReader(d.Payload)).Decode()
		if err != nil {
			t.Fatalf("Cistern/sflow: %v", err)
		}
		if dg.IpAddress.String() != "192.0.2.1" {
			t.Fatalf("Cistern/sflow read agent %s", dg.IpAddress)
		}
		for _, s := range dg.Samples {
			switch s := s.(type) {
			case *cistern.FlowSample:
				flows++
				raw, ok := s.Records[0].(cistern.RawPacketFlow)
				if s.SamplingRate != 100 || s.Input != 1 || s.Output != 2 || !ok || raw.FrameLength != 64 && raw.FrameLength != 1518 {
					t.Fatalf("Cistern/sflow read %+v", s)
				}
			case *cistern.CounterSample:
				counters++
			}
		}
		p := gopacket.NewPacket(d.Payload, layers.LayerTypeSFlow, gopacket.Default)
		if e := p.ErrorLayer(); e != nil {
			t.Fatalf("gopacket: %v", e.Error())
		}
		if g := p.Layer(layers.LayerTypeSFlow).(*layers.SFlowDatagram); int(g.SampleCount) != len(dg.Samples) {
			t.Fatalf("gopacket read %d samples, Cistern/sflow %d", g.SampleCount, len(dg.Samples))
		}
	}
	st := n.Stats(0)
	if flows != int(st.FlowSamples) || counters != int(st.Counters) {
		t.Errorf("Cistern/sflow read %d flow and %d counter samples, sent were %d and %d", flows, counters, st.FlowSamples, st.Counters)
	}
	if flows == 0 || counters == 0 {
		t.Error("no samples")
	}
}

// TestFramesAreWholePackets checks the sampled headers with gopacket: addresses,
// ports, lengths that agree with the frame's, and the IPv4 checksum.
func TestFramesAreWholePackets(t *testing.T) {
	v4 := [2]netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("10.4.5.6")}
	v6 := [2]netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")}
	for _, c := range []struct {
		name  string
		addrs [2]netip.Addr
		proto uint8
		vlan  uint16
		want  []gopacket.LayerType
	}{
		{"TCP", v4, protoTCP, 0, []gopacket.LayerType{layers.LayerTypeEthernet, layers.LayerTypeIPv4, layers.LayerTypeTCP}},
		{"UDP in a VLAN", v4, protoUDP, 42, []gopacket.LayerType{layers.LayerTypeEthernet, layers.LayerTypeDot1Q, layers.LayerTypeIPv4, layers.LayerTypeUDP}},
		{"ICMP", v4, protoICMP, 0, []gopacket.LayerType{layers.LayerTypeEthernet, layers.LayerTypeIPv4, layers.LayerTypeICMPv4}},
		{"TCP over IPv6", v6, protoTCP, 0, []gopacket.LayerType{layers.LayerTypeEthernet, layers.LayerTypeIPv6, layers.LayerTypeTCP}},
		{"ICMPv6", v6, protoICMPv6, 0, []gopacket.LayerType{layers.LayerTypeEthernet, layers.LayerTypeIPv6, layers.LayerTypeICMPv6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			const size = 200
			f := Flow{Src: c.addrs[0], Dst: c.addrs[1], Proto: c.proto, SrcPort: 1111, DstPort: 2222, VLAN: c.vlan}
			var h frame
			h.init(&f)
			p := gopacket.NewPacket(h.packet(5, 1000, size, maxHeader), layers.LayerTypeEthernet, gopacket.Default)
			if e := p.ErrorLayer(); e != nil {
				t.Fatal(e.Error())
			}
			for i, w := range c.want {
				if len(p.Layers()) <= i || p.Layers()[i].LayerType() != w {
					t.Fatalf("layers %v, want %v", p.Layers(), c.want)
				}
			}
			network := p.NetworkLayer()
			if got := network.NetworkFlow().String(); got != c.addrs[0].String()+"->"+c.addrs[1].String() {
				t.Errorf("flow %s", got)
			}
			if ip, ok := network.(*layers.IPv4); ok {
				if int(ip.Length) != size-fcs-h.ip || checksum(ip.Contents) != 0 {
					t.Errorf("IPv4 length %d, want %d; checksum of the header %#x, want 0", ip.Length, size-fcs-h.ip, checksum(ip.Contents))
				}
			}
			if tr := p.TransportLayer(); tr != nil && tr.TransportFlow().String() != "1111->2222" {
				t.Errorf("ports %s", tr.TransportFlow())
			}
		})
	}
}

// TestDemoIsASite checks what the demo promises, over its first minute.
func TestDemoIsASite(t *testing.T) {
	c := Demo(1)
	c.Start, c.Duration, c.Truth = epoch, time.Minute, time.Second
	n := New(c)
	all := collect(t, n)
	if len(all) != 5 {
		t.Errorf("%d agent addresses, want 3 switches and 2 hypervisors", len(all))
	}
	if hv := all[netip.MustParseAddr("10.255.1.1")]; !hv.names["tap0101c0ffee-0"] || hv.flows[0].Source != (sflow.DataSource{Class: 2, Index: 1000}) {
		t.Errorf("the first hypervisor has ports %v and source %v", hv.names, hv.flows[0].Source)
	}
	elephants, fastest := 0, uint64(0)
	for _, tr := range n.Truths() {
		if tr.Flow.Rate == 6e9 {
			elephants++
			// The last packet may begin before the flow stops and end after.
			if want := uint64(6e9 / 8 * 10); tr.Octets < want-2000 || tr.Octets > want+2000 {
				t.Errorf("an elephant sent %d octets, want about %d", tr.Octets, want)
			}
		} else {
			fastest = max(fastest, tr.Flow.Rate)
		}
	}
	if elephants != 2 || fastest > 30e6 {
		t.Errorf("%d elephants in a minute, want 2; the fastest mouse has %d bit/s, want at most 30 Mbit/s", elephants, fastest)
	}
}

func TestNextAllocatesNothingOnceWarm(t *testing.T) {
	c := line(10, Flow{Rate: 1e9})
	c.Duration, c.Truth = 0, 0
	n := New(c)
	for range 1000 {
		n.Next()
	}
	if got := testing.AllocsPerRun(1000, func() { n.Next() }); got != 0 {
		t.Errorf("%v allocations per datagram", got)
	}
}

func BenchmarkNext(b *testing.B) {
	c := line(10, Flow{Rate: 1e10, Frames: []int{64, 1518, 700}})
	c.Duration, c.Truth = 0, 0
	n := New(c)
	var octets, samples int64
	b.ReportAllocs()
	for b.Loop() {
		d, _ := n.Next()
		octets += int64(len(d.Payload))
	}
	samples = int64(n.Stats(0).FlowSamples + n.Stats(1).FlowSamples)
	b.SetBytes(octets / int64(b.N))
	b.ReportMetric(float64(samples)/float64(b.N), "samples/op")
}
