package packet

import "net/netip"

// mac, key, key6: what the parts of build_test.go decode to.
func mac(last byte) [6]byte { return [6]byte{2, 0, 0, 0, 0, last} }

func key(net byte, proto uint8, srcPort, dstPort uint16) Key {
	return Key{
		Src:   netip.AddrFrom4([4]byte{net, 0, 0, 1}).As16(),
		Dst:   netip.AddrFrom4([4]byte{net, 0, 0, 2}).As16(),
		Proto: proto, SrcPort: srcPort, DstPort: dstPort,
	}
}

func key6(proto uint8, srcPort, dstPort uint16) Key {
	return Key{
		Src:   netip.MustParseAddr("2001:db8::1").As16(),
		Dst:   netip.MustParseAddr("2001:db8::2").As16(),
		Proto: proto, SrcPort: srcPort, DstPort: dstPort, V6: true,
	}
}

// header builds a wanted Header from edits applied in order.
func header(edits ...func(*Header)) Header {
	var h Header
	for _, e := range edits {
		e(&h)
	}
	return h
}

// wantLink is the frame of eth, with its payload offset.
func wantLink(etherType uint16) func(*Header) {
	return func(h *Header) {
		h.DstMAC, h.SrcMAC = mac(0xb), mac(0xa)
		h.EtherType = etherType
		h.Depth = DepthLink
	}
}

func wantVLAN(tags, pcp uint8, vlan, inner uint16) func(*Header) {
	return func(h *Header) { h.VLANTags, h.PCP, h.VLAN, h.InnerVLAN = tags, pcp, vlan, inner }
}

func wantLabels(n uint8, label uint32) func(*Header) {
	return func(h *Header) { h.MPLSLabels, h.MPLSLabel = n, label }
}

func wantInnerMAC(h *Header) { h.InnerDstMAC, h.InnerSrcMAC = mac(0xd), mac(0xc) }

// want4 is a packet of ip4n that reached depth.
func want4(k Key, length uint16, depth Depth) func(*Header) {
	return func(h *Header) {
		h.Key, h.HasKey, h.Depth = k, true, depth
		h.EtherType = 0x0800
		h.TOS, h.TTL, h.IPID, h.IPLength = 0x10, 64, 0x1234, length
	}
}

// want6 is a packet of ip6 that reached depth.
func want6(k Key, length uint16, depth Depth) func(*Header) {
	return func(h *Header) {
		h.Key, h.HasKey, h.Depth = k, true, depth
		h.EtherType = 0x86dd
		h.TOS, h.TTL, h.IPLength = 0x20, 63, length
	}
}

func wantTCP(h *Header) {
	h.HasTCP, h.TCPFlags, h.TCPSeq, h.TCPAck, h.TCPWindow = true, 0x12, 1, 2, 3
}

func wantUDP(length uint16) func(*Header) { return func(h *Header) { h.UDPLength = length } }

func wantAt(offset int) func(*Header) { return func(h *Header) { h.PayloadOffset = offset } }

func wantFrag(off uint16, more bool) func(*Header) {
	return func(h *Header) {
		h.Fragment, h.FragOff, h.MoreFrags = true, off, more
		h.HasKey = off == 0
	}
}

func wantICMP(typ, code uint8) func(*Header) {
	return func(h *Header) { h.ICMPType, h.ICMPCode = typ, code }
}

func wantTunnel(t Tunnel, outer Key) func(*Header) {
	return func(h *Header) { h.Tunnel, h.Outer = t, outer }
}

func wantVNI(v uint32) func(*Header) { return func(h *Header) { h.HasVNI, h.VNI = true, v } }

func wantDHCP(d DHCP) func(*Header) { return func(h *Header) { h.DHCP = d } }

type headerCase struct {
	name  string
	proto Protocol
	b     []byte
	want  Header
}

// Tunnel headers.
var (
	vxlan42  = hx("08000000 00002a00")
	arpBody  = hx("0001 0800 06 04 0001", macA, "0a000001", "000000000000", "0a000002")
	wantARP  = ARP{Op: 1, SenderMAC: mac(0xa), SenderIP: [4]byte{10, 0, 0, 1}, TargetIP: [4]byte{10, 0, 0, 2}}
	tenant   = ip4n(6, 172, 0, tcp())
	tenant6  = ip6(6, tcp())
	k10TCP   = key(10, 6, 1000, 80)
	k172TCP  = key(172, 6, 1000, 80)
	k6TCP    = key6(6, 1000, 80)
	k10VXLAN = key(10, 17, 5000, 4789)
)

