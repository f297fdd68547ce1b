package packet

// Reset clears the header. It is needed before the Set methods, not before
// Decode.
func (h *Header) Reset() { *h = Header{} }

// SetEthernet fills in the values of a sampled_ethernet record (flow record
// 0:2) and leaves all others: a sample can carry it beside sampled_ipv4 or
// sampled_ipv6. An etherType below 0x600 is an 802.3 length and gives none.
func (h *Header) SetEthernet(src, dst [6]byte, etherType uint16) {
	h.SrcMAC, h.DstMAC = src, dst
	if h.EtherType == 0 && etherType >= etherTypeMin {
		h.EtherType = etherType
	}
	h.Depth = max(h.Depth, DepthLink)
}

// SetIPv4 fills in the values of a sampled_ipv4 record (flow record 0:3) and
// leaves those of the link. Ports count for protocols that have ports, flags
// for TCP; HasTCP stays false, since the record has no sequence numbers.
func (h *Header) SetIPv4(src, dst [4]byte, proto uint8, srcPort, dstPort uint16, tcpFlags, tos uint8, length uint32) {
	h.Key = Key{Proto: proto}
	putMapped(&h.Key.Src, src[:])
	putMapped(&h.Key.Dst, dst[:])
	h.EtherType = etherTypeIPv4
	h.setIP(srcPort, dstPort, tcpFlags, tos, length)
}

// SetIPv6 fills in the values of a sampled_ipv6 record (flow record 0:4) like
// SetIPv4. Length is that of the whole packet, priority the traffic class.
func (h *Header) SetIPv6(src, dst [16]byte, proto uint8, srcPort, dstPort uint16, tcpFlags, priority uint8, length uint32) {
	h.Key = Key{Src: src, Dst: dst, Proto: proto, V6: true}
	h.EtherType = etherTypeIPv6
	h.setIP(srcPort, dstPort, tcpFlags, priority, length)
}

func (h *Header) setIP(srcPort, dstPort uint16, tcpFlags, tos uint8, length uint32) {
	h.HasKey = true
	h.Depth = DepthNetwork
	h.TOS = tos
	h.IPLength = uint16(min(length, 0xffff))
	h.TCPFlags = 0
	switch h.Key.Proto {
	case protoTCP:
		h.TCPFlags = tcpFlags
		fallthrough
	case protoUDP, protoSCTP, protoDCCP, protoUDPLite:
		h.Key.SrcPort, h.Key.DstPort = srcPort, dstPort
		h.Depth = DepthTransport
	}
}
