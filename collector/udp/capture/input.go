package capture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
)

// input is one capture file of either format. Only BytesRead may be called
// from another goroutine than next.
type input struct {
	name    string
	file    io.Closer
	size    int64
	count   countingReader
	source  source
	packet  packet
	packets uint64 // read so far
	err     error  // what ended the capture
}

// source delivers the packets of one file format. The packet is valid until
// the next call. An error wraps ErrCut or ErrDamaged, is io.EOF after the last
// packet, or is the reader's.
type source interface {
	next(p *packet) error
}

// packet is one captured packet.
type packet struct {
	data   []byte
	length uint32    // octets on the wire; below len(data) in files that do not know it
	fcs    int       // octets of a frame check sequence that length counts in
	link   uint32    // LINKTYPE_ value
	at     time.Time // UTC
}

// open opens a capture file; "-" is standard input.
func (r *input) open(path string) error {
	if path == "-" {
		return r.begin(os.Stdin, "standard input")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	if err := r.begin(f, path); err != nil {
		_ = f.Close()
		return err
	}
	r.file = f
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		r.size = info.Size()
	}
	return nil
}

// begin finds out the format of in.
func (r *input) begin(in io.Reader, name string) error {
	r.name, r.count.in = name, in
	buf := bufio.NewReaderSize(&r.count, bufferSize)
	head, err := buf.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", name, bare(err))
	}
	if len(head) == 0 {
		return fmt.Errorf("%s: empty: %w", name, ErrNotCapture)
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
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// bare takes the operation and path off a file error, which name repeats.
func bare(err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err
	}
	return err
}

// next returns the next packet, valid until the next call.
func (r *input) next() (*packet, error) {
	if r.err != nil {
		return nil, r.err
	}
	if err := r.source.next(&r.packet); err != nil {
		r.err = io.EOF
		if !errors.Is(err, io.EOF) {
			r.err = fmt.Errorf("%s: after packet %d: %w", r.name, r.packets, bare(err))
		}
		return nil, r.err
	}
	r.packets++
	return &r.packet, nil
}

// BytesRead returns how much of the file was read, in steps of a large buffer.
func (r *input) BytesRead() int64 { return r.count.n.Load() }

// Size returns the length of the file; 0 where it is not known.
func (r *input) Size() int64 { return r.size }

// Close closes the file that was opened by its name.
func (r *input) Close() error {
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