func headerCases() []headerCase {
	var cs []headerCase
	add := func(name string, b []byte, edits ...func(*Header)) {
		cs = append(cs, headerCase{name, ProtocolEthernet, b, header(edits...)})
	}
	raw := func(p Protocol, name string, b []byte, edits ...func(*Header)) {
		cs = append(cs, headerCase{name, p, b, header(edits...)})
	}
	linkCases(add)
	networkCases(add, raw)
	transportCases(add)
	tunnelCases(add, raw)
	return cs
}

type addCase func(name string, b []byte, edits ...func(*Header))

func linkCases(add addCase) {
	add("Ethernet II", cat(eth("0800"), ip4(6, tcp())),
		wantLink(0x0800), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(54))
	add("Ethernet II padded", cat(eth("0800"), ip4(17, udp(5000, 53, nil)), make([]byte, 18)),
		wantLink(0x0800), want4(key(10, 17, 5000, 53), 28, DepthTransport), wantUDP(8), wantAt(42))
	add("unknown EtherType", cat(eth("88cc"), pay(20)), wantLink(0x88cc), wantAt(14))
	add("802.3 SNAP", cat(eth("0030"), hx("aaaa03 000000 0800"), ip4(6, tcp())),
		wantLink(0x0800), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(62))
	add("802.3 SNAP bridge tunnel", cat(eth("0044"), hx("aaaa03 0000f8 86dd"), tenant6),
		wantLink(0x86dd), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(82))
	add("802.3 length before the transport header", cat(eth("0030"), hx("aaaa03 0000f8 86dd"), tenant6),
		wantLink(0x86dd), want6(key6(6, 0, 0), 60, DepthNetwork), wantAt(62))
	add("802.3 SNAP with another OUI", cat(eth("0018"), hx("aaaa03 00000c 2000"), pay(16)), wantLink(0), wantAt(22))
	add("802.3 LLC spanning tree", cat(eth("0026"), hx("424203"), pay(43)), wantLink(0), wantAt(17))
	add("802.3 LLC of IP", cat(eth("002b"), hx("060603"), ip4(6, tcp()), pay(10)),
		wantLink(0x0800), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(57))
	add("neither length nor type", cat(eth("05ff"), pay(30)), wantLink(0), wantAt(14))
	add("802.1Q", cat(eth("8100 6064 0800"), ip4(6, tcp())),
		wantLink(0x0800), wantVLAN(1, 3, 100, 0), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(58))
	add("802.1Q around UDP", cat(eth("8100 e001 0800"), ip4(17, udp(5000, 53, pay(4)))),
		wantLink(0x0800), wantVLAN(1, 7, 1, 0), want4(key(10, 17, 5000, 53), 32, DepthTransport), wantUDP(12), wantAt(46))
	add("802.1ad around 802.1Q", cat(eth("88a8 2064 8100 40c8 0800"), ip4(6, tcp())),
		wantLink(0x0800), wantVLAN(2, 1, 100, 200), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(62))
	add("three tags, 0x9100 outside", cat(eth("9100 0001 9100 0002 8100 0003 86dd"), tenant6),
		wantLink(0x86dd), wantVLAN(3, 0, 1, 3), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(86))
	add("802.1Q around 802.3", cat(eth("8100 0005 0026"), hx("424203"), pay(35)),
		wantLink(0), wantVLAN(1, 0, 5, 0), wantAt(21))
	add("MPLS, two labels, IPv4", cat(eth("8847"), hx("00064 0 40 00065 1 40"), ip4(6, tcp())),
		wantLink(0x0800), wantLabels(2, 100), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(62))
	add("MPLS multicast, IPv6", cat(eth("8848"), hx("00064 1 40"), tenant6),
		wantLink(0x86dd), wantLabels(1, 100), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(78))
	add("MPLS pseudowire with control word", cat(eth("8847"), hx("00064 1 40", "00000007"), eth2("0800"), tenant),
		wantLink(0x0800), wantLabels(1, 100), wantInnerMAC, want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(76))
	add("MPLS pseudowire without control word, tag inside", cat(eth("8100 0009 8847"), hx("00064 1 40"), eth2("8100 0007 0800"), tenant),
		wantLink(0x0800), wantVLAN(1, 0, 9, 0), wantLabels(1, 100), wantInnerMAC, want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(80))
	add("MPLS around something else", cat(eth("8847"), hx("00064 1 40"), pay(30)), wantLink(0x8847), wantLabels(1, 100), wantAt(18))
	add("PPPoE session, IPv4", cat(eth("8864"), hx("11 00 0001 002a 0021"), ip4(6, tcp()), pay(3)),
		wantLink(0x0800), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(62))
	add("PPPoE session, IPv6, tagged", cat(eth("8100 0007 8864"), hx("11 00 0001 003e 0057"), tenant6),
		wantLink(0x86dd), wantVLAN(1, 0, 7, 0), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(86))
	add("PPPoE link control", cat(eth("8864"), hx("11 00 0001 000a c021 01010008"), pay(36)), wantLink(0x8864), wantAt(14))
	add("ARP request", cat(eth("0806"), arpBody, pay(18)),
		wantLink(0x0806), func(h *Header) { h.ARP = wantARP }, wantAt(42))
	add("ARP reply, tagged", cat(eth("8100 0064 0806"), hx("0001 0800 06 04 0002", macB, "0a000002", macA, "0a000001")),
		wantLink(0x0806), wantVLAN(1, 0, 100, 0), func(h *Header) {
			h.ARP = ARP{Op: 2, SenderMAC: mac(0xb), SenderIP: [4]byte{10, 0, 0, 2}, TargetMAC: mac(0xa), TargetIP: [4]byte{10, 0, 0, 1}}
		}, wantAt(46))
	add("RARP request", cat(eth("8035"), hx("0001 0800 06 04 0003", macA, "00000000", macA, "00000000")),
		wantLink(0x8035), func(h *Header) { h.ARP = ARP{Op: 3, SenderMAC: mac(0xa), TargetMAC: mac(0xa)} }, wantAt(42))
	add("ARP of another network", cat(eth("0806"), hx("0006 0800 06 04 0001"), pay(20)), wantLink(0x0806), wantAt(14))
	add("EtherType of IPv4 around IPv6", cat(eth("0800"), tenant6), wantLink(0x0800), wantAt(14))
	add("EtherType of IPv6 around IPv4", cat(eth("86dd"), tenant, pay(40)), wantLink(0x86dd), wantAt(14))
}

