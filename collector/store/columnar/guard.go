package columnar

import (
	"encoding/binary"
	"math"
)

// The decoders take the lengths that a page tells as they are. These look first
// that they are those of n values, so that a damaged page costs no memory.

// fitsRuns looks through runs of places of so many bits: they must be those of n
// values, and up to seven more, which fill the last group of eight.
func fitsRuns(b []byte, width, n int) bool {
	values := 0
	for len(b) > 0 && values < n {
		u, used := binary.Uvarint(b)
		if used <= 0 || u>>1 > uint64(n) {
			return false
		}
		count, size := int(u>>1), (width+7)/8
		if u&1 == 1 {
			size = count * width
			count *= 8
		}
		b = b[used:]
		if values += count; values > n+7 || size > len(b) {
			return false
		}
		b = b[size:]
	}
	return values >= n && len(b) == 0
}

// fitsDifferences looks through blocks of differences in the same way.
func fitsDifferences(b []byte, n int) bool {
	var head [4]uint64 // size of a block, parts of it, values, first value
	for i := range head {
		v, used := binary.Uvarint(b)
		if used <= 0 {
			return false
		}
		head[i], b = v, b[used:]
	}
	block, parts := head[0], head[1]
	if block == 0 || block > math.MaxInt16 || parts == 0 || parts > block || block%parts != 0 || block/parts%32 != 0 || head[2] != uint64(n) {
		return false
	}
	each := int(block / parts)
	for left := n - 1; left > 0; {
		_, used := binary.Uvarint(b)
		if used <= 0 || len(b)-used < int(parts) {
			return false
		}
		widths := b[used : used+int(parts)]
		b = b[used+int(parts):]
		for _, w := range widths {
			if left <= 0 {
				break
			}
			if size := each * int(w) / 8; w > 64 || size > len(b) {
				return false
			} else {
				b = b[size:]
			}
			left -= each
		}
	}
	return true
}
