package keys

import (
	"encoding/binary"
	"math/bits"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
)

var be = binary.BigEndian

// lane is a field of a set with the keys of its hash.
type lane struct {
	field
	fast   uint8
	k0, k1 uint64
}

// mixer gives seeds: splitmix64 (Steele, Lea, Flood 2014).
type mixer uint64

func (m *mixer) next() uint64 {
	*m += 0x9e3779b97f4a7c15
	x := uint64(*m)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// fold multiplies to 128 bits and folds them: with secret factors nobody who
// does not know them can aim at a value.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// sample is what is read of a flow sample once for all definitions.
type sample struct {
	gateway, router bool // records were looked for and are there
	srcAS, dstAS    uint32
	nextHop         [16]byte
	agent           [16]byte
	instances       *Instances // nil: none is known
}

// hasAddresses reports that Key has addresses: also in a later fragment.
func hasAddresses(h *packet.Header) bool {
	return h.HasKey || h.FragOff > 0 && h.Depth == packet.DepthNetwork && (h.EtherType == 0x0800 || h.EtherType == 0x86dd)
}

// hasPorts reports that a protocol has ports.
func hasPorts(proto uint8) bool {
	switch proto {
	case 6, 17, 33, 132, 136:
		return true
	}
	return false
}

// records reads what is asked of the router and gateway records.
func (s *sample) records(f *decoder.Flow) {
	s.gateway, s.router = false, false
	if f.Seen&decoder.SeenGateway != 0 {
		if r, ok := f.Record(sflow.FormatExtendedGateway); ok {
			var g sflow.ExtendedGateway
			if g.Decode(r) == nil {
				s.gateway = true
				s.srcAS = g.SrcAS
				if s.srcAS == 0 {
					s.srcAS = g.AS
				}
				if s.dstAS, _ = g.DstAS(); s.dstAS == 0 {
					s.dstAS = g.AS
				}
				if g.NextHop.IsValid() && !g.NextHop.IsUnspecified() {
					s.router, s.nextHop = true, g.NextHop.As16()
				}
			}
		}
	}
	if f.Seen&decoder.SeenRouter != 0 {
		if r, ok := f.Record(sflow.FormatExtendedRouter); ok {
			var e sflow.ExtendedRouter
			if e.Decode(r) == nil && e.NextHop.IsValid() && !e.NextHop.IsUnspecified() {
				s.router, s.nextHop = true, e.NextHop.As16()
			}
		}
	}
}

// address returns an address field as two words of 64 bits.
func (f *field) address(a *[16]byte) (hi, lo uint64, ok bool) {
	hi, lo = be.Uint64(a[:8]), be.Uint64(a[8:])
	if f.v4 == wholeAddress {
		return hi, lo, true
	}
	if hi == 0 && lo>>32 == 0xffff {
		if f.v4 == noAddress {
			return 0, 0, false
		}
		return 0, lo &^ (1<<(32-f.v4) - 1), true
	}
	switch {
	case f.v6 == noAddress:
		return 0, 0, false
	case f.v6 <= 64:
		return hi &^ (1<<(64-f.v6) - 1), 0, true
	}
	return hi, lo &^ (1<<(128-f.v6) - 1), true
}

// value returns a field as up to two words, and whether the sample has it.
func (s *sample) value(l *field, f *decoder.Flow) (hi, lo uint64, ok bool) {
	h := &f.Header
	switch l.kind {
	case kindSrc:
		if hasAddresses(h) {
			return l.address(&h.Key.Src)
		}
	case kindDst:
		if hasAddresses(h) {
			return l.address(&h.Key.Dst)
		}
	case kindDomain:
		return 0, uint64(h.Key.Domain), hasAddresses(h)
	case kindProto:
		return 0, uint64(h.Key.Proto), hasAddresses(h)
	case kindSrcPort:
		return 0, uint64(h.Key.SrcPort), s.ports(l, h)
	case kindDstPort:
		return 0, uint64(h.Key.DstPort), s.ports(l, h)
	case kindInput:
		index, ok := f.Sample.Input.Single()
		return 0, uint64(index), ok
	case kindOutput:
		index, ok := f.Sample.Output.Single()
		return 0, uint64(index), ok
	case kindInstance:
		hi, lo = s.instances.of(f)
		return hi, lo, !l.strict || hi|lo != 0
	case kindAgent:
		return be.Uint64(s.agent[:8]), be.Uint64(s.agent[8:]), true
	}
	return s.rare(l, f)
}

// ports reports that the ports are those of a flow.
func (s *sample) ports(l *field, h *packet.Header) bool {
	return h.HasKey && (!l.strict || h.Depth == packet.DepthTransport && hasPorts(h.Key.Proto))
}

// rare is value for the fields that fewer definitions have.
func (s *sample) rare(l *field, f *decoder.Flow) (hi, lo uint64, ok bool) {
	h := &f.Header
	switch l.kind {
	case kindInnerSrc:
		if h.Tunnel != packet.TunnelNone && hasAddresses(h) {
			return l.address(&h.Key.Src)
		}
	case kindInnerDst:
		if h.Tunnel != packet.TunnelNone && hasAddresses(h) {
			return l.address(&h.Key.Dst)
		}
	case kindOuterSrc:
		if h.Tunnel != packet.TunnelNone {
			return l.address(&h.Outer.Src)
		}
	case kindOuterDst:
		if h.Tunnel != packet.TunnelNone {
			return l.address(&h.Outer.Dst)
		}
	case kindTCPFlags:
		cut := f.Seen&decoder.SeenHeader != 0 && !h.HasTCP
		return 0, uint64(h.TCPFlags), h.HasKey && h.Key.Proto == 6 && !cut
	case kindDSCP:
		return 0, uint64(h.TOS >> 2), hasAddresses(h)
	case kindMACSrc:
		lo = mac(&h.SrcMAC)
		return 0, lo, lo != 0
	case kindMACDst:
		lo = mac(&h.DstMAC)
		return 0, lo, lo != 0
	case kindVLAN:
		if h.VLANTags > 0 {
			return 0, uint64(h.VLAN), true
		}
		return 0, uint64(f.InVLAN), f.Seen&decoder.SeenSwitch != 0 && f.InVLAN > 0 && f.InVLAN < 4096
	case kindVNI:
		switch {
		case h.HasVNI:
			return 0, uint64(h.VNI), true
		case f.Seen&decoder.SeenVNIIn != 0:
			return 0, uint64(f.InVNI), true
		}
		return 0, uint64(f.OutVNI), f.Seen&decoder.SeenVNIOut != 0
	case kindSrcAS:
		return 0, uint64(s.srcAS), s.gateway
	case kindDstAS:
		return 0, uint64(s.dstAS), s.gateway
	case kindNextHop:
		return be.Uint64(s.nextHop[:8]), be.Uint64(s.nextHop[8:]), s.router
	}
	return 0, 0, false
}

func mac(m *[6]byte) uint64 { return uint64(be.Uint32(m[:4]))<<16 | uint64(be.Uint16(m[4:])) }

// put writes a field's value in its size, big-endian.
func put(b []byte, size int, hi, lo uint64) {
	if size == 16 {
		be.PutUint64(b, hi)
		be.PutUint64(b[8:], lo)
		return
	}
	for i := size - 1; i >= 0; i-- {
		b[i] = byte(lo)
		lo >>= 8
	}
}
