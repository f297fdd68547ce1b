package evidence

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"weir/collector/record"
	"weir/decoder/packet"
)

var le = binary.LittleEndian

// Blocks and options of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 6
	byteOrder      = 0x1a2b3c4d

	optEnd        = 0
	optComment    = 1
	optName       = 2 // of an interface
	optResolution = 9
	nanoseconds   = 9
)

// linkType is that of a sampled header; ok is false for one that has none.
func linkType(p packet.Protocol) (t uint16, ok bool) {
	switch p {
	case packet.ProtocolEthernet:
		return 1, true
	case packet.ProtocolIPv4:
		return 228, true
	case packet.ProtocolIPv6:
		return 229, true
	case 7: // PPP
		return 9, true
	case 13: // MPLS
		return 219, true
	}
	return 0, false
}

// block appends a block whose body fill appends.
func block(b []byte, kind uint32, fill func(b []byte) []byte) []byte {
	at := len(b)
	b = fill(le.AppendUint32(le.AppendUint32(b, kind), 0))
	for len(b)%4 != 0 { // b begins at a multiple of four
		b = append(b, 0)
	}
	size := uint32(len(b) - at + 4)
	le.PutUint32(b[at+4:], size)
	return le.AppendUint32(b, size)
}

// maxOption bounds a text, in octets.
const maxOption = 4096

func option(b []byte, code uint16, value []byte) []byte {
	value = value[:min(len(value), maxOption)]
	b = append(le.AppendUint16(le.AppendUint16(b, code), uint16(len(value))), value...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// interfaces counts those that a file has; a file that is not whole has none.
func interfaces(b []byte) (n uint32, whole bool) {
	for len(b) > 0 {
		if len(b) < 12 {
			return 0, false
		}
		size := le.Uint32(b[4:])
		if size < 12 || size%4 != 0 || uint64(size) > uint64(len(b)) {
			return 0, false
		}
		if le.Uint32(b) == blockInterface {
			n++
		}
		b = b[size:]
	}
	return n, true
}

// appendHeaders appends headers to a file, with an interface for each port of an
// agent. A new file begins with a comment; one that is not whole is begun anew.
func appendHeaders(b []byte, comment string, headers []*record.Header, agent func(uint32) netip.Addr) []byte {
	have, whole := interfaces(b)
	if !whole {
		b = b[:0]
	}
	if len(b) == 0 {
		b = block(b, blockSection, func(b []byte) []byte {
			b = le.AppendUint16(le.AppendUint16(le.AppendUint32(b, byteOrder), 1), 0)
			b = le.AppendUint64(b, ^uint64(0)) // length not told
			return option(option(b, optComment, []byte(comment)), optEnd, nil)
		})
	}
	type port struct {
		agent, input uint32
		link         uint16
	}
	ports := map[port]uint32{}
	for _, h := range headers {
		link, ok := linkType(h.Protocol)
		if !ok {
			continue
		}
		p := port{h.Agent, h.Input, link}
		id, ok := ports[p]
		if !ok {
			id = have + uint32(len(ports))
			ports[p] = id
			b = block(b, blockInterface, func(b []byte) []byte {
				b = le.AppendUint32(le.AppendUint16(le.AppendUint16(b, p.link), 0), 0)
				b = option(b, optName, []byte(fmt.Sprintf("%s port %d", agent(h.Agent), h.Input&(1<<30-1))))
				return option(option(b, optResolution, []byte{nanoseconds}), optEnd, nil)
			})
		}
		b = block(b, blockPacket, func(b []byte) []byte {
			b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, id), uint32(h.At>>32)), uint32(h.At))
			b = le.AppendUint32(le.AppendUint32(b, uint32(h.N)), max(h.Length, uint32(h.N)))
			b = append(b, h.Octets[:h.N]...)
			for len(b)%4 != 0 {
				b = append(b, 0)
			}
			return option(option(b, optComment, fmt.Appendf(nil, "1 of %d packets, out at port %d", h.Rate, h.Output&(1<<30-1))), optEnd, nil)
		})
	}
	return b
}
