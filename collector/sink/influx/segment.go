package influx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A segment is a file of blocks, one after the other, each with a head:
//
//	magic   4  "WEIR"
//	length  4  of the block
//	points  4
//	crc     4  CRC-32C of the 24 octets length, points, seq, at, and the block
//	seq     8  number of the block, ascending, never used twice, unless it was erased
//	at      8  when the block was made, ns since the epoch
//
// all big endian. Nothing is ever changed in place: Erase writes a file anew.
const (
	headSize = 32
	magic    = "WEIR"
	maxBlock = 16 << 20 // octets; a longer one is not written, and no length
)

var (
	be         = binary.BigEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)

	errCorrupt = errors.New("no block begins here")
)

// head is the head of a block.
type head struct {
	length, points uint32
	crc            uint32
	seq            uint64
	at             int64
}

func (h *head) size() int64 { return headSize + int64(h.length) }

// appendBlock appends a block with its head.
func appendBlock(b []byte, seq uint64, at int64, points int, block []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = be.AppendUint32(b, uint32(len(block)))
	b = be.AppendUint32(b, uint32(points))
	b = be.AppendUint32(b, 0)
	b = be.AppendUint64(b, seq)
	b = be.AppendUint64(b, uint64(at))
	b = append(b, block...)
	be.PutUint32(b[start+12:], sum(b[start:start+headSize], block))
	return b
}

func sum(h, block []byte) uint32 {
	crc := crc32.Update(0, castagnoli, h[4:12])
	crc = crc32.Update(crc, castagnoli, h[16:headSize])
	return crc32.Update(crc, castagnoli, block)
}

// readHead reads the head at off, errCorrupt where there is none of a block
// that ends within size.
func readHead(f io.ReaderAt, off, size int64) (h head, err error) {
	var b [headSize]byte
	if off+headSize > size {
		return h, errCorrupt
	}
	if _, err := f.ReadAt(b[:], off); err != nil {
		return h, err
	}
	h = head{be.Uint32(b[4:]), be.Uint32(b[8:]), be.Uint32(b[12:]), be.Uint64(b[16:]), int64(be.Uint64(b[24:]))}
	if string(b[:4]) != magic || h.length > maxBlock || off+h.size() > size {
		return h, errCorrupt
	}
	return h, nil
}

// readBlock reads the block at off into buf, which grows as needed.
func readBlock(f io.ReaderAt, off, size int64, buf []byte) (head, []byte, error) {
	h, err := readHead(f, off, size)
	if err != nil {
		return h, buf, err
	}
	n := int(h.size())
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := f.ReadAt(buf, off); err != nil {
		return h, buf, err
	}
	if sum(buf[:headSize], buf[headSize:]) != h.crc {
		return h, buf, errCorrupt
	}
	return h, buf, nil
}

// nextBlock returns where the next good block after off begins, size where there
// is none.
func nextBlock(f io.ReaderAt, off, size int64) (int64, error) {
	window := make([]byte, 64<<10)
	var buf []byte
	for off++; off+headSize <= size; {
		n, err := f.ReadAt(window, off)
		if err != nil && err != io.EOF {
			return size, err
		}
		i := bytes.Index(window[:n], []byte(magic))
		if i < 0 {
			if n < len(magic) {
				break
			}
			off += int64(n - len(magic) + 1)
			continue
		}
		off += int64(i)
		if _, buf, err = readBlock(f, off, size, buf); err == nil {
			return off, nil
		} else if err != errCorrupt {
			return size, err
		}
		off++
	}
	return size, nil
}

// segment is what is known of a file.
type segment struct {
	path   string
	first  uint64 // seq
	size   int64
	points int64 // in blocks that are still to be sent
}

const suffix = ".spool"

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%016x%s", first, suffix))
}

// parseSegment returns the first seq of a segment of this name.
func parseSegment(name string) (uint64, bool) {
	hex, ok := strings.CutSuffix(name, suffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, err == nil
}

// scan goes over the heads of a segment from off on and adds up what is behind
// the cursor. It stops at the first place without a head: reading finds it
// again.
func (g *segment) scan(f io.ReaderAt, cursor uint64, found func(h *head)) {
	for off := int64(0); off < g.size; {
		h, err := readHead(f, off, g.size)
		if err == errCorrupt {
			if off, err = nextBlock(f, off, g.size); err == nil {
				continue
			}
		}
		if err != nil {
			return
		}
		if h.seq > cursor {
			g.points += int64(h.points)
		}
		found(&h)
		off += h.size()
	}
}

// openSegment returns what is known of the file of this name.
func openSegment(dir, name string) (*segment, *os.File, bool) {
	first, ok := parseSegment(name)
	if !ok {
		return nil, nil, false
	}
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, false
	}
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() {
		f.Close()
		return nil, nil, false
	}
	return &segment{path: path, first: first, size: st.Size()}, f, true
}
