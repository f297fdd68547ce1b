package record

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"

	"weir/detect/prefetch"
)

// Dictionary gives keys numbers: the first 0, the next new one 1, and one that was
// there its own. It is a table of open addresses whose slots are so small that those
// of a busy network stay near the processor. The keys of whoever spoofs addresses
// meet no more often than others: the hash has a secret.
//
// A key is known by its hash alone, of which a place in the table and 46 bits in the
// slot are compared: keys themselves are far from the processor. That a new key is
// taken for one that was there happens once in some 10^13 of them; its sample is
// kept under the other's then.
//
// One goroutine gives numbers. What it has handed out of Keys stays as it is for
// others until Reset.
type Dictionary struct {
	keys   []Key    // never moves
	hashes []uint64 // by number
	slots  []uint64 // a number and one, and of the hash what is above numberBits
	secret [9]uint64

	turn  uint64       // of the blocks that refer to it
	users atomic.Int32 // the writer and blocks on their way
}

const (
	// numberBits have a number and one.
	numberBits = 18
	numberMask = 1<<numberBits - 1
	leastSlots = 1 << 10

	// MaxKeys is how many keys a Dictionary may be made for.
	MaxKeys = numberMask - 1
)

// NewDictionary returns a Dictionary of so many keys at most, MaxKeys or fewer, of
// 64 octets each, which are taken as they come.
func NewDictionary(most int) *Dictionary {
	d := &Dictionary{keys: make([]Key, 0, min(most, MaxKeys)), slots: make([]uint64, leastSlots)}
	for i := range d.secret {
		d.secret[i] = rand.Uint64() | 1
	}
	return d
}

// Reset forgets all keys. The table is made as large as the last keys needed.
func (d *Dictionary) Reset() {
	n := leastSlots
	for n < 2*len(d.keys) {
		n *= 2
	}
	d.slots = d.slots[:min(n, cap(d.slots))]
	clear(d.slots)
	d.keys, d.hashes = d.keys[:0], d.hashes[:0]
}

// Keys returns the keys by their numbers.
func (d *Dictionary) Keys() []Key { return d.keys }

// Number returns the number of a key. There must be room for a new one.
func (d *Dictionary) Number(k *Key) uint32 { return d.number(k, d.hash(k)) }

// room reports that there is room for so many new keys.
func (d *Dictionary) room(n int) bool { return len(d.keys)+n <= cap(d.keys) }

// ask asks for the memory that number will need, which then need not wait for it.
func (d *Dictionary) ask(hash uint64) { prefetch.Line(&d.slots[hash&uint64(len(d.slots)-1)]) }

func (d *Dictionary) number(k *Key, hash uint64) uint32 {
	mask := uint64(len(d.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		s := d.slots[at]
		if s == 0 {
			n := len(d.keys)
			d.slots[at] = hash&^numberMask | uint64(n+1)
			d.keys, d.hashes = append(d.keys, *k), append(d.hashes, hash)
			if 2*len(d.keys) > len(d.slots) {
				d.grow()
			}
			return uint32(n)
		}
		if (s^hash)&^numberMask == 0 {
			return uint32(s&numberMask) - 1
		}
	}
}

func (d *Dictionary) grow() {
	n := 2 * len(d.slots)
	if n <= cap(d.slots) {
		d.slots = d.slots[:n]
		clear(d.slots)
	} else {
		d.slots = make([]uint64, n)
	}
	mask := uint64(n - 1)
	for i, h := range d.hashes {
		at := h & mask
		for d.slots[at] != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = h&^numberMask | uint64(i+1)
	}
}

var le = binary.LittleEndian

// hash multiplies the words of a key, two at a time, each with a secret of its own,
// to 128 bits.
func (d *Dictionary) hash(k *Key) uint64 {
	s := &d.secret
	x := fold(le.Uint64(k.Src[:8])^s[0], le.Uint64(k.Src[8:])^s[1])
	x ^= fold(le.Uint64(k.Dst[:8])^s[2], le.Uint64(k.Dst[8:])^s[3])
	x ^= fold(uint64(k.Agent)|uint64(k.Domain)<<32^s[4], uint64(k.Input)|uint64(k.Output)<<32^s[5])
	x ^= fold(uint64(k.Rate)|uint64(k.SrcPort)<<32|uint64(k.DstPort)<<48^s[6],
		uint64(k.EtherType)|uint64(k.Has)<<16|uint64(k.Proto)<<32|uint64(k.TCPFlags)<<40|uint64(k.TOS)<<48|uint64(k.TTL)<<56^s[7])
	return fold(x, s[8])
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
