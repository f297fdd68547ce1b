package capture

import (
	"errors"
	"io"
	"net/netip"
	"time"
)

// DefaultPort is the port registered for sFlow.
const DefaultPort = 6343

// MaxPacket is the largest packet read, in octets; also libpcap allows none
// that is longer.
const MaxPacket = 256 << 10

// bufferSize holds the largest packet with its block around it.
const bufferSize = 2 * MaxPacket

// Reasons why a file is not read, or not read on.
var (
	ErrNotCapture = errors.New("not a capture file")
	ErrLinkType   = errors.New("link type not supported")
	ErrCut        = errors.New("capture is cut") // everything before the cut was delivered
	ErrDamaged    = errors.New("capture is damaged")
)

// Options chooses datagrams.
type Options struct {
	Ports   []uint16 // UDP destination ports; nil: DefaultPort
	AnyPort bool     // instead of Ports
}

// Datagram is one UDP datagram.
type Datagram struct {
	Payload  []byte
	From, To netip.AddrPort
	At       time.Time // UTC
	Cut      bool      // the capture does not hold the end of Payload
}

// Stats counts what a Reader met. Every packet, and every datagram put together,
// is in exactly one of Datagrams, NotUDP, OtherPort, Malformed, UnknownLink and
// Fragments.
type Stats struct {
	Packets     uint64
	Datagrams   uint64 // delivered
	Cut         uint64 // delivered without their end
	NotUDP      uint64
	OtherPort   uint64
	Malformed   uint64 // a header that contradicts itself, or cut before the payload
	UnknownLink uint64 // on an interface of a link type that is not supported
	Fragments   uint64 // of UDP over IPv4, or of anything over IPv6
	Reassembled uint64 // datagrams put together
	FragsLost   uint64 // fragments thrown away: too many, too old, inconsistent or cut
}

// Reader reads the datagrams of one capture. It is for one goroutine; only
// BytesRead may be called from others.
type Reader struct {
	input
	opt   Options
	frags fragments
	stats Stats
}

// Open opens a capture file; "-" is standard input.
func Open(path string, opt Options) (*Reader, error) {
	r := newReader(opt)
	if err := r.open(path); err != nil {
		return nil, err
	}
	return r, nil
}

// NewReader reads a capture from in, called name in errors.
func NewReader(in io.Reader, name string, opt Options) (*Reader, error) {
	r := newReader(opt)
	if err := r.begin(in, name); err != nil {
		return nil, err
	}
	return r, nil
}

func newReader(opt Options) *Reader {
	if len(opt.Ports) == 0 {
		opt.Ports = []uint16{DefaultPort}
	}
	return &Reader{opt: opt}
}

// Next returns the next datagram. At the end of the capture the error is
// io.EOF. It wraps ErrCut where the capture ends in the middle of a packet and
// ErrDamaged where it cannot be read on; what was before has been delivered.
//
// The payload is valid until the next call.
func (r *Reader) Next() (Datagram, error) {
	for {
		p, err := r.next()
		if err != nil {
			return Datagram{}, err
		}
		d := Datagram{At: p.at}
		if r.decode(p, &d) {
			r.stats.Datagrams++
			if d.Cut {
				r.stats.Cut++
			}
			return d, nil
		}
	}
}

// Stats returns the counters.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.Packets = r.packets
	s.FragsLost += r.frags.lost
	return s
}
