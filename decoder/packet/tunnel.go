package packet

// carry moves l to the packet that starts at at in a tunnel.
func (l *layer) carry(t Tunnel, etherType uint16, at int) bool {
	l.tunnel = t
	l.etherType = etherType
	l.at = at
	l.hasVNI = false
	l.innerMAC = 0
	l.labels = 0
	l.cut = false
	if etherType == etherTypeMPLS {
		l.tags(false)
	}
	return true
}

// vxlan reads a VXLAN header (RFC 7348). Without the flag that says so there is
// no VNI and no frame.
func (l *layer) vxlan(b []byte, at int) bool {
	if len(b) < 8 || b[0]&0x08 == 0 {
		return false
	}
	l.carry(TunnelVXLAN, etherTypeTEB, at+8)
	l.hasVNI, l.vni = true, be.Uint32(b[4:])>>8
	return true
}

// geneve reads a Geneve header and passes its options (RFC 8926).
func (l *layer) geneve(b []byte, at int) bool {
	if len(b) < 8 || b[0]>>6 != 0 {
		return false
	}
	size := 8 + int(b[0]&0x3f)*4
	t := be.Uint16(b[2:])
	if len(b) < size || !tunnelled(t) {
		return false
	}
	l.carry(TunnelGeneve, t, at+size)
	l.hasVNI, l.vni = true, be.Uint32(b[4:])>>8
	return true
}

// Bits of the first two bytes of GRE (RFC 2784, 2890).
const (
	greChecksum = 0x8000
	greRouting  = 0x4000 // RFC 1701, abandoned
	greKey      = 0x2000
	greSequence = 0x1000
	greVersion  = 0x0007 // 1 is PPTP's
)

// gre reads a GRE header. Version 1, source routes and ERSPAN are not looked
// into: a mirrored frame is a copy, and its flow is counted where it passes.
func (l *layer) gre(b []byte, at int) bool {
	if len(b) < 4 {
		return false
	}
	flags := be.Uint16(b)
	t := be.Uint16(b[2:])
	if flags&(greRouting|greVersion) != 0 || !tunnelled(t) {
		return false
	}
	size := 4
	if flags&greChecksum != 0 {
		size += 4
	}
	keyAt := size
	if flags&greKey != 0 {
		size += 4
	}
	if flags&greSequence != 0 {
		size += 4
	}
	if len(b) < size {
		return false
	}
	l.carry(TunnelGRE, t, at+size)
	if flags&greKey != 0 {
		l.hasVNI, l.vni = true, be.Uint32(b[keyAt:])
		if t == etherTypeTEB && flags == greKey && l.vni>>8 >= nvgreFirst {
			l.tunnel = TunnelNVGRE
			l.vni >>= 8 // the low byte is a flow id
		}
	}
	return true
}

// nvgreFirst is the lowest virtual subnet id of NVGRE (RFC 7637, section 3.3):
// a lower one is the number of a network that Open vSwitch and Linux put into
// all 32 bits of the key.
const nvgreFirst = 0x1000

// tunnelled tells the protocol types that are looked into in Geneve and GRE.
func tunnelled(t uint16) bool {
	switch t {
	case etherTypeIPv4, etherTypeIPv6, etherTypeTEB, etherTypeMPLS:
		return true
	}
	return false
}
