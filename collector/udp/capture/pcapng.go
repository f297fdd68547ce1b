package capture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"time"
)

// Block types of pcapng (draft-ietf-opsawg-pcapng).
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6
)

const (
	byteOrderMagic = 0x1a2b3c4d
	maxInterfaces  = 4096
	maxDescription = 64 << 10 // octets of an interface description block
	maxSeconds     = 1 << 33  // of a time stamp: the year 2242, still good in nanoseconds
)

// pcapng reads the format of sections and blocks.
type pcapng struct {
	in         *bufio.Reader
	order      binary.ByteOrder
	interfaces []ngInterface
	at         time.Time // of the last packet, for those that have none
}

type ngInterface struct {
	link    uint32
	snaplen uint32
	units   uint64 // time stamp units per second
	offset  int64  // seconds to add
	fcs     int    // octets of the frame check sequence behind each packet
}

func isPcapng(head []byte) bool {
	return len(head) == 4 && binary.LittleEndian.Uint32(head) == blockSection
}

func newPcapng(in *bufio.Reader) (*pcapng, error) {
	p := &pcapng{in: in, at: time.Unix(0, 0).UTC()}
	if err := p.section(); err != nil {
		return nil, fmt.Errorf("pcapng section header (%w): %w", err, ErrNotCapture)
	}
	return p, nil
}

// peek returns the next n octets without passing them.
func (p *pcapng) peek(n int) ([]byte, error) {
	b, err := p.in.Peek(n)
	if errors.Is(err, io.EOF) {
		return nil, ErrCut
	}
	return b, err
}

func (p *pcapng) discard(n int) error {
	_, err := p.in.Discard(n)
	if errors.Is(err, io.EOF) {
		return ErrCut
	}
	return err
}

// section reads a section header block, which sets the byte order.
func (p *pcapng) section() error {
	b, err := p.peek(16)
	if err != nil {
		return err
	}
	switch uint32(byteOrderMagic) {
	case binary.LittleEndian.Uint32(b[8:]):
		p.order = binary.LittleEndian
	case binary.BigEndian.Uint32(b[8:]):
		p.order = binary.BigEndian
	default:
		return fmt.Errorf("byte order % x: %w", b[8:12], ErrDamaged)
	}
	if major := p.order.Uint16(b[12:]); major != 1 {
		return fmt.Errorf("version %d: %w", major, ErrDamaged)
	}
	p.interfaces = p.interfaces[:0]
	return p.skip(28)
}

// skip passes the block that comes next; it has at least least octets.
func (p *pcapng) skip(least uint32) error {
	b, err := p.peek(8)
	if err != nil {
		return err
	}
	total := p.order.Uint32(b[4:])
	if total < least || total%4 != 0 {
		return fmt.Errorf("block of %d octets: %w", total, ErrDamaged)
	}
	if err := p.discard(int(total) - 4); err != nil {
		return err
	}
	if b, err = p.peek(4); err != nil {
		return err
	}
	if end := p.order.Uint32(b); end != total {
		return fmt.Errorf("block of %d octets ends as one of %d: %w", total, end, ErrDamaged)
	}
	return p.discard(4)
}

func (p *pcapng) next(out *packet) error {
	for {
		if _, err := p.in.Peek(1); err != nil {
			return err // io.EOF between two blocks is the end
		}
		b, err := p.peek(8)
		if err != nil {
			return err
		}
		switch p.order.Uint32(b) {
		case blockSection:
			err = p.section()
		case blockInterface:
			err = p.describe()
		case blockPacket, blockSimple, blockEnhanced:
			return p.packet(out, p.order.Uint32(b), p.order.Uint32(b[4:]))
		default:
			err = p.skip(12)
		}
		if err != nil {
			return err
		}
	}
}

