package packet

func tunnelCases(add addCase, raw func(Protocol, string, []byte, ...func(*Header))) {
	udpTunnelCases(add)
	greCases(add)
	ipipCases(add, raw)
	nestedCases(add)
}

func udpTunnelCases(add addCase) {
	add("VXLAN", cat(eth("0800"), ip4(17, udp(5000, 4789, cat(vxlan42, eth2("0800"), tenant)))),
		wantLink(0x0800), wantTunnel(TunnelVXLAN, k10VXLAN), wantVNI(42), wantInnerMAC,
		want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(104))
	add("VXLAN on Linux's port, tagged outside and inside, IPv6 inside",
		cat(eth("8100 0064 0800"), ip4(17, udp(5000, 8472, cat(vxlan42, eth2("8100 0007 86dd"), tenant6)))),
		wantLink(0x86dd), wantVLAN(1, 0, 100, 0), wantTunnel(TunnelVXLAN, key(10, 17, 5000, 8472)), wantVNI(42), wantInnerMAC,
		want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(132))
	add("VXLAN over IPv6", cat(eth("86dd"), ip6(17, udp(5000, 4789, cat(vxlan42, eth2("0800"), tenant)))),
		wantLink(0x0800), wantTunnel(TunnelVXLAN, key6(17, 5000, 4789)), wantVNI(42), wantInnerMAC,
		want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(124))
	add("VXLAN around ARP", cat(eth("0800"), ip4(17, udp(5000, 4789, cat(vxlan42, eth2("0806"), arpBody)))),
		wantLink(0x0806), wantTunnel(TunnelVXLAN, k10VXLAN), wantVNI(42), wantInnerMAC,
		func(h *Header) { h.ARP = wantARP }, wantAt(92))
	add("VXLAN around a later fragment", cat(eth("0800"), ip4(17, udp(5000, 4789, cat(vxlan42, eth2("0800"), ip4n(6, 172, 0x00b9, pay(20)))))),
		wantLink(0x0800), wantTunnel(TunnelVXLAN, k10VXLAN), wantVNI(42), wantInnerMAC,
		want4(key(172, 6, 0, 0), 40, DepthNetwork), wantFrag(1480, false), wantAt(84))
	add("VXLAN without VNI flag", cat(eth("0800"), ip4(17, udp(5000, 4789, cat(make([]byte, 8), eth2("0800"), tenant)))),
		wantLink(0x0800), want4(k10VXLAN, 20+8+8+14+40, DepthTransport), wantUDP(70), wantAt(42))
	add("VXLAN around nonsense", cat(eth("0800"), ip4(17, udp(5000, 4789, cat(vxlan42, eth2("0800"), pay(40))))),
		wantLink(0x0800), want4(k10VXLAN, 20+8+8+14+40, DepthTransport), wantUDP(70), wantAt(42))
	add("VXLAN in the first fragment", cat(eth("0800"), ip4n(17, 10, 0x2000, udp(5000, 4789, cat(vxlan42, eth2("0800"), tenant)))),
		wantLink(0x0800), wantTunnel(TunnelVXLAN, k10VXLAN), wantVNI(42), wantInnerMAC,
		want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(104))
	add("Geneve with options", cat(eth("0800"), ip4(17, udp(5000, 6081, cat(hx("02 00 6558 00002a00", "0102 80 01 00030004"), eth2("0800"), tenant)))),
		wantLink(0x0800), wantTunnel(TunnelGeneve, key(10, 17, 5000, 6081)), wantVNI(42), wantInnerMAC,
		want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(112))
	add("Geneve around IPv6", cat(eth("0800"), ip4(17, udp(5000, 6081, cat(hx("00 00 86dd 00002a00"), tenant6)))),
		wantLink(0x86dd), wantTunnel(TunnelGeneve, key(10, 17, 5000, 6081)), wantVNI(42),
		want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(110))
	add("Geneve of a later version", cat(eth("0800"), ip4(17, udp(5000, 6081, cat(hx("40 00 6558 00002a00"), eth2("0800"), tenant)))),
		wantLink(0x0800), want4(key(10, 17, 5000, 6081), 90, DepthTransport), wantUDP(70), wantAt(42))
}

