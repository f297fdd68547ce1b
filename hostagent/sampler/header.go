package sampler

import (
	"encoding/binary"

	"golang.org/x/sys/unix"

	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// fcs is the frame check sequence: a part of frame_length that no host sees.
const fcs = 4

// cutter makes sampled headers out of captured bytes.
type cutter struct {
	payload int // octets kept behind the innermost transport header
	limit   int // octets of a header at most
	parsed  packet.Header
	tagged  []byte // scratch for a frame whose tag is put back
}

// captureSnap is how many octets the kernel hands over: room for the headers of
// a tunnel with IPv6 and options inside, and the wanted payload.
func (c *cutter) captureSnap() uint32 { return uint32(c.limit) }

// header fills h from the captured bytes of a frame. h.Header refers to f.data
// or to the cutter's buffer, and is valid until the next call.
func (c *cutter) header(f *frame, h *sflow.SampledHeader) {
	h.FrameLength, h.Stripped = f.length+fcs, fcs
	b := f.data
	switch f.hardware {
	case unix.ARPHRD_ETHER, unix.ARPHRD_LOOPBACK:
		h.Protocol = uint32(packet.ProtocolEthernet)
		if f.tagged() && len(b) >= 12 {
			b = c.retag(b, f.tpid(), f.tci)
			h.FrameLength += 4
		}
	default: // a device without a link header: WireGuard, IPIP, a tun
		h.FrameLength, h.Stripped = f.length, 0
		h.Protocol = uint32(packet.ProtocolIPv4)
		if len(b) > 0 && b[0]>>4 == 6 {
			h.Protocol = uint32(packet.ProtocolIPv6)
		}
	}
	c.parsed.Decode(packet.Protocol(h.Protocol), b)
	h.Header = b[:min(c.parsed.PayloadOffset+c.payload, len(b), c.limit)]
}

// retag puts a VLAN tag back where the network card or the kernel took it.
func (c *cutter) retag(b []byte, tpid, tci uint16) []byte {
	t := append(c.tagged[:0], b[:12]...)
	t = binary.BigEndian.AppendUint16(t, tpid)
	t = binary.BigEndian.AppendUint16(t, tci)
	c.tagged = append(t, b[12:]...)
	return c.tagged
}
