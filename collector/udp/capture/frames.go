package capture

import (
	"io"
	"time"
)

// LinkType is a LINKTYPE_ value.
type LinkType uint32

// LinkEthernet is the LinkType of whole Ethernet frames.
const LinkEthernet LinkType = linkEthernet

// Frame is one packet as it was captured, without a frame check sequence.
type Frame struct {
	Data   []byte    // as much as was captured
	Length uint32    // octets on the wire, never less than len(Data)
	At     time.Time // UTC
	Link   LinkType
}

// IP returns what follows the link header, and its length on the wire; nil
// where that is no IP packet. VLAN tags are passed.
func (f *Frame) IP() (data []byte, length uint32) {
	b := network(uint32(f.Link), f.Data)
	if len(b) == 0 || b[0]>>4 != 4 && b[0]>>4 != 6 {
		return nil, 0
	}
	return b, f.Length - uint32(len(f.Data)-len(b))
}

// Frames reads the packets of one capture, whatever they are. It is for one
// goroutine; only BytesRead may be called from others.
type Frames struct {
	input
	unknownLink uint64
}

// OpenFrames opens a capture file; "-" is standard input.
func OpenFrames(path string) (*Frames, error) {
	r := &Frames{}
	if err := r.open(path); err != nil {
		return nil, err
	}
	return r, nil
}

// NewFrames reads a capture from in, called name in errors.
func NewFrames(in io.Reader, name string) (*Frames, error) {
	r := &Frames{}
	if err := r.begin(in, name); err != nil {
		return nil, err
	}
	return r, nil
}

// Next returns the next packet of a link type that is supported. It ends like
// [Reader.Next].
//
// Data is valid until the next call.
func (r *Frames) Next() (Frame, error) {
	for {
		p, err := r.next()
		if err != nil {
			return Frame{}, err
		}
		if !supported(p.link) {
			r.unknownLink++
			continue
		}
		f := Frame{Data: p.data, Length: max(p.length, uint32(len(p.data))), At: p.at, Link: LinkType(p.link)}
		f.Length -= min(f.Length, uint32(p.fcs))
		f.Data = f.Data[:min(uint64(len(f.Data)), uint64(f.Length))]
		return f, nil
	}
}

// UnknownLink counts the packets left out because their interface is of a link
// type that is not supported.
func (r *Frames) UnknownLink() uint64 { return r.unknownLink }