func greCases(add addCase) {
	k := key(10, 47, 0, 0)
	add("GRE", cat(eth("0800"), ip4(47, cat(hx("0000 0800"), tenant))),
		wantLink(0x0800), wantTunnel(TunnelGRE, k), want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(78))
	add("GRE with checksum, key and sequence around IPv6", cat(eth("0800"), ip4(47, cat(hx("b000 86dd aaaa0000 0000002a 00000001"), tenant6))),
		wantLink(0x86dd), wantTunnel(TunnelGRE, k), wantVNI(42), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(110))
	add("GRE around Ethernet", cat(eth("0800"), ip4(47, cat(hx("0000 6558"), eth2("0800"), tenant))),
		wantLink(0x0800), wantTunnel(TunnelGRE, k), wantInnerMAC, want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(92))
	add("NVGRE", cat(eth("0800"), ip4(47, cat(hx("2000 6558 00abcd 07"), eth2("0800"), tenant))),
		wantLink(0x0800), wantTunnel(TunnelNVGRE, k), wantVNI(0xabcd), wantInnerMAC, want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(96))
	add("GRE around Ethernet with Open vSwitch's key", cat(eth("0800"), ip4(47, cat(hx("2000 6558 0000002a"), eth2("0800"), tenant))),
		wantLink(0x0800), wantTunnel(TunnelGRE, k), wantVNI(42), wantInnerMAC, want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(96))
	add("GRE around MPLS", cat(eth("0800"), ip4(47, cat(hx("0000 8847 00064 1 40"), tenant))),
		wantLink(0x0800), wantTunnel(TunnelGRE, k), wantLabels(1, 100), want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(82))
	add("GRE version 1", cat(eth("0800"), ip4(47, cat(hx("2001 880b 00040001"), pay(8)))),
		wantLink(0x0800), want4(k, 36, DepthNetwork), wantAt(34))
	add("GRE with a source route", cat(eth("0800"), ip4(47, cat(hx("4000 0800 00000000"), tenant))),
		wantLink(0x0800), want4(k, 68, DepthNetwork), wantAt(34))
	add("ERSPAN", cat(eth("0800"), ip4(47, cat(hx("1000 88be 00000001 10010001 00000000"), eth2("0800"), tenant))),
		wantLink(0x0800), want4(k, 20+16+14+40, DepthNetwork), wantAt(34))
}

func ipipCases(add addCase, raw func(Protocol, string, []byte, ...func(*Header))) {
	add("IPv4 in IPv4", cat(eth("0800"), ip4(4, tenant)),
		wantLink(0x0800), wantTunnel(TunnelIPIP, key(10, 4, 0, 0)), want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(74))
	raw(ProtocolIPv4, "IPv6 in raw IPv4", ip4(41, tenant6),
		wantTunnel(TunnelIPIP, key(10, 41, 0, 0)), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(80))
	raw(ProtocolIPv6, "IPv4 in raw IPv6 behind options", ip6(60, cat(hx("04 00 0104 00000000"), tenant)),
		wantTunnel(TunnelIPIP, key6(4, 0, 0)), want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(88))
	raw(ProtocolIPv6, "IPv6 in raw IPv6", ip6(41, tenant6),
		wantTunnel(TunnelIPIP, key6(41, 0, 0)), want6(k6TCP, 60, DepthTransport), wantTCP, wantAt(100))
	add("IPv4 in a later fragment", cat(eth("0800"), ip4n(4, 10, 0x0001, tenant)),
		wantLink(0x0800), want4(key(10, 4, 0, 0), 60, DepthNetwork), wantFrag(8, false), wantAt(34))
	add("first fragment around a whole packet", cat(eth("86dd"), ip6(44, cat(hx("04 00 0001 00001234"), tenant))),
		wantLink(0x0800), wantTunnel(TunnelIPIP, key6(4, 0, 0)), want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(102))
}

func nestedCases(add addCase) {
	add("IPv4 in IPv4 in VXLAN keeps the VNI", cat(eth("0800"), ip4(17, udp(5000, 4789, cat(vxlan42, eth2("0800"), ip4n(4, 192, 0, tenant))))),
		wantLink(0x0800), wantTunnel(TunnelIPIP, k10VXLAN), wantVNI(42), wantInnerMAC, want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(124))
	four := ip4n(4, 1, 0, ip4n(4, 2, 0, ip4n(4, 3, 0, ip4n(4, 4, 0, tenant))))
	add("four tunnels", cat(eth("0800"), four),
		wantLink(0x0800), wantTunnel(TunnelIPIP, key(1, 4, 0, 0)), want4(k172TCP, 40, DepthTransport), wantTCP, wantAt(134))
	add("five tunnels, the last not looked into", cat(eth("0800"), ip4(4, four)),
		wantLink(0x0800), wantTunnel(TunnelIPIP, key(10, 4, 0, 0)), want4(key(4, 4, 0, 0), 60, DepthNetwork), wantAt(114))
}
