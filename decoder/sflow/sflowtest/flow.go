package sflowtest

import (
	"net/netip"

	"weir/decoder/sflow"
)

// Addresses of the documentation prefixes, used throughout.
var (
	v4a = netip.MustParseAddr("192.0.2.1")
	v4b = netip.MustParseAddr("198.51.100.2")
	v6a = netip.MustParseAddr("2001:db8::1")
	v6b = netip.MustParseAddr("2001:db8::2")
)

// Header is a small but whole Ethernet frame: 192.0.2.1:40000 to
// 198.51.100.2:443, TCP with SYN set.
func Header() []byte {
	return []byte{
		0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00,
		0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2,
		0x9c, 0x40, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0x20, 0, 0, 0, 0, 0,
	}
}

// FlowRecords returns one of every flow record this module decodes, with a
// different value in every field. Optional parts are all present.
func FlowRecords() []sflow.Structure {
	return append(append(packetRecords(), extendedRecords()...), applicationRecords()...)
}

func packetRecords() []sflow.Structure {
	eth, ip4, ip6 := ethernet(), ipv4(), ipv6()
	return []sflow.Structure{
		&sflow.SampledHeader{Protocol: 1, FrameLength: 1518, Stripped: 4, Header: Header()},
		&eth, &ip4, &ip6,
		&sflow.ExtendedL2TunnelEgress{Header: eth},
		&sflow.ExtendedL2TunnelIngress{Header: eth},
		&sflow.ExtendedIPv4TunnelEgress{Header: ip4},
		&sflow.ExtendedIPv4TunnelIngress{Header: ip4},
		&sflow.ExtendedIPv6TunnelEgress{Header: ip6},
		&sflow.ExtendedIPv6TunnelIngress{Header: ip6},
		&sflow.ExtendedDecapsulateEgress{InnerHeaderOffset: 50},
		&sflow.ExtendedDecapsulateIngress{InnerHeaderOffset: 42},
		&sflow.ExtendedVNIEgress{VNI: 5001},
		&sflow.ExtendedVNIIngress{VNI: 5002},
	}
}

func ethernet() sflow.SampledEthernet {
	return sflow.SampledEthernet{
		Length: 64, SrcMAC: sflow.MAC{2, 0, 0, 0, 0, 1}, DstMAC: sflow.MAC{2, 0, 0, 0, 0, 2}, Type: 0x0800,
	}
}

func ipv4() sflow.SampledIPv4 {
	return sflow.SampledIPv4{
		Length: 1500, Protocol: 6, SrcIP: v4a, DstIP: v4b,
		SrcPort: 40000, DstPort: 443, TCPFlags: 0x18, TOS: 0xb8,
	}
}

func ipv6() sflow.SampledIPv6 {
	return sflow.SampledIPv6{
		Length: 1280, Protocol: 17, SrcIP: v6a, DstIP: v6b,
		SrcPort: 50000, DstPort: 53, TCPFlags: 1, Priority: 2,
	}
}

func extendedRecords() []sflow.Structure {
	path := sflow.AppendASPathSegment(nil, sflow.ASSequence, 64500, 64501, 64502)
	path = sflow.AppendASPathSegment(path, sflow.ASSet, 64510, 64511)
	return []sflow.Structure{
		&sflow.ExtendedSwitch{SrcVLAN: 100, SrcPriority: 1, DstVLAN: 200, DstPriority: 2},
		&sflow.ExtendedRouter{NextHop: v4b, SrcMaskLen: 24, DstMaskLen: 16},
		&sflow.ExtendedGateway{
			NextHop: v6b, AS: 64496, SrcAS: 64497, SrcPeerAS: 64498, DstASPath: path,
			Communities: sflow.AppendWords(nil, 64496<<16|1, 64496<<16|2), LocalPref: 120,
		},
		&sflow.ExtendedMPLS{
			NextHop: v4a, InStack: sflow.AppendWords(nil, 16<<12|64, 17<<12|1<<8|63),
			OutStack: sflow.AppendWords(nil, 18<<12|1<<8|62),
		},
		&sflow.ExtendedNAT{SrcAddress: v4b, DstAddress: v6a},
		&sflow.ExtendedNATPort{SrcPort: 1024, DstPort: 8080},
		&sflow.ExtendedVLANTunnel{Stack: sflow.AppendWords(nil, 0x88a8<<16|300, 0x8100<<16|301)},
		&sflow.ExtendedEgressQueue{Queue: 7},
		&sflow.ExtendedACL{Number: 12, Name: sflow.Text("deny-smb"), Direction: 1},
		&sflow.ExtendedFunction{Symbol: sflow.Text("nf_hook_slow")},
		&sflow.ExtendedTransit{Delay: 1500},
		&sflow.ExtendedQueue{Depth: 65536},
		&sflow.ExtendedHWTrap{Group: sflow.Text("l3_drops"), Trap: sflow.Text("blackhole_route")},
		&sflow.ExtendedLinuxDropReason{Reason: sflow.Text("NETFILTER_DROP")},
		&sflow.ExtendedTimestamp{Nanoseconds: 1_700_000_000_123_456_789},
	}
}

func applicationRecords() []sflow.Structure {
	s4 := sflow.ExtendedSocketIPv4{Protocol: 6, LocalIP: v4a, RemoteIP: v4b, LocalPort: 80, RemotePort: 40001}
	s6 := sflow.ExtendedSocketIPv6{Protocol: 17, LocalIP: v6a, RemoteIP: v6b, LocalPort: 53, RemotePort: 40002}
	return []sflow.Structure{
		&s4, &s6,
		&sflow.ExtendedProxySocketIPv4{Socket: s4},
		&sflow.ExtendedProxySocketIPv6{Socket: s6},
		&sflow.AppOperation{
			Context: sflow.AppContext{
				Application: sflow.Text("mail.smtp"), Operation: sflow.Text("deliver"), Attributes: sflow.Text("to=a&from=b"),
			},
			StatusDescr: sflow.Text("mailbox full"), ReqBytes: 4096, RespBytes: 1 << 33, Duration: 2500, Status: 9,
		},
		&sflow.ExtendedTCPInfo{
			Direction: sflow.DirectionSent, SndMSS: 1448, RcvMSS: 536, Unacked: 3, Lost: 1, Retrans: 2,
			PMTU: 1500, RTT: 800, RTTVar: 90, SndCwnd: 10, Reordering: 4, MinRTT: 700,
		},
		&sflow.ExtendedEntities{
			SrcDS: sflow.DataSource{Class: sflow.ClassEntity, Index: 1},
			DstDS: sflow.DataSource{Class: sflow.ClassLogical, Index: 65537},
		},
	}
}
