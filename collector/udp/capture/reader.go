package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
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
	name   string
	file   io.Closer
	size   int64
	count  *countingReader
	source source
	packet packet
	opt    Options
	frags  fragments
	stats  Stats
	err    error // what ended the capture
}

// source delivers the packets of one file format. The packet is valid until
// the next call. An error wraps ErrCut or ErrDamaged, is io.EOF after the last
// packet, or is the reader's.
type source interface {
	next(p *packet) error
}

// packet is one captured packet.
type packet struct {
	data []byte
	link uint32    // LINKTYPE_ value
	at   time.Time // UTC
}

// Open opens a capture file; "-" is standard input.
func Open(path string, opt Options) (*Reader, error) {
	if path == "-" {
		return NewReader(os.Stdin, "standard input", opt)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := NewReader(f, path, opt)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	r.file = f
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		r.size = info.Size()
	}
	return r, nil
}

// NewReader reads a capture from in, called name in errors.
func NewReader(in io.Reader, name string, opt Options) (*Reader, error) {
	if len(opt.Ports) == 0 {
		opt.Ports = []uint16{DefaultPort}
	}
	r := &Reader{name: name, opt: opt, count: &countingReader{in: in}}
	buf := bufio.NewReaderSize(r.count, bufferSize)
	head, err := buf.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", name, bare(err))
	}
	if len(head) == 0 {
		return nil, fmt.Errorf("%s: empty: %w", name, ErrNotCapture)
	}
	switch {
	case isPcap(head):
		r.source, err = newPcap(buf)
	case isPcapng(head):
		r.source, err = newPcapng(buf)
	case len(head) > 1 && head[0] == 0x1f && head[1] == 0x8b:
		err = fmt.Errorf("compressed, unpack it with gunzip first: %w", ErrNotCapture)
	default:
		err = fmt.Errorf("neither pcap nor pcapng, it begins with % x: %w", head, ErrNotCapture)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// bare takes the operation and path off a file error, which name repeats.
func bare(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// Next returns the next datagram. At the end of the capture the error is
// io.EOF. It wraps ErrCut where the capture ends in the middle of a packet and
// ErrDamaged where it cannot be read on; what was before has been delivered.
//
// The payload is valid until the next call.
func (r *Reader) Next() (Datagram, error) {
	p := &r.packet
	for r.err == nil {
		if err := r.source.next(p); err != nil {
			r.err = io.EOF
			if !errors.Is(err, io.EOF) {
				r.err = fmt.Errorf("%s: after packet %d: %w", r.name, r.stats.Packets, bare(err))
			}
			break
		}
		r.stats.Packets++
		d := Datagram{At: p.at}
		if r.decode(p, &d) {
			r.stats.Datagrams++
			if d.Cut {
				r.stats.Cut++
			}
			return d, nil
		}
	}
	return Datagram{}, r.err
}

// Stats returns the counters.
func (r *Reader) Stats() Stats {
	s := r.stats
	s.FragsLost += r.frags.lost
	return s
}

// BytesRead returns how much of the file was read, in steps of a large buffer.
func (r *Reader) BytesRead() int64 { return r.count.n.Load() }

// Size returns the length of the file; 0 where it is not known.
func (r *Reader) Size() int64 { return r.size }

// Close closes the file that Open opened.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// countingReader counts what passes through it.
type countingReader struct {
	in io.Reader
	n  atomic.Int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.in.Read(b)
	c.n.Add(int64(n))
	return n, err
}
