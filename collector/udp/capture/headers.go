package capture

import (
	"encoding/binary"
	"net/netip"
)

var be = binary.BigEndian

// Link types (LINKTYPE_ values; where an operating system's own number is
// also found in files, both).
const (
	linkNull      = 0
	linkEthernet  = 1
	linkRawBSD    = 12
	linkRawOpen   = 14
	linkRaw       = 101
	linkLoop      = 108
	linkCooked    = 113
	linkIPv4      = 228
	linkIPv6      = 229
	linkCookedV2  = 276
	maxTags       = 8 // VLAN tags read
	maxExtensions = 16
)

func supported(link uint32) bool {
	switch link {
	case linkNull, linkEthernet, linkRawBSD, linkRawOpen, linkRaw, linkLoop, linkCooked, linkIPv4, linkIPv6, linkCookedV2:
		return true
	}
	return false
}

// network strips the link header. It returns nil when no IP packet follows.
func network(link uint32, b []byte) []byte {
	var etherType uint16
	switch link {
	case linkRaw, linkRawBSD, linkRawOpen, linkIPv4, linkIPv6:
		return b
	case linkNull, linkLoop:
		// The address family has another number, and another byte order, on
		// every system that writes it; the IP version says the same.
		if len(b) < 4 {
			return nil
		}
		return b[4:]
	case linkEthernet:
		if len(b) < 14 {
			return nil
		}
		etherType, b = be.Uint16(b[12:]), b[14:]
	case linkCooked:
		if len(b) < 16 {
			return nil
		}
		etherType, b = be.Uint16(b[14:]), b[16:]
	case linkCookedV2:
		if len(b) < 20 {
			return nil
		}
		etherType, b = be.Uint16(b), b[20:]
	}
	for range maxTags {
		switch etherType {
		case 0x0800, 0x86dd:
			return b
		case 0x8100, 0x88a8, 0x9100:
			if len(b) < 4 {
				return nil
			}
			etherType, b = be.Uint16(b[2:]), b[4:]
		default:
			return nil
		}
	}
	return nil
}

// decode finds the datagram of a packet and reports whether there is one that
// is wanted. Every packet that has none is counted.
func (r *Reader) decode(p *packet, d *Datagram) bool {
	if !supported(p.link) {
		r.stats.UnknownLink++
		return false
	}
	b := network(p.link, p.data)
	if len(b) == 0 {
		r.stats.NotUDP++
		return false
	}
	switch b[0] >> 4 {
	case 4:
		return r.ipv4(b, d)
	case 6:
		return r.ipv6(b, d)
	}
	r.stats.NotUDP++
	return false
}

const protoUDP = 17

func (r *Reader) ipv4(b []byte, d *Datagram) bool {
	if len(b) < 20 {
		r.stats.Malformed++
		return false
	}
	head, total := int(b[0]&15)*4, int(be.Uint16(b[2:]))
	if total == 0 {
		total = len(b) // captured before segmentation in hardware
	}
	if head < 20 || total < head || len(b) < head {
		r.stats.Malformed++
		return false
	}
	if b[9] != protoUDP {
		r.stats.NotUDP++
		return false
	}
	cut := len(b) < total
	payload := b[head:min(total, len(b))]
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	if frag := be.Uint16(b[6:]); frag&0x3fff != 0 {
		r.stats.Fragments++
		if cut {
			r.frags.lost++
			return false
		}
		f := fragment{
			key:    fragmentKey{src: src, dst: dst, id: uint32(be.Uint16(b[4:]))},
			offset: int(frag&0x1fff) * 8, more: frag&0x2000 != 0, data: payload, at: d.At,
		}
		if _, payload = r.frags.add(&f); payload == nil {
			return false
		}
		r.stats.Reassembled++
	}
	return r.udp(payload, src, dst, cut, d)
}

func (r *Reader) ipv6(b []byte, d *Datagram) bool {
	if len(b) < 40 {
		r.stats.Malformed++
		return false
	}
	size := int(be.Uint16(b[4:]))
	if size == 0 {
		size = len(b) - 40 // a jumbogram, or captured before segmentation
	}
	cut := len(b)-40 < size
	payload := b[40:min(40+size, len(b))]
	src, dst := netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
	next := b[6]
	for range maxExtensions {
		if next == protoUDP {
			return r.udp(payload, src, dst, cut, d)
		}
		n := extension(next, payload)
		if n == 0 {
			r.stats.NotUDP++
			return false
		}
		if n > len(payload) {
			r.stats.Malformed++
			return false
		}
		if next != headerFragment {
			next, payload = payload[0], payload[n:]
			continue
		}
		offset := be.Uint16(payload[2:])
		if offset&0xfff9 == 0 { // an atomic fragment (RFC 6946) is whole
			next, payload = payload[0], payload[n:]
			continue
		}
		r.stats.Fragments++
		if cut {
			r.frags.lost++
			return false
		}
		f := fragment{
			key:    fragmentKey{src: src, dst: dst, id: be.Uint32(payload[4:])},
			offset: int(offset &^ 7), more: offset&1 != 0, next: payload[0], data: payload[n:], at: d.At,
		}
		if next, payload = r.frags.add(&f); payload == nil {
			return false
		}
		r.stats.Reassembled++
	}
	r.stats.Malformed++
	return false
}

const headerFragment = 44

// extension returns the length of an IPv6 extension header; 0 when next is
// none that UDP can follow, and more than there is when b is too short.
func extension(next byte, b []byte) int {
	switch next {
	case 0, 43, 60, 135: // hop-by-hop, routing, destination options, mobility
		if len(b) < 8 {
			return 8
		}
		return 8 + int(b[1])*8
	case headerFragment:
		return 8
	case 51: // authentication
		if len(b) < 8 {
			return 8
		}
		return 8 + int(b[1])*4
	}
	return 0
}

func (r *Reader) udp(b []byte, src, dst netip.Addr, cut bool, d *Datagram) bool {
	if len(b) < 8 {
		r.stats.Malformed++
		return false
	}
	to := be.Uint16(b[2:])
	if !r.wanted(to) {
		r.stats.OtherPort++
		return false
	}
	size := int(be.Uint16(b[4:]))
	switch {
	case size == 0: // a jumbogram, or captured before segmentation
		size = len(b)
	case size < 8 || (size > len(b) && !cut):
		r.stats.Malformed++
		return false
	}
	d.Cut = size > len(b)
	d.Payload = b[8:min(size, len(b))]
	d.From = netip.AddrPortFrom(src, be.Uint16(b))
	d.To = netip.AddrPortFrom(dst, to)
	return true
}

func (r *Reader) wanted(port uint16) bool {
	if r.opt.AnyPort {
		return true
	}
	for _, p := range r.opt.Ports {
		if p == port {
			return true
		}
	}
	return false
}
