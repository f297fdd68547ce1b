package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/google/gopacket/pcapgo"
)

// pcap reads the classic format.
type pcap struct {
	in   *pcapgo.Reader
	link uint32
	fcs  int // octets of the frame check sequence behind each packet
}

const (
	pcapMagic      = 0xa1b2c3d4 // microseconds
	pcapMagicNanos = 0xa1b23c4d
	pcapHeaderLen  = 24
)

func pcapOrder(head []byte) binary.ByteOrder {
	if len(head) < 4 {
		return nil
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if m := order.Uint32(head); m == pcapMagic || m == pcapMagicNanos {
			return order
		}
	}
	return nil
}

func isPcap(head []byte) bool { return pcapOrder(head) != nil }

func newPcap(buf *bufio.Reader) (*pcap, error) {
	head, err := buf.Peek(pcapHeaderLen)
	if err != nil {
		return nil, fmt.Errorf("pcap header of %d instead of %d octets: %w", len(head), pcapHeaderLen, ErrNotCapture)
	}
	order := pcapOrder(head)
	// pcapgo keeps 8 bits of the link type. The upper ones of the word tell of
	// a frame check sequence behind each packet: bit 26 that its length is
	// known, the top four that length in units of 16 bits.
	word := order.Uint32(head[20:])
	p := &pcap{link: word & 0xffff}
	if word&(1<<26) != 0 {
		p.fcs = int(word>>28) * 2
	}
	if !supported(p.link) {
		return nil, fmt.Errorf("link type %d: %w", p.link, ErrLinkType)
	}
	if p.in, err = pcapgo.NewReader(buf); err != nil {
		return nil, fmt.Errorf("pcap version %d.%d: %w", order.Uint16(head[4:]), order.Uint16(head[6:]), ErrNotCapture)
	}
	p.in.SetSnaplen(MaxPacket) // files often exceed the length they promise
	return p, nil
}

func (p *pcap) next(out *packet) error {
	data, info, err := p.in.ZeroCopyReadPacketData()
	switch {
	case err == nil:
		*out = packet{data: data, length: uint32(info.Length), fcs: p.fcs, link: p.link, at: info.Timestamp}
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF) && info.CaptureLength > 0:
		return ErrCut
	case errors.Is(err, io.EOF):
		return io.EOF
	case info.CaptureLength > MaxPacket || info.CaptureLength > info.Length:
		return fmt.Errorf("packet of %d octets, %d of them captured: %w", info.Length, info.CaptureLength, ErrDamaged)
	}
	return err
}
