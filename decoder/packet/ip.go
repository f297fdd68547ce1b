package packet

const (
	ipv4Len = 20
	ipv6Len = 40
)

// mappedPrefix is ::ffff/96 as the third quarter of an address, read little
// endian.
const mappedPrefix = 0xffff0000

// putMapped writes the IPv4 address a in its IPv4-mapped form.
func putMapped(dst *[16]byte, a []byte) {
	le.PutUint64(dst[0:], 0)
	le.PutUint64(dst[8:], mappedPrefix|uint64(le.Uint32(a))<<32)
}

// ipv4 reads the IPv4 packet at l.at. Nothing is written before the 20 fixed
// bytes are there. It reports whether another packet is inside.
func (h *Header) ipv4(l *layer) bool {
	at := l.at
	p := l.b[at:]
	if len(p) < ipv4Len {
		return false
	}
	b := (*[ipv4Len]byte)(p)
	size := int(b[0]&15) * 4
	if b[0]>>4 != 4 || size < ipv4Len {
		return false
	}
	if l.tunnel != TunnelNone {
		h.enter(l)
	}
	h.EtherType = etherTypeIPv4
	h.TOS = b[1]
	h.IPLength = be.Uint16(b[2:])
	h.IPID = be.Uint16(b[4:])
	frag := be.Uint16(b[6:])
	h.FragOff = frag & 0x1fff << 3
	h.MoreFrags = frag&0x2000 != 0
	h.Fragment = frag&0x3fff != 0
	h.TTL = b[8]
	h.Key.Proto = b[9]
	putMapped(&h.Key.Src, b[12:16])
	putMapped(&h.Key.Dst, b[16:20])
	h.Depth = DepthNetwork
	h.HasKey = frag&0x1fff == 0

	if n := max(int(be.Uint16(b[2:])), size); n < len(p) && b[2]|b[3] != 0 {
		p = p[:n] // padding follows; 0: left to segmentation offload
		l.b = l.b[:at+n]
	}
	if size > len(p) {
		h.PayloadOffset = at + len(p)
		return false
	}
	at += size
	h.PayloadOffset = at
	if frag&0x1fff != 0 {
		return false
	}
	if b[9] == protoAH {
		return h.extensions(l, p[size:], at, protoAH)
	}
	return h.transport(l, p[size:], at, b[9])
}

// ipv6 reads the IPv6 packet at l.at like ipv4.
func (h *Header) ipv6(l *layer) bool {
	at := l.at
	p := l.b[at:]
	if len(p) < ipv6Len {
		return false
	}
	b := (*[ipv6Len]byte)(p)
	if b[0]>>4 != 6 {
		return false
	}
	if l.tunnel != TunnelNone {
		h.enter(l)
	}
	h.EtherType = etherTypeIPv6
	h.TOS = uint8(be.Uint16(b[0:]) >> 4)
	h.TTL = b[7]
	h.Key.Src = [16]byte(b[8:])
	h.Key.Dst = [16]byte(b[24:])
	h.Key.V6 = true
	h.HasKey = true
	h.Depth = DepthNetwork
	at += ipv6Len
	p = p[ipv6Len:]
	if n := int(be.Uint16(b[4:])); n != 0 { // 0: a jumbogram or left to segmentation offload
		h.IPLength = uint16(min(n+ipv6Len, 0xffff))
		if n < len(p) {
			p = p[:n]
			l.b = l.b[:at+n]
		}
	}
	h.PayloadOffset = at
	return h.extensions(l, p, at, b[6])
}

// Extension headers (RFC 8200, 4302).
const (
	protoHopByHop = 0
	protoRouting  = 43
	protoFragment = 44
	protoAH       = 51
	protoDstOpts  = 60
)

// extensions passes the extension headers in b, which is at at, next being the
// type of the first. Each takes at least 8 bytes, which bounds their number.
// Where the chain is cut, Key.Proto is the type of the header that could not
// be read.
func (h *Header) extensions(l *layer, b []byte, at int, next uint8) bool {
	for {
		h.Key.Proto = next
		h.PayloadOffset = at
		var size int
		switch next {
		default:
			return h.transport(l, b, at, next)
		case protoHopByHop, protoRouting, protoDstOpts, protoFragment:
			if !h.Key.V6 { // behind an authentication header in IPv4
				return h.transport(l, b, at, next)
			}
			if len(b) < 8 {
				return false
			}
			size = int(b[1])*8 + 8
			if next == protoFragment {
				size = 8
				h.fragment((*[8]byte)(b))
			}
		case protoAH:
			if len(b) < 8 {
				return false
			}
			size = max(int(b[1])*4+8, 12)
		}
		if len(b) < size {
			return false
		}
		next = b[0]
		b = b[size:]
		at += size
		if h.FragOff != 0 {
			h.Key.Proto = next
			h.PayloadOffset = at
			h.HasKey = false
			return false
		}
	}
}

// fragment reads an IPv6 fragment header.
func (h *Header) fragment(b *[8]byte) {
	off := be.Uint16(b[2:])
	h.FragOff = off &^ 7
	h.MoreFrags = off&1 != 0
	h.Fragment = h.MoreFrags || h.FragOff != 0
	h.IPID = be.Uint16(b[6:])
}
