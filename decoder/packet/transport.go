package packet

// IP protocol numbers that are looked into.
const (
	protoICMP    = 1
	protoIPv4    = 4
	protoTCP     = 6
	protoUDP     = 17
	protoDCCP    = 33
	protoIPv6    = 41
	protoGRE     = 47
	protoICMPv6  = 58
	protoSCTP    = 132
	protoUDPLite = 136
)

const (
	tcpLen = 20
	udpLen = 8
)

// transport reads the header of proto in b, which is at at. Ports need its
// first four bytes, the other facts all that are read of it. It reports
// whether another packet is inside.
func (h *Header) transport(l *layer, b []byte, at int, proto uint8) bool {
	switch proto {
	case protoTCP:
		if h.ports(b) {
			h.tcp(b, at)
		}
	case protoUDP:
		if h.ports(b) && len(b) >= udpLen {
			h.UDPLength = be.Uint16(b[4:])
			h.PayloadOffset = at + udpLen
			return h.udpPayload(l, b[udpLen:], at+udpLen)
		}
	case protoSCTP, protoDCCP:
		if h.ports(b) {
			h.PayloadOffset = at + min(12, len(b)) // the shortest header
		}
	case protoUDPLite:
		if h.ports(b) {
			h.PayloadOffset = at + min(udpLen, len(b))
		}
	case protoICMP, protoICMPv6:
		h.icmp(b, at, proto)
	case protoGRE:
		return l.gre(b, at)
	case protoIPv4:
		return l.carry(TunnelIPIP, etherTypeIPv4, at)
	case protoIPv6:
		return l.carry(TunnelIPIP, etherTypeIPv6, at)
	}
	return false
}

func (h *Header) ports(b []byte) bool {
	if len(b) < 4 {
		return false
	}
	h.Key.SrcPort = be.Uint16(b)
	h.Key.DstPort = be.Uint16(b[2:])
	h.Depth = DepthTransport
	return true
}

// tcp reads the fixed header; options that were cut off end at the end.
func (h *Header) tcp(b []byte, at int) {
	if len(b) < tcpLen {
		return
	}
	t := (*[tcpLen]byte)(b)
	h.HasTCP = true
	h.TCPSeq = be.Uint32(t[4:])
	h.TCPAck = be.Uint32(t[8:])
	h.TCPFlags = t[13]
	h.TCPWindow = be.Uint16(t[14:])
	h.PayloadOffset = at + min(max(tcpLen, int(t[12]>>4)*4), len(b))
}

// UDP ports that are looked behind.
const (
	portDHCPServer   = 67
	portDHCPClient   = 68
	portDHCPv6Client = 546
	portDHCPv6Server = 547
	portVXLAN        = 4789
	portGeneve       = 6081
	portVXLANLinux   = 8472 // Linux's default before the assignment
)

// portKnown tells the destination ports that udpPayload looks behind.
func portKnown(dst uint16) bool {
	switch dst {
	case portVXLAN, portVXLANLinux, portGeneve,
		portDHCPServer, portDHCPClient, portDHCPv6Client, portDHCPv6Server:
		return true
	}
	return false
}

// udpPayload looks behind the ports that name what UDP carries. b is the
// payload, at at.
func (h *Header) udpPayload(l *layer, b []byte, at int) bool {
	switch h.Key.DstPort {
	case portVXLAN, portVXLANLinux:
		return l.vxlan(b, at)
	case portGeneve:
		return l.geneve(b, at)
	case portDHCPServer, portDHCPClient:
		if !h.Key.V6 {
			h.DHCP = dhcp(h.Key.SrcPort, h.Key.DstPort, portDHCPServer, b, 1, 2)
		}
	case portDHCPv6Server, portDHCPv6Client:
		if h.Key.V6 {
			h.DHCP = dhcp(h.Key.SrcPort, h.Key.DstPort, portDHCPv6Server, b, 12, 13)
		}
	}
	return false
}

// dhcp finds the direction of a message. Between servers and relays both ports
// are the server's; there the first byte decides: BOOTP's op (RFC 951), or
// relay-forward and relay-reply (RFC 8415).
func dhcp(src, dst, server uint16, b []byte, request, response uint8) DHCP {
	switch {
	case dst != server:
		return DHCPResponse
	case src != server:
		return DHCPRequest
	case len(b) > 0 && b[0] == request:
		return DHCPRequest
	case len(b) > 0 && b[0] == response:
		return DHCPResponse
	}
	return DHCPNone
}

// icmp reads type and code of ICMP and ICMPv6, and what neighbour discovery is
// after.
func (h *Header) icmp(b []byte, at int, proto uint8) {
	if len(b) < 2 {
		return
	}
	h.ICMPType, h.ICMPCode = b[0], b[1]
	h.Key.DstPort = be.Uint16(b)
	h.Depth = DepthTransport
	h.PayloadOffset = at + min(8, len(b))
	if proto == protoICMPv6 {
		h.nd(b, at)
	}
}

const ndLen = 24

// nd reads a neighbour solicitation or advertisement without its options.
func (h *Header) nd(b []byte, at int) {
	if len(b) < ndLen || b[0] != 135 && b[0] != 136 || b[1] != 0 {
		return
	}
	h.ND.Type = b[0]
	h.ND.Target = [16]byte(b[8:])
	h.PayloadOffset = at + ndLen
}
