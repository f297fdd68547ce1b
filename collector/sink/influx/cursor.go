package influx

import (
	"hash/crc32"
	"os"
)

// cursor is a file with the number of the newest block before which all are
// done. Where it cannot be read, blocks are sent again: that changes nothing,
// because their points have the same series and times.
type cursor struct {
	f   *os.File
	seq uint64
}

const cursorSize = 12 // seq, CRC-32C

func openCursor(path string) (*cursor, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	c := &cursor{f: f}
	var b [cursorSize]byte
	if n, _ := f.ReadAt(b[:], 0); n == cursorSize && crc32.Checksum(b[:8], castagnoli) == be.Uint32(b[8:]) {
		c.seq = be.Uint64(b[:])
	}
	return c, nil
}

// set moves the cursor, never back.
func (c *cursor) set(seq uint64) error {
	if seq <= c.seq {
		return nil
	}
	c.seq = seq
	var b [cursorSize]byte
	be.PutUint64(b[:], seq)
	be.PutUint32(b[8:], crc32.Checksum(b[:8], castagnoli))
	_, err := c.f.WriteAt(b[:], 0)
	return err
}

func (c *cursor) close() error { return c.f.Close() }
