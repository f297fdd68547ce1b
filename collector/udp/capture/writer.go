package capture

import (
	"fmt"
	"io"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// Writer writes UDP datagrams as a pcap file of Ethernet frames with times in
// nanoseconds.
type Writer struct {
	out *pcapgo.Writer
	buf []byte
}

// NewWriter writes the file's header.
func NewWriter(w io.Writer) (*Writer, error) {
	out := pcapgo.NewWriterNanos(w)
	if err := out.WriteFileHeader(MaxPacket, layers.LinkTypeEthernet); err != nil {
		return nil, err
	}
	return &Writer{out: out}, nil
}

// Write appends one datagram. From and To are both IPv4 or both IPv6.
func (w *Writer) Write(d Datagram) error {
	frame, err := appendFrame(w.buf[:0], d)
	if err != nil {
		return err
	}
	w.buf = frame
	return w.out.WritePacket(gopacket.CaptureInfo{Timestamp: d.At, CaptureLength: len(frame), Length: len(frame)}, frame)
}

// appendFrame appends Ethernet, IP and UDP headers and the payload.
func appendFrame(b []byte, d Datagram) ([]byte, error) {
	src, dst := d.From.Addr().Unmap(), d.To.Addr().Unmap()
	size := 8 + len(d.Payload)
	if !src.IsValid() || !dst.IsValid() || src.Is4() != dst.Is4() {
		return nil, fmt.Errorf("no packet can go from %v to %v", d.From, d.To)
	}
	if size > maxDatagram {
		return nil, fmt.Errorf("payload of %d octets, a UDP datagram holds at most %d", len(d.Payload), maxDatagram-8)
	}
	b = append(b, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1) // locally administered
	if src.Is4() {
		b = append(b, 0x08, 0x00)
		ip := len(b)
		b = append(b, 0x45, 0)
		b = be.AppendUint16(b, uint16(20+size))
		b = append(b, 0, 0, 0x40, 0, 64, protoUDP, 0, 0)
		b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
		be.PutUint16(b[ip+10:], ^fold(sum(0, b[ip:])))
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = be.AppendUint16(b, uint16(size))
		b = append(b, protoUDP, 64)
		b = append(append(b, src.AsSlice()...), dst.AsSlice()...)
	}
	udp := len(b)
	b = be.AppendUint16(b, d.From.Port())
	b = be.AppendUint16(b, d.To.Port())
	b = be.AppendUint16(b, uint16(size))
	b = append(b, 0, 0)
	b = append(b, d.Payload...)
	check := sum(protoUDP+uint32(size), src.AsSlice())
	check = ^uint32(fold(sum(sum(check, dst.AsSlice()), b[udp:])))
	if uint16(check) == 0 {
		check = 0xffff // zero would mean that there is none
	}
	be.PutUint16(b[udp+6:], uint16(check))
	return b, nil
}

// sum adds the 16-bit words of b to s (RFC 1071).
func sum(s uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		s += uint32(be.Uint16(b))
	}
	if len(b) == 1 {
		s += uint32(b[0]) << 8
	}
	return s
}

func fold(s uint32) uint16 {
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}