func networkCases(add addCase, raw func(Protocol, string, []byte, ...func(*Header))) {
	raw(ProtocolIPv4, "raw IPv4", ip4(6, tcp()), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(40))
	raw(ProtocolIPv6, "raw IPv6", tenant6, want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(60))
	raw(Protocol(7), "another header protocol", tenant6)
	raw(ProtocolIPv4, "raw IPv4 that is IPv6", tenant6)

	options := ip4(6, cat(hx("01010101 01010100"), tcp(1, 2)))
	options[0] = 0x47
	add("IPv4 options", cat(eth("0800"), options), wantLink(0x0800), want4(k10TCP, 50, DepthTransport), wantTCP, wantAt(62))
	short := ip4(6, tcp())
	short[0] = 0x44
	add("IPv4 header length below 20", cat(eth("0800"), short), wantLink(0x0800), wantAt(14))
	open := ip4(6, tcp(1, 2))
	open[2], open[3] = 0, 0
	add("IPv4 length left to segmentation offload", cat(eth("0800"), open),
		wantLink(0x0800), want4(k10TCP, 0, DepthTransport), wantTCP, wantAt(54))
	long := ip4(6, tcp(1, 2))
	long[2], long[3] = 0xff, 0xff
	add("IPv4 of 65535 octets", cat(eth("0800"), long),
		wantLink(0x0800), want4(k10TCP, 65535, DepthTransport), wantTCP, wantAt(54))
	tiny := cat(ip4(6, nil), tcp())
	add("IPv4 length without transport", cat(eth("0800"), tiny), wantLink(0x0800), want4(key(10, 6, 0, 0), 20, DepthNetwork), wantAt(34))
	lie := ip4(6, tcp())
	lie[3] = 8
	add("IPv4 length below its header", cat(eth("0800"), lie), wantLink(0x0800), want4(key(10, 6, 0, 0), 8, DepthNetwork), wantAt(34))
	lie47 := ip4(6, hx("01010101"))
	lie47[0], lie47[3] = 0x47, 8
	add("IPv4 length below its header, options cut", cat(eth("0800"), lie47), wantLink(0x0800), want4(key(10, 6, 0, 0), 8, DepthNetwork), wantAt(38))
	add("IPv4 first fragment", cat(eth("0800"), ip4n(6, 10, 0x2000, tcp())),
		wantLink(0x0800), want4(k10TCP, 40, DepthTransport), wantFrag(0, true), wantTCP, wantAt(54))
	add("IPv4 middle fragment", cat(eth("0800"), ip4n(17, 10, 0x20b9, pay(30))),
		wantLink(0x0800), want4(key(10, 17, 0, 0), 50, DepthNetwork), wantFrag(1480, true), wantAt(34))
	add("IPv4 last fragment", cat(eth("0800"), ip4n(17, 10, 0x1fff, pay(30))),
		wantLink(0x0800), want4(key(10, 17, 0, 0), 50, DepthNetwork), wantFrag(65528, false), wantAt(34))
	add("IPv4 do not fragment", cat(eth("0800"), ip4n(6, 10, 0x4000, tcp())),
		wantLink(0x0800), want4(k10TCP, 40, DepthTransport), wantTCP, wantAt(54))
	add("IPv4 authentication header", cat(eth("0800"), ip4(51, cat(hx("06 04 0000"), pay(20), tcp()))),
		wantLink(0x0800), want4(k10TCP, 64, DepthTransport), wantTCP, wantAt(78))
	add("IPv6", cat(eth("86dd"), tenant6), wantLink(0x86dd), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(74))
	jumbo := ip6(0, cat(hx("06 00 c2 04 00010000"), tcp(1)))
	jumbo[4], jumbo[5] = 0, 0
	add("IPv6 jumbogram", cat(eth("86dd"), jumbo), wantLink(0x86dd), want6(k6TCP, 0, DepthTransport), wantTCP, wantAt(82))
	big := ip6(6, tcp(1))
	big[4], big[5] = 0xff, 0xff
	add("IPv6 payload of 65535 octets", cat(eth("86dd"), big), wantLink(0x86dd), want6(k6TCP, 65535, DepthTransport), wantTCP, wantAt(74))
	add("IPv6 length left to segmentation offload", cat(eth("86dd"), ip6(6, nil), tcp()), wantLink(0x86dd), want6(k6TCP, 0, DepthTransport), wantTCP, wantAt(74))
	add("IPv6 hop-by-hop, routing, destination options, authentication",
		cat(eth("86dd"), ip6(0, cat(hx("2b 00 0502 00000100", "3c 02 0401 00000000"), pay(16),
			hx("33 00 0104 00000000", "06 04 0000"), pay(20), tcp()))),
		wantLink(0x86dd), want6(k6TCP, 40+8+24+8+24+20, DepthTransport), wantTCP, wantAt(14+40+8+24+8+24+20))
	add("IPv6 first fragment", cat(eth("86dd"), ip6(44, cat(hx("06 00 0001 00001234"), tcp()))),
		wantLink(0x86dd), want6(k6TCP, 68, DepthTransport), wantFrag(0, true), wantTCP, wantAt(82), func(h *Header) { h.IPID = 0x1234 })
	add("IPv6 later fragment", cat(eth("86dd"), ip6(44, cat(hx("06 00 05a8 00001234"), tcp()))),
		wantLink(0x86dd), want6(key6(6, 0, 0), 68, DepthNetwork), wantFrag(1448, false), wantAt(62), func(h *Header) { h.IPID = 0x1234 })
	add("IPv6 atomic fragment", cat(eth("86dd"), ip6(44, cat(hx("06 00 0000 00001234"), tcp()))),
		wantLink(0x86dd), want6(k6TCP, 68, DepthTransport), wantTCP, wantAt(82), func(h *Header) { h.IPID = 0x1234 })
	add("IPv6 no next header", cat(eth("86dd"), ip6(59, pay(4))), wantLink(0x86dd), want6(key6(59, 0, 0), 44, DepthNetwork), wantAt(54))
	add("protocol without ports", cat(eth("0800"), ip4(89, pay(24))), wantLink(0x0800), want4(key(10, 89, 0, 0), 44, DepthNetwork), wantAt(34))
}

