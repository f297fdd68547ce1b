package traffic

import (
	"encoding/binary"
	"net/netip"
)

var be = binary.BigEndian

// Numbers of the packet formats written here.
const (
	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100

	ackNumber = 1_000_001

	fcs = 4 // octets of the frame check sequence, counted and stripped
)

// frame is the first bytes of a flow's packets. What changes from packet to
// packet is written into it before each use.
type frame struct {
	b     [maxHeader]byte
	ip    int // offset of the IP header
	trans int // offset of the transport header
	v6    bool
	proto uint8
	flags uint8
	vary  Vary
	salt  uint64 // of what varies
	orig  [40]byte
}

// mac invents the Ethernet address of a host: locally administered, from the
// last octets of its address.
func mac(a netip.Addr) (m [6]byte) {
	b := a.AsSlice()
	m[0] = 2
	copy(m[2:], b[len(b)-4:])
	return m
}

func (h *frame) init(f *Flow) {
	*h = frame{v6: f.Src.Is6(), proto: f.Proto, flags: f.Flags, vary: f.Vary}
	dst, src := mac(f.Dst), mac(f.Src)
	b := append(h.b[:0], dst[:]...)
	b = append(b, src[:]...)
	if f.VLAN != 0 {
		b = be.AppendUint16(be.AppendUint16(b, etherVLAN), f.VLAN&0xfff)
	}
	h.ip = len(b) + 2
	if h.v6 {
		b = be.AppendUint16(b, etherIPv6)
		b = append(b, 0x60, 0, 0, 0, 0, 0, f.Proto, 64)
		h.trans = h.ip + 40
	} else {
		b = be.AppendUint16(b, etherIPv4)
		b = append(b, 0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, f.Proto, 0, 0)
		h.trans = h.ip + 20
	}
	b = append(b, f.Src.AsSlice()...)
	b = append(b, f.Dst.AsSlice()...)
	switch f.Proto {
	case protoTCP, protoUDP:
		b = be.AppendUint16(be.AppendUint16(b, f.SrcPort), f.DstPort)
	case protoICMP:
		b = append(b, 8, 0) // echo request
	case protoICMPv6:
		b = append(b, 128, 0)
	}
	if f.Proto == protoTCP {
		b = b[:h.trans+20]
		b[h.trans+12] = 5 << 4
		be.PutUint32(b[h.trans+8:], ackNumber) // the other side sends nothing
		be.PutUint16(b[h.trans+14:], 0xffff)
	}
	_ = b // all of it is in h.b
	if f.Fragment && !h.v6 {
		be.PutUint16(h.b[h.ip+6:], 1480/8|0x2000) // and more follow
		h.proto, h.vary.SrcPort, h.vary.DstPort = 0, false, false
	}
	copy(h.orig[:], h.b[h.ip:])
	for _, c := range append(f.Src.AsSlice(), f.Dst.AsSlice()...) {
		h.salt = (h.salt ^ uint64(c)) * 0x100000001b3
	}
	h.salt ^= uint64(f.SrcPort)<<16 | uint64(f.DstPort)
}

// change writes what varies for packet k. A packet is the same wherever it is
// sampled.
func (h *frame) change(k uint64) {
	if h.vary == (Vary{}) {
		return
	}
	z := (k + h.salt) * 0x9e3779b97f4a7c15
	next := func() uint32 {
		z += 0x9e3779b97f4a7c15
		x := (z ^ z>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		return uint32(x >> 32)
	}
	src, dst := 16, 20 // ends of the addresses in the IP header
	if h.v6 {
		src, dst = 24, 40
	}
	h.address(src, h.vary.SrcBits, next())
	h.address(dst, h.vary.DstBits, next())
	if h.vary.SrcPort {
		be.PutUint16(h.b[h.trans:], uint16(1024+next()%64512))
	}
	if h.vary.DstPort {
		be.PutUint16(h.b[h.trans+2:], uint16(1024+next()%64512))
	}
}

// address replaces the low bits of the address that ends at end in the IP header.
func (h *frame) address(end, bits int, v uint32) {
	if bits <= 0 {
		return
	}
	mask := uint32(uint64(1)<<min(bits, 32) - 1)
	be.PutUint32(h.b[h.ip+end-4:], be.Uint32(h.orig[end-4:])&^mask|v&mask)
}

// at sets what differs from hop to hop.
func (h *frame) at(p *hop) {
	copy(h.b[6:12], p.mac[:])
	if h.v6 {
		h.b[h.ip+7] = p.ttl
	} else {
		h.b[h.ip+8] = p.ttl
	}
}

// packet makes the header of the flow's packet number k, which is size octets
// with the FCS; octets were sent before it. At most max bytes are returned,
// valid until the next call.
func (h *frame) packet(k, octets uint64, size, max int) []byte {
	h.change(k)
	length := size - fcs - h.ip
	if h.v6 {
		be.PutUint16(h.b[h.ip+4:], uint16(length-40))
	} else {
		ip := h.b[h.ip : h.ip+20]
		be.PutUint16(ip[2:], uint16(length))
		be.PutUint16(ip[4:], uint16(k))
		be.PutUint16(ip[10:], 0)
		be.PutUint16(ip[10:], checksum(ip))
	}
	t := h.b[h.trans:]
	switch h.proto {
	case protoUDP:
		be.PutUint16(t[4:], uint16(size-fcs-h.trans))
	case protoTCP:
		be.PutUint32(t[4:], uint32(octets))
		t[13] = h.flags
		if h.flags == 0 {
			t[13] = 0x10 // ACK
			if k == 0 {
				t[13] = 0x02 // SYN
			}
		}
	}
	return h.b[:min(max, size-fcs)]
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var s uint32
	for ; len(b) > 1; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}
