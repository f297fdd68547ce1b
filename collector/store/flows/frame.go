package flows

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"weir/collector/record"
)

// The body of a frame of rows, behind its type: 1 where numbers of keys begin
// anew, else 0; how many rows and new keys there are, and of how many octets a
// number and a length is; the new keys; of each row the number of its key, then of
// each its length, then the time, µs, as the difference to the one before, of the
// first to the epoch.
const (
	keySize  = 64
	rowsHead = 1 + 1 + 2*binary.MaxVarintLen16 + 2
	rowMost  = keySize + 4 + 4 + binary.MaxVarintLen64 // with a key of its own
	maxFrame = rowsHead + record.Rows*rowMost
)

// block is what a frame of rows says.
type block struct {
	*said
	turn    int          // how often numbers of keys began anew
	keys    []record.Key // of all numbers so far
	times   []int64      // of each row, µs
	of      []uint32     // the number of its key
	lengths []uint32     // octets of its frame
}

// said is what a journal tells of the numbers in its keys.
type said struct {
	agents  map[uint32]netip.Addr
	domains map[uint32]string
}

// appendRows appends the body of a frame of the rows at hand, whose keys are by
// their writer's numbers.
func (j *journal) appendRows(b []byte, keys []record.Key) []byte {
	b = slices.Grow(b, rowsHead+len(j.fresh)*keySize+len(j.at)*(4+4+binary.MaxVarintLen64))
	wide, long := octets(j.numbers.given-1), octets(slices.Max(j.lengths))
	b = append(b, frameRows, 0)
	if j.anew {
		b[len(b)-1] = 1
	}
	b = binary.AppendUvarint(b, uint64(len(j.at)))
	b = binary.AppendUvarint(b, uint64(len(j.fresh)))
	b = append(b, byte(wide), byte(long))
	for _, n := range j.fresh {
		at := len(b)
		b = b[:at+keySize]
		putKey((*[keySize]byte)(b[at:]), &keys[n])
	}
	b = appendNumbers(b, j.of, wide)
	b = appendNumbers(b, j.lengths, long)
	return appendTimes(b, j.at)
}

// appendNumbers appends numbers of so many octets. Behind b is room for four octets
// of each: so many are written, of which the next overwrites what is too much.
func appendNumbers(b []byte, all []uint32, size int) []byte {
	at := len(b)
	b = b[:at+4*len(all)]
	for _, n := range all {
		le.PutUint32(b[at:], n)
		at += size
	}
	return b[:at]
}

func appendTimes(b []byte, all []int64) []byte {
	last := int64(0)
	for _, t := range all {
		d := t - last
		last = t
		if u := uint64(d)<<1 ^ uint64(d>>63); u < 0x80 {
			b = append(b, byte(u))
		} else {
			b = binary.AppendUvarint(b, u)
		}
	}
	return b
}

// octets returns how many a number up to n needs.
func octets(n uint32) int { return max(1, (bits.Len32(n)+7)/8) }

// read reads the body of a frame of rows, and reports whether it is one.
func (x *block) read(b []byte) bool {
	if len(b) < 6 || b[1] > 1 {
		return false
	}
	anew := b[1] == 1
	b = b[2:]
	rows, n := binary.Uvarint(b)
	fresh, m := binary.Uvarint(b[max(n, 0):])
	if n <= 0 || m <= 0 || rows == 0 || rows > record.Rows || fresh > rows || len(b) < n+m+2 {
		return false
	}
	wide, long := int(b[n+m]), int(b[n+m+1])
	b = b[n+m+2:]
	if wide < 1 || wide > 4 || long < 1 || long > 4 || len(b) < int(fresh)*keySize+int(rows)*(wide+long+1) {
		return false
	}
	if anew {
		x.turn++
		x.keys = x.keys[:0]
	}
	if len(x.keys)+int(fresh) > maxKeys {
		return false
	}
	for range fresh {
		x.keys = append(x.keys, record.Key{})
		readKey((*[keySize]byte)(b), &x.keys[len(x.keys)-1])
		b = b[keySize:]
	}
	x.of, x.lengths = sized(x.of, int(rows)), sized(x.lengths, int(rows))
	greatest := readNumbers(x.of, b, wide)
	b = b[int(rows)*wide:]
	readNumbers(x.lengths, b, long)
	return int(greatest) < len(x.keys) && x.readTimes(b[int(rows)*long:], int(rows))
}

// keep leaves the rows whose key passes.
func (x *block) keep(pass func(k *record.Key) bool) {
	n := 0
	for i, k := range x.of {
		if pass(&x.keys[k]) {
			x.times[n], x.of[n], x.lengths[n] = x.times[i], k, x.lengths[i]
			n++
		}
	}
	x.times, x.of, x.lengths = x.times[:n], x.of[:n], x.lengths[:n]
}

// readNumbers reads numbers of so many octets, behind which there is at least one
// for each, and returns the greatest.
func readNumbers(to []uint32, b []byte, size int) (greatest uint32) {
	mask := uint32(1<<(8*size) - 1)
	for i := range to {
		at := i * size
		var v uint32
		if at+4 <= len(b) {
			v = le.Uint32(b[at:]) & mask
		} else {
			for j := range size {
				v |= uint32(b[at+j]) << (8 * j)
			}
		}
		to[i] = v
		greatest = max(greatest, v)
	}
	return greatest
}

// readTimes reads the times, which are all that is left of the body.
func (x *block) readTimes(b []byte, rows int) bool {
	x.times = sized(x.times, rows)
	last, at := int64(0), 0
	for i := range x.times {
		if at >= len(b) {
			return false
		}
		u, n := uint64(b[at]), 1
		if u >= 0x80 {
			if u, n = binary.Uvarint(b[at:]); n <= 0 {
				return false
			}
		}
		at += n
		last += int64(u>>1) ^ -int64(u&1)
		x.times[i] = last
	}
	return at == len(b)
}

func putKey(b *[keySize]byte, k *record.Key) {
	copy(b[:16], k.Src[:])
	copy(b[16:32], k.Dst[:])
	le.PutUint32(b[32:], k.Agent)
	le.PutUint32(b[36:], k.Domain)
	le.PutUint32(b[40:], k.Input)
	le.PutUint32(b[44:], k.Output)
	le.PutUint32(b[48:], k.Rate)
	le.PutUint16(b[52:], k.SrcPort)
	le.PutUint16(b[54:], k.DstPort)
	le.PutUint16(b[56:], k.EtherType)
	le.PutUint16(b[58:], uint16(k.Has))
	b[60], b[61], b[62], b[63] = k.Proto, k.TCPFlags, k.TOS, k.TTL
}

func readKey(b *[keySize]byte, k *record.Key) {
	k.Src, k.Dst = [16]byte(b[:16]), [16]byte(b[16:32])
	k.Agent, k.Domain = le.Uint32(b[32:]), le.Uint32(b[36:])
	k.Input, k.Output, k.Rate = le.Uint32(b[40:]), le.Uint32(b[44:]), le.Uint32(b[48:])
	k.SrcPort, k.DstPort, k.EtherType, k.Has = le.Uint16(b[52:]), le.Uint16(b[54:]), le.Uint16(b[56:]), record.Has(le.Uint16(b[58:]))
	k.Proto, k.TCPFlags, k.TOS, k.TTL = b[60], b[61], b[62], b[63]
}
