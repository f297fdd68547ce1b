package sflow_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

const (
	unknown32 = 1<<32 - 1
	unknown64 = 1<<64 - 1
)

// outer is a tunnel header as Open vSwitch fills it: no length, and the ports
// of VXLAN in the wrong byte order (46354 is 4789).
func outer(protocol uint32, src, dst string, srcPort, dstPort uint32) sflow.SampledIPv4 {
	return sflow.SampledIPv4{Protocol: protocol, SrcIP: mustAddr(src), DstIP: mustAddr(dst), SrcPort: srcPort, DstPort: dstPort}
}

// ovsPort is an if_counters with what Open vSwitch knows of no port.
func ovsPort(c sflow.IfCounters) *sflow.IfCounters {
	c.Type, c.Speed, c.Direction, c.Status = 6, 10_000_000_000, 1, 3
	c.InBroadcastPkts, c.InUnknownProtos = unknown32, unknown32
	c.OutMulticastPkts, c.OutBroadcastPkts = unknown32, unknown32
	return &c
}

// lacp is what both ports of the bond say.
func lacp() *sflow.LAGPortStats {
	return &sflow.LAGPortStats{
		ActorSystemID:       sflow.MAC{0x02, 0, 0, 0, 0x1a, 0x01},
		PartnerOperSystemID: sflow.MAC{0x02, 0, 0, 0, 0x1a, 0x02},
		AttachedAggID:       1, ActorAdminState: 0x07, ActorOperState: 0x3f, PartnerOperState: 0x3f,
		LACPDUsRx: 118, MarkerPDUsRx: unknown32, MarkerResponsePDUsRx: unknown32, UnknownRx: unknown32,
		LACPDUsTx: 119, MarkerPDUsTx: unknown32, MarkerResponsePDUsTx: unknown32,
	}
}

func mpls(out ...uint32) *sflow.ExtendedMPLS {
	return &sflow.ExtendedMPLS{NextHop: mustAddr("0.0.0.0"), InStack: sflow.Words{}, OutStack: sflow.AppendWords(nil, out...)}
}