func transportCases(add addCase) {
	opts := tcp(1, 1, 1, 0, 9)
	opts[12] = 0x60
	add("TCP options", cat(eth("0800"), ip4(6, opts)), wantLink(0x0800), want4(k10TCP, 45, DepthTransport), wantTCP, wantAt(58))
	bad := tcp(9, 9)
	bad[12] = 0xf0
	add("TCP options beyond the packet", cat(eth("0800"), ip4(6, bad), pay(60)), wantLink(0x0800), want4(k10TCP, 42, DepthTransport), wantTCP, wantAt(56))
	low := tcp(9, 9)
	low[12] = 0x10
	add("TCP data offset below 20", cat(eth("0800"), ip4(6, low)), wantLink(0x0800), want4(k10TCP, 42, DepthTransport), wantTCP, wantAt(54))
	add("UDP", cat(eth("0800"), ip4(17, udp(5000, 53, pay(12)))),
		wantLink(0x0800), want4(key(10, 17, 5000, 53), 40, DepthTransport), wantUDP(20), wantAt(42))
	add("UDP over IPv6", cat(eth("86dd"), ip6(17, udp(5000, 53, pay(12)))),
		wantLink(0x86dd), want6(key6(17, 5000, 53), 60, DepthTransport), wantUDP(20), wantAt(62))
	add("SCTP", cat(eth("0800"), ip4(132, cat(hx("0b59 0b5a 00000001 00000002"), pay(16)))),
		wantLink(0x0800), want4(key(10, 132, 2905, 2906), 48, DepthTransport), wantAt(46))
	add("ICMP echo", cat(eth("0800"), ip4(1, cat(hx("0800 f7ff 0001 0002"), pay(8)))),
		wantLink(0x0800), want4(key(10, 1, 0, 0x0800), 36, DepthTransport), wantICMP(8, 0), wantAt(42))
	add("ICMP port unreachable", cat(eth("0800"), ip4(1, cat(hx("0303 0000 00000000"), ip4(17, udp(1, 4789, nil))))),
		wantLink(0x0800), want4(key(10, 1, 0, 0x0303), 56, DepthTransport), wantICMP(3, 3), wantAt(42))
	add("ICMPv6 echo reply", cat(eth("86dd"), ip6(58, hx("8100 0000 0001 0002"))),
		wantLink(0x86dd), want6(key6(58, 0, 0x8100), 48, DepthTransport), wantICMP(129, 0), wantAt(62))
	target := hx("20010db8 00000000 00000000 00000009")
	add("neighbour solicitation", cat(eth("86dd"), ip6(58, cat(hx("8700 0000 00000000"), target, hx("0101", macA)))),
		wantLink(0x86dd), want6(key6(58, 0, 0x8700), 72, DepthTransport), wantICMP(135, 0),
		func(h *Header) { h.ND = ND{Type: 135, Target: [16]byte(target)} }, wantAt(78))
	add("neighbour advertisement, tagged", cat(eth("8100 0064 86dd"), ip6(58, cat(hx("8800 0000 60000000"), target))),
		wantLink(0x86dd), wantVLAN(1, 0, 100, 0), want6(key6(58, 0, 0x8800), 64, DepthTransport), wantICMP(136, 0),
		func(h *Header) { h.ND = ND{Type: 136, Target: [16]byte(target)} }, wantAt(82))
	for _, c := range []struct {
		name     string
		src, dst uint16
		first    byte
		v6       bool
		want     DHCP
	}{
		{"DHCP request", 68, 67, 1, false, DHCPRequest},
		{"DHCP response", 67, 68, 2, false, DHCPResponse},
		{"DHCP request of a relay", 67, 67, 1, false, DHCPRequest},
		{"DHCP response to a relay", 67, 67, 2, false, DHCPResponse},
		{"neither to the DHCP port", 67, 67, 9, false, DHCPNone},
		{"DHCPv6 request", 546, 547, 1, true, DHCPRequest},
		{"DHCPv6 response", 547, 546, 7, true, DHCPResponse},
		{"DHCPv6 relay forward", 547, 547, 12, true, DHCPRequest},
		{"DHCPv6 relay reply", 547, 547, 13, true, DHCPResponse},
		{"DHCPv6 ports over IPv4", 546, 547, 1, false, DHCPNone},
		{"DHCP ports over IPv6", 68, 67, 1, true, DHCPNone},
	} {
		body := udp(c.src, c.dst, []byte{c.first, 0, 0, 0})
		if c.v6 {
			add(c.name, cat(eth("86dd"), ip6(17, body)), wantLink(0x86dd),
				want6(key6(17, c.src, c.dst), 52, DepthTransport), wantUDP(12), wantDHCP(c.want), wantAt(62))
		} else {
			add(c.name, cat(eth("0800"), ip4(17, body)), wantLink(0x0800),
				want4(key(10, 17, c.src, c.dst), 32, DepthTransport), wantUDP(12), wantDHCP(c.want), wantAt(42))
		}
	}
}
