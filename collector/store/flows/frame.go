package flows

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"weir/collector/record"
)

// The body of a frame of rows, behind its type: how often numbers of keys began
// anew, and how many there were since, before it; how many rows and new keys there
// are, and of how many octets a number and a length is; the new keys; of each row the
// number of its key, then of each its length, then the time, µs, as the difference to
// the one before, of the first to the epoch.
const (
	keySize  = 64
	rowsHead = 1 + 2*binary.MaxVarintLen32 + 2*binary.MaxVarintLen16 + 2
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

	second bool     // frames are as secondMagic says
	begun  uint64   // how often numbers began anew, as frames say
	given  uint64   // numbers since
	hurt   bool     // frames may be missing
	places []uint32 // then, by a frame's number, that of the key here, and one; 0: it is missing
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
	b = append(b, frameRows)
	b = binary.AppendUvarint(b, j.turns)
	b = binary.AppendUvarint(b, uint64(j.numbers.given)-uint64(len(j.fresh)))
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

// read reads the body of a frame of rows, and reports whether it is one. Where frames
// are missing, rows are left out whose keys, or what these name, are in them.
func (x *block) read(b []byte) bool {
	turn, given, b := x.numbering(b[1:])
	rows, n := binary.Uvarint(b)
	fresh, m := binary.Uvarint(b[max(n, 0):])
	if n <= 0 || m <= 0 || rows == 0 || rows > record.Rows || fresh > rows || given+fresh > maxKeys || len(b) < n+m+2 {
		return false
	}
	wide, long := int(b[n+m]), int(b[n+m+1])
	b = b[n+m+2:]
	if wide < 1 || wide > 4 || long < 1 || long > 4 || len(b) < int(fresh)*keySize+int(rows)*(wide+long+1) {
		return false
	}
	keys, b := b[:fresh*keySize], b[fresh*keySize:]
	x.of, x.lengths = sized(x.of, int(rows)), sized(x.lengths, int(rows))
	greatest := readNumbers(x.of, b, wide)
	b = b[int(rows)*wide:]
	readNumbers(x.lengths, b, long)
	if uint64(greatest) >= given+fresh || !x.readTimes(b[int(rows)*long:], int(rows)) {
		return false
	}
	if turn != x.begun {
		x.turn++
		x.begun, x.given, x.keys, x.places = turn, 0, x.keys[:0], x.places[:0]
	}
	x.number(keys, given)
	return true
}

// numbering reads with how many numbers a frame begins, in which turn of these; what
// does not follow the frame before has more than there are.
func (x *block) numbering(b []byte) (turn, given uint64, rest []byte) {
	if x.second {
		switch turn = x.begun; {
		case len(b) == 0 || b[0] > 1:
			return turn, maxKeys + 1, b
		case b[0] == 1:
			return turn + 1, 0, b[1:]
		}
		return turn, x.given, b[1:]
	}
	turn, n := binary.Uvarint(b)
	given, m := binary.Uvarint(b[max(n, 0):])
	had := x.given
	if turn != x.begun {
		had = 0
	}
	if n <= 0 || m <= 0 || turn < x.begun || given < had || !x.hurt && (turn > x.begun+1 || given > had) {
		return turn, maxKeys + 1, nil
	}
	return turn, given, b[n+m:]
}

// number takes the keys of a frame, which begin with the number given.
func (x *block) number(keys []byte, given uint64) {
	if x.hurt {
		for n := uint64(len(x.places)); n < x.given; n++ { // those before the damage
			x.places = append(x.places, uint32(n)+1)
		}
		x.places = extended(x.places, int(given))
	}
	x.given = given + uint64(len(keys)/keySize)
	for ; len(keys) > 0; keys = keys[keySize:] {
		var k record.Key
		readKey((*[keySize]byte)(keys), &k)
		place := uint32(0)
		if !x.hurt || x.tells(&k) {
			x.keys = append(x.keys, k)
			place = uint32(len(x.keys))
		}
		if x.hurt {
			x.places = append(x.places, place)
		}
	}
	if x.hurt {
		n := 0
		for i, k := range x.of {
			if place := x.places[k]; place > 0 {
				x.times[n], x.of[n], x.lengths[n] = x.times[i], place-1, x.lengths[i]
				n++
			}
		}
		x.times, x.of, x.lengths = x.times[:n], x.of[:n], x.lengths[:n]
	}
}

// tells reports that it was said what the numbers in a key stand for.
func (s *said) tells(k *record.Key) bool {
	_, agent := s.agents[k.Agent]
	_, domain := s.domains[k.Domain]
	return agent && domain
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