// What an Open vSwitch 3.1.0 sent, against values read off the bytes and known
// from how the bridges were set up. Of each datagram all records are compared
// whose format is wanted, in its order.
func TestOpenVSwitchDatagrams(t *testing.T) {
	for _, c := range []struct {
		name     string
		subAgent uint32
		sequence sflow.Seq
		uptime   uint32
		sources  []string // one per sample
		want     []sflow.Structure
	}{
		{
			name: "ovs_vxlan_ipv4", subAgent: 0, sequence: 59, uptime: 92000,
			sources: []string{"2:1000", "2:1000", "0:4"},
			want: []sflow.Structure{
				&sflow.ExtendedVNIEgress{VNI: 42},
				&sflow.ExtendedIPv4TunnelEgress{Header: outer(17, "203.0.113.1", "203.0.113.2", 0, 46354)},
				&sflow.ExtendedVNIIngress{VNI: 42},
				&sflow.ExtendedIPv4TunnelIngress{Header: outer(17, "203.0.113.2", "203.0.113.1", 8164, 46354)},
				&sflow.OFPort{DatapathID: 0x200000000b1, PortNo: 0xfffe},
				&sflow.PortName{Name: sflow.Text("br-int")},
			},
		},
		{
			name: "ovs_vxlan_ipv6", subAgent: 0, sequence: 62, uptime: 95000,
			sources: []string{"2:1000", "2:1000", "0:9"},
			want: []sflow.Structure{
				&sflow.ExtendedVNIEgress{VNI: 42},
				&sflow.ExtendedIPv4TunnelEgress{Header: outer(17, "203.0.113.1", "203.0.113.2", 0, 46354)},
				&sflow.ExtendedVNIIngress{VNI: 42},
				&sflow.ExtendedIPv4TunnelIngress{Header: outer(17, "203.0.113.2", "203.0.113.1", 45505, 46354)},
				&sflow.OFPort{DatapathID: 0x200000000b1, PortNo: 11},
				&sflow.PortName{Name: sflow.Text("tap-a")},
				ovsPort(sflow.IfCounters{Index: 9, InOctets: 1712, InUcastPkts: 20, OutOctets: 4338, OutUcastPkts: 51}),
			},
		},
		{
			name: "ovs_gre", subAgent: 1, sequence: 33, uptime: 68000,
			sources: []string{"2:1001", "2:1001"},
			want: []sflow.Structure{
				&sflow.ExtendedVNIIngress{VNI: 7},
				&sflow.ExtendedIPv4TunnelIngress{Header: outer(47, "203.0.113.2", "203.0.113.1", 0, 0)},
				&sflow.ExtendedVNIEgress{VNI: 7},
				&sflow.ExtendedIPv4TunnelEgress{Header: outer(47, "203.0.113.1", "203.0.113.2", 0, 0)},
			},
		},
		{
			name: "ovs_mpls", subAgent: 4, sequence: 41, uptime: 72000,
			sources: []string{"2:1004", "2:1004", "0:11", "0:6"},
			want: []sflow.Structure{
				mpls(16001<<12 | 0<<9 | 1<<8 | 64),
				&sflow.AppResources{UserTime: 380, SystemTime: 457, MemUsed: 21282816},
				&sflow.OVSDPStats{Hits: 591, Misses: 136, MaskHits: unknown32, Flows: 16, Masks: unknown32},
				&sflow.OFPort{DatapathID: 0x200000000b3, PortNo: 21},
				&sflow.PortName{Name: sflow.Text("tap-c")},
				ovsPort(sflow.IfCounters{Index: 11, InOctets: 1758, InUcastPkts: 21, InDiscards: 1, OutOctets: 2652, OutUcastPkts: 34}),
				&sflow.OFPort{DatapathID: 0x200000000b3, PortNo: 0xfffe},
				&sflow.PortName{Name: sflow.Text("br-mpls")},
				ovsPort(sflow.IfCounters{Index: 6, InOctets: 866, InUcastPkts: 11, OutOctets: 1544, OutUcastPkts: 20, OutDiscards: 1}),
			},
		},
		{
			name: "ovs_mpls_stack", subAgent: 4, sequence: 43, uptime: 75000,
			sources: []string{"2:1004", "2:1004"},
			want:    []sflow.Structure{mpls(16002<<12|5<<9|0<<8|64, 16001<<12|5<<9|1<<8|64)},
		},
		{
			name: "ovs_mpls_swap", subAgent: 4, sequence: 51, uptime: 85000,
			sources: []string{"2:1004"},
			want:    []sflow.Structure{mpls(16020<<12 | 2<<9 | 1<<8 | 61)},
		},
		{
			name: "ovs_qinq", subAgent: 4, sequence: 47, uptime: 80000,
			sources: []string{"2:1004"},
			want:    []sflow.Structure{&sflow.ExtendedSwitch{DstVLAN: 200, DstPriority: 6}},
		},
		{
			name: "ovs_lag", subAgent: 3, sequence: 29, uptime: 66000,
			sources: []string{"0:19", "0:17"},
			want: []sflow.Structure{
				&sflow.PortName{Name: sflow.Text("lag1")}, lacp(),
				&sflow.PortName{Name: sflow.Text("lag0")}, lacp(),
			},
		},
		{
			name: "ovs_arp", subAgent: 0, sequence: 66, uptime: 101000,
			sources: []string{"2:1000", "2:1000", "2:1000", "2:1000", "0:9"},
			want: []sflow.Structure{
				&sflow.ExtendedSwitch{}, &sflow.ExtendedSwitch{}, &sflow.ExtendedSwitch{}, &sflow.ExtendedSwitch{},
				&sflow.PortName{Name: sflow.Text("tap-a")},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := goldenBytes(t, c.name)
			var d sflow.Datagram
			if err := d.Decode(b); err != nil {
				t.Fatal(err)
			}
			if d.Agent != mustAddr("192.0.2.10") || d.SubAgent != c.subAgent || d.Sequence != c.sequence || d.Uptime != c.uptime {
				t.Errorf("head of agent %v, sub-agent %d, sequence %d, uptime %d ms; want 192.0.2.10, %d, %d, %d ms",
					d.Agent, d.SubAgent, d.Sequence, d.Uptime, c.subAgent, c.sequence, c.uptime)
			}
			checkSources(t, &d, c.sources)
			checkRecords(t, b, c.want)
		})
	}
}

// checkSources compares the data sources of a datagram's samples.
func checkSources(t *testing.T, d *sflow.Datagram, want []string) {
	t.Helper()
	var got []string
	for smp, err := range d.Samples() {
		if err != nil {
			t.Fatal(err)
		}
		var (
			flow    sflow.FlowSample
			counter sflow.CounterSample
		)
		switch smp.Format {
		case sflow.FormatFlowSample:
			err = flow.Decode(smp)
			got = append(got, flow.Source.String())
		case sflow.FormatCounterSample:
			err = counter.Decode(smp)
			got = append(got, counter.Source.String())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

// checkRecords compares the records of the wanted formats.
func checkRecords(t *testing.T, b []byte, want []sflow.Structure) {
	t.Helper()
	wanted := map[sflow.Format]bool{}
	for _, s := range want {
		wanted[sflowtest.Record(s).Format] = true
	}
	n := 0
	w := sflowtest.NewWalker()
	w.OnRecord = func(r sflow.Record, s sflow.Structure) {
		// sampled_header and if_counters have the same number
		if _, header := s.(*sflow.SampledHeader); header || !wanted[r.Format] {
			return
		}
		if n < len(want) {
			if diff := cmp.Diff(want[n], s, cmpAddr); diff != "" {
				t.Errorf("record %d (-want +got):\n%s", n, diff)
			}
		}
		n++
	}
	if err := w.Walk(b); err != nil {
		t.Fatal(err)
	}
	if n != len(want) {
		t.Errorf("%d records of the wanted formats, want %d", n, len(want))
	}
}
