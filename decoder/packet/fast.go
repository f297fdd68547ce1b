package packet

// Decode reads the header b and writes every field of h. b is not kept. A cut
// header is normal: Depth says how far it got. Depth never grows when b is cut
// shorter, except where the cut takes away the addresses of an inner packet
// and Key falls back to the packet that carried it.
//
// What few packets have (Outer, InnerDstMAC, InnerSrcMAC, ARP, ND) is cleared
// where the field that makes it valid says that it was filled.
func (h *Header) Decode(p Protocol, b []byte) Depth {
	if h.Tunnel != TunnelNone || h.MPLSLabels != 0 || h.ARP.Op != 0 || h.ND.Type != 0 {
		return h.decodeAfterRare(p, b)
	}
	if p != ProtocolEthernet || len(b) < ethernetLen+ipv4Len+udpLen {
		return h.walk(p, b)
	}
	// The rest is the fast path: Ethernet, at most one tag, IP without options,
	// extension headers and fragments, TCP or UDP. Whatever is not that goes to
	// walk, which starts anew. Neighbouring fields are written from one value,
	// or from constants, in one block, so that the compiler joins the stores.
	e := (*[18]byte)(b)
	at := ethernetLen
	pcp := uint8(0)
	etherType := be.Uint16(e[12:])
	if etherType != etherTypeVLAN {
		h.VLAN, h.InnerVLAN, h.VLANTags, h.MoreFrags, h.MPLSLabels, h.Tunnel = 0, 0, 0, false, 0, 0
	} else {
		tci := be.Uint16(e[14:])
		etherType = be.Uint16(e[16:])
		at = ethernetLen + 4
		h.VLAN, h.InnerVLAN = tci&0xfff, 0
		h.VLANTags, h.MoreFrags, h.MPLSLabels, h.Tunnel = 1, false, 0, 0
		pcp = uint8(tci >> 13)
	}
	h.DstMAC[0], h.DstMAC[1], h.DstMAC[2], h.DstMAC[3], h.DstMAC[4], h.DstMAC[5],
		h.SrcMAC[0], h.SrcMAC[1], h.SrcMAC[2], h.SrcMAC[3], h.SrcMAC[4], h.SrcMAC[5] =
		e[0], e[1], e[2], e[3], e[4], e[5], e[6], e[7], e[8], e[9], e[10], e[11]
	h.MPLSLabel, h.ICMPType, h.ICMPCode, h.DHCP, h.HasVNI = 0, 0, 0, 0, false
	h.VNI = 0

	ip := b[at:]
	if etherType != etherTypeIPv4 || len(ip) < ipv4Len+udpLen {
		if etherType == etherTypeIPv6 {
			return h.plainIPv6(b, at, pcp)
		}
		return h.walk(p, b)
	}
	i := (*[ipv4Len + udpLen]byte)(ip)
	n := min(int(be.Uint16(i[2:])), len(ip))
	if i[0] != 0x45 || be.Uint16(i[6:])&0x3fff != 0 || n < ipv4Len+udpLen {
		return h.walk(p, b)
	}
	putMapped(&h.Key.Src, i[12:16])
	putMapped(&h.Key.Dst, i[16:20])
	h.Key.Domain = 0
	ports := be.Uint32(i[20:])
	ports = ports<<16 | ports>>16 // source port in the low half
	h.Key.SrcPort, h.Key.DstPort = uint16(ports), uint16(ports>>16)
	h.Key.Proto, h.Key.V6 = i[9], false
	facts := uint32(i[1])<<8 | uint32(i[8])<<16 | uint32(pcp)<<24
	length := be.Uint32(i[2:])
	length = length<<16 | length>>16
	h.IPLength, h.IPID = uint16(length), uint16(length>>16)
	at += ipv4Len
	switch {
	case i[9] == protoTCP && n >= ipv4Len+tcpLen:
		t := (*[tcpLen]byte)(ip[ipv4Len:])
		h.plainFacts(etherTypeIPv4, true, facts|uint32(t[13]))
		h.plainTCP(t)
		h.PayloadOffset = at + min(max(tcpLen, int(t[12]>>4)*4), n-ipv4Len)
		return DepthTransport
	case i[9] == protoUDP:
		h.plainFacts(etherTypeIPv4, false, facts)
		h.plainUDP(be.Uint16(i[24:]))
		h.PayloadOffset = at + udpLen
		if portKnown(be.Uint16(i[22:])) {
			return h.behindUDP(b[:at-ipv4Len+n])
		}
		return DepthTransport
	}
	return h.walk(p, b)
}