// packet reads a packet block of total octets. Its data is copied by nobody:
// it stays in the buffer, which is large enough, until the next block is read.
func (p *pcapng) packet(out *packet, kind, total uint32) error {
	head := uint32(28) // type, length, interface, time (2), captured, original
	if kind == blockSimple {
		head = 12 // type, length, original
	}
	if total < head+4 || total%4 != 0 {
		return fmt.Errorf("packet block of %d octets: %w", total, ErrDamaged)
	}
	b, err := p.peek(int(head))
	if err != nil {
		return err
	}
	var index, captured, length uint32
	switch kind {
	case blockEnhanced:
		index, captured, length = p.order.Uint32(b[8:]), p.order.Uint32(b[20:]), p.order.Uint32(b[24:])
	case blockPacket:
		index, captured, length = uint32(p.order.Uint16(b[8:])), p.order.Uint32(b[20:]), p.order.Uint32(b[24:])
	case blockSimple:
		length = p.order.Uint32(b[8:])
	}
	if index >= uint32(len(p.interfaces)) {
		return fmt.Errorf("packet of interface %d of %d: %w", index, len(p.interfaces), ErrDamaged)
	}
	ifc := &p.interfaces[index]
	if kind == blockSimple {
		captured = min(length, total-head-4)
		if ifc.snaplen != 0 {
			captured = min(captured, ifc.snaplen)
		}
	} else {
		p.at = ifc.time(uint64(p.order.Uint32(b[12:]))<<32 | uint64(p.order.Uint32(b[16:])))
	}
	if captured > total-head-4 || captured > MaxPacket {
		return fmt.Errorf("packet of %d octets in a block of %d: %w", captured, total, ErrDamaged)
	}
	if b, err = p.peek(int(head + captured)); err != nil {
		return err
	}
	*out = packet{data: b[head:], length: length, fcs: ifc.fcs, link: ifc.link, at: p.at}
	if total > bufferSize { // options longer than any packet
		out.data = append([]byte(nil), out.data...)
		return p.skip(total)
	}
	// Passing the block leaves its octets in the buffer when all are there.
	if b, err = p.peek(int(total)); err != nil {
		return err
	}
	if end := p.order.Uint32(b[total-4:]); end != total {
		return fmt.Errorf("block of %d octets ends as one of %d: %w", total, end, ErrDamaged)
	}
	out.data = b[head : head+captured : head+captured]
	return p.discard(int(total))
}

// describe reads an interface description block.
func (p *pcapng) describe() error {
	b, err := p.peek(8)
	if err != nil {
		return err
	}
	total := p.order.Uint32(b[4:])
	if total < 20 || total > maxDescription {
		return fmt.Errorf("interface description of %d octets: %w", total, ErrDamaged)
	}
	if len(p.interfaces) == maxInterfaces {
		return fmt.Errorf("more than %d interfaces: %w", maxInterfaces, ErrDamaged)
	}
	if b, err = p.peek(int(total)); err != nil {
		return err
	}
	ifc := ngInterface{link: uint32(p.order.Uint16(b[8:])), snaplen: p.order.Uint32(b[12:]), units: 1e6}
	if err := ifc.options(b[16:total-4], p.order); err != nil {
		return err
	}
	p.interfaces = append(p.interfaces, ifc)
	return p.skip(20)
}

// options reads if_tsresol (9), if_fcslen (13) and if_tsoffset (14).
func (ifc *ngInterface) options(b []byte, order binary.ByteOrder) error {
	for len(b) >= 4 {
		code, size := order.Uint16(b), int(order.Uint16(b[2:]))
		b = b[4:]
		if code == 0 {
			return nil
		}
		if size > len(b) {
			return fmt.Errorf("interface option %d of %d octets: %w", code, size, ErrDamaged)
		}
		switch {
		case code == 9 && size == 1:
			exp := b[0] & 0x7f
			switch {
			case b[0]&0x80 != 0 && exp < 64:
				ifc.units = 1 << exp
			case b[0]&0x80 == 0 && exp < 20:
				ifc.units = 1
				for range exp {
					ifc.units *= 10
				}
			default:
				return fmt.Errorf("time stamp resolution %#x: %w", b[0], ErrDamaged)
			}
		case code == 13 && size == 1:
			ifc.fcs = int(b[0])
		case code == 14 && size == 8:
			ifc.offset = int64(order.Uint64(b))
		}
		b = b[min(len(b), (size+3)&^3):]
	}
	return nil
}

// time converts a time stamp; what no clock can have shown is brought to the
// nearest bound.
func (ifc *ngInterface) time(stamp uint64) time.Time {
	secs, rest := stamp/ifc.units, stamp%ifc.units
	if secs > maxSeconds || ifc.offset > maxSeconds || ifc.offset < -maxSeconds {
		return time.Unix(maxSeconds, 0).UTC()
	}
	hi, lo := bits.Mul64(rest, 1e9)
	nanos, _ := bits.Div64(hi, lo, ifc.units)
	return time.Unix(min(max(0, int64(secs)+ifc.offset), maxSeconds), int64(nanos)).UTC()
}
