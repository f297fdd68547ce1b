package packet

import "encoding/binary"

var (
	be = binary.BigEndian
	le = binary.LittleEndian
)

// maxTunnels bounds how many tunnels inside each other are looked into. The
// packet inside the last one is the key, whatever it carries.
const maxTunnels = 4

// layer is the place where the next packet starts and how it was reached. It
// is kept apart from the Header so that an inner packet leaves no trace there
// until its addresses were read.
type layer struct {
	b  []byte // ends where the innermost length field read so far says
	at int    // offset of what comes next

	etherType uint16 // of what is at at
	cut       bool   // the end came, or nonsense, before it was known what the frame carries

	tunnel Tunnel // the tunnel just entered; TunnelNone in the outermost packet
	hasVNI bool
	vni    uint32

	innerMAC  int // offset of the last Ethernet header that is not the outermost; 0 none
	vlan      uint16
	innerVLAN uint16
	vlanTags  uint8
	pcp       uint8
	labels    uint8
	label     uint32
}

// walk reads any header. Each step consumes bytes, so that its cost is bounded
// by the length of b.
func (h *Header) walk(p Protocol, b []byte) Depth {
	*h = Header{}
	l := layer{b: b}
	switch p {
	case ProtocolEthernet:
		if !l.ethernet() {
			return h.Depth
		}
		h.setLink(&l)
	case ProtocolIPv4:
		l.etherType = etherTypeIPv4
	case ProtocolIPv6:
		l.etherType = etherTypeIPv6
	default:
		return h.Depth
	}
	if h.packet(&l) {
		h.inner(&l)
	}
	return h.Depth
}

// inner reads the packets inside the tunnel that l has just entered.
func (h *Header) inner(l *layer) {
	for range maxTunnels {
		if l.etherType == etherTypeTEB && !l.ethernet() {
			return
		}
		if !h.packet(l) {
			return
		}
	}
}

// packet reads what follows the link layer. It reports whether that carries
// another packet, and l is then at its start.
func (h *Header) packet(l *layer) bool {
	switch l.etherType {
	case etherTypeIPv4:
		return h.ipv4(l)
	case etherTypeIPv6:
		return h.ipv6(l)
	}
	if l.cut {
		return false
	}
	if l.tunnel != TunnelNone {
		h.enter(l)
		h.EtherType = l.etherType
		h.Depth = DepthLink
		h.PayloadOffset = l.at
	}
	switch l.etherType {
	case etherTypeARP, etherTypeRARP:
		h.arp(l)
	}
	return false
}

// enter makes the packet read so far the outer one and clears what described
// it, the inner packet being certain.
func (h *Header) enter(l *layer) {
	if h.Tunnel == TunnelNone {
		h.Outer = h.Key
	}
	h.Tunnel = l.tunnel
	if l.hasVNI {
		h.HasVNI, h.VNI = true, l.vni
	}
	h.setInner(l)
	h.Key = Key{}
	h.HasKey = false
	h.IPLength, h.IPID, h.FragOff, h.UDPLength = 0, 0, 0, 0
	h.TOS, h.TTL = 0, 0
	h.Fragment, h.MoreFrags = false, false
}

// setInner takes over what an Ethernet header and labels below the outermost
// ones said.
func (h *Header) setInner(l *layer) {
	if l.innerMAC > 0 {
		m := (*[12]byte)(l.b[l.innerMAC:])
		h.InnerDstMAC = [6]byte(m[:6])
		h.InnerSrcMAC = [6]byte(m[6:])
	}
	if l.labels > 0 {
		if h.MPLSLabels == 0 {
			h.MPLSLabel = l.label
		}
		h.MPLSLabels = uint8(min(int(h.MPLSLabels)+int(l.labels), 255))
	}
}