// plainIPv6 continues the fast path at the IPv6 header at b[at:].
func (h *Header) plainIPv6(b []byte, at int, pcp uint8) Depth {
	ip := b[at:]
	if len(ip) < ipv6Len+udpLen {
		return h.walk(ProtocolEthernet, b)
	}
	i := (*[ipv6Len + udpLen]byte)(ip)
	n := int(be.Uint16(i[4:]))
	if i[0]>>4 != 6 || n < udpLen {
		return h.walk(ProtocolEthernet, b)
	}
	h.Key.Src = [16]byte(i[8:])
	h.Key.Dst = [16]byte(i[24:])
	h.Key.Domain = 0
	ports := be.Uint32(i[40:])
	ports = ports<<16 | ports>>16
	h.Key.SrcPort, h.Key.DstPort = uint16(ports), uint16(ports>>16)
	h.Key.Proto, h.Key.V6 = i[6], true
	facts := uint32(uint8(be.Uint16(i[0:])>>4))<<8 | uint32(i[7])<<16 | uint32(pcp)<<24
	h.IPLength, h.IPID = uint16(min(n+ipv6Len, 0xffff)), 0
	at += ipv6Len
	n = min(n, len(ip)-ipv6Len)
	switch {
	case i[6] == protoTCP && n >= tcpLen:
		t := (*[tcpLen]byte)(ip[ipv6Len:])
		h.plainFacts(etherTypeIPv6, true, facts|uint32(t[13]))
		h.plainTCP(t)
		h.PayloadOffset = at + min(max(tcpLen, int(t[12]>>4)*4), n)
		return DepthTransport
	case i[6] == protoUDP:
		h.plainFacts(etherTypeIPv6, false, facts)
		h.plainUDP(be.Uint16(i[44:]))
		h.PayloadOffset = at + udpLen
		if portKnown(h.Key.DstPort) {
			return h.behindUDP(b[:at+n])
		}
		return DepthTransport
	}
	return h.walk(ProtocolEthernet, b)
}

// plainFacts writes what whole TCP and UDP headers have in common. In facts are
// the fields from TCPFlags to PCP.
func (h *Header) plainFacts(etherType uint16, tcp bool, facts uint32) {
	h.EtherType, h.FragOff = etherType, 0
	h.HasKey, h.Depth, h.Fragment, h.HasTCP = true, DepthTransport, false, tcp
	h.TCPFlags, h.TOS, h.TTL, h.PCP = uint8(facts), uint8(facts>>8), uint8(facts>>16), uint8(facts>>24)
}

func (h *Header) plainTCP(t *[tcpLen]byte) {
	seq := be.Uint64(t[4:])
	seq = seq<<32 | seq>>32
	h.TCPSeq, h.TCPAck = uint32(seq), uint32(seq>>32)
	h.TCPWindow, h.UDPLength = be.Uint16(t[14:]), 0
}

func (h *Header) plainUDP(length uint16) {
	h.TCPSeq, h.TCPAck = 0, 0
	h.TCPWindow, h.UDPLength = 0, length
}

// behindUDP follows a plain UDP packet whose port names a known payload. b
// ends where the packet does.
func (h *Header) behindUDP(b []byte) Depth {
	l := layer{b: b}
	at := h.PayloadOffset
	if h.udpPayload(&l, b[at:], at) {
		h.inner(&l)
	}
	return h.Depth
}

// decodeAfterRare clears what the fast path leaves alone, and decodes.
func (h *Header) decodeAfterRare(p Protocol, b []byte) Depth {
	h.Tunnel, h.MPLSLabels = TunnelNone, 0
	h.Outer = Key{}
	h.InnerDstMAC, h.InnerSrcMAC = [6]byte{}, [6]byte{}
	h.ARP = ARP{}
	h.ND = ND{}
	return h.Decode(p, b)
}
