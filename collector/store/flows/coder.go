package flows

import (
	"math/bits"
	"math/rand/v2"

	"weir/collector/record"
	"weir/detect/prefetch"
)

// coder gives the keys of rows numbers: the first 0, the next new one 1, and one
// that was there its own. It is a table of open addresses whose slots are so small
// that those of a busy network stay near the processor. The keys of whoever
// spoofs addresses meet no more often than others: the hash has a secret.
type coder struct {
	keys   []record.Key
	hashes []uint32 // of keys
	slots  []uint32 // a number and one, and of the hash what is above numberBits
	secret [4]uint64

	hash []uint32 // of the rows at hand
}

const (
	// numberBits have a number and one, of maxKeys at most.
	numberBits = 18
	numberMask = 1<<numberBits - 1
	leastSlots = 1 << 10
)

func newCoder() *coder {
	c := &coder{slots: make([]uint32, leastSlots)}
	for i := range c.secret {
		c.secret[i] = rand.Uint64() | 1
	}
	return c
}

// reset forgets all keys. The table is made as large as the last keys needed.
func (c *coder) reset() {
	n := leastSlots
	for n < 2*len(c.keys) {
		n *= 2
	}
	c.slots = c.slots[:min(n, cap(c.slots))]
	clear(c.slots)
	c.keys, c.hashes = c.keys[:0], c.hashes[:0]
}

// code appends the numbers of the rows' keys, of which there are maxKeys at most
// since reset.
//
// The keys are more than the second level of a cache holds. So all are asked for
// before the first is compared: then they come together, not one after the other.
func (c *coder) code(rows []record.Row, to []uint32) []uint32 {
	c.hash = sized(c.hash, len(rows))
	mask := uint32(len(c.slots) - 1)
	for i := range rows {
		c.hash[i] = c.hashOf(&rows[i].Key)
	}
	for _, h := range c.hash {
		if n := c.slots[h&mask] & numberMask; n > 0 {
			prefetch.Line(&c.keys[n-1])
		}
	}
	for i, h := range c.hash {
		to = append(to, c.number(&rows[i].Key, h))
	}
	return to
}

func (c *coder) number(k *record.Key, h uint32) uint32 {
	mask := uint32(len(c.slots) - 1)
	for at := h & mask; ; at = (at + 1) & mask {
		s := c.slots[at]
		if s == 0 {
			n := uint32(len(c.keys))
			c.slots[at] = h&^numberMask | (n + 1)
			c.keys, c.hashes = append(c.keys, *k), append(c.hashes, h)
			if 2*len(c.keys) > len(c.slots) {
				c.grow()
			}
			return n
		}
		if (s^h)&^numberMask == 0 {
			if n := s&numberMask - 1; c.keys[n] == *k {
				return n
			}
		}
	}
}

func (c *coder) grow() {
	n := 2 * len(c.slots)
	if n <= cap(c.slots) {
		c.slots = c.slots[:n]
		clear(c.slots)
	} else {
		c.slots = make([]uint32, n)
	}
	mask := uint32(n - 1)
	for i, h := range c.hashes {
		at := h & mask
		for c.slots[at] != 0 {
			at = (at + 1) & mask
		}
		c.slots[at] = h&^numberMask | uint32(i+1)
	}
}

// hashOf multiplies the words of a key, two at a time, each with a secret of its
// own, to 128 bits.
func (c *coder) hashOf(k *record.Key) uint32 {
	s := &c.secret
	x := fold(le.Uint64(k.Src[:8])^s[0], le.Uint64(k.Src[8:])^s[1])
	x ^= fold(le.Uint64(k.Dst[:8])^s[1], le.Uint64(k.Dst[8:])^s[2])
	x ^= fold(uint64(k.Agent)|uint64(k.Domain)<<32^s[2], uint64(k.Input)|uint64(k.Output)<<32^s[3])
	x ^= fold(uint64(k.Rate)|uint64(k.SrcPort)<<32|uint64(k.DstPort)<<48^s[3],
		uint64(k.EtherType)|uint64(k.Has)<<16|uint64(k.Proto)<<32|uint64(k.TCPFlags)<<40|uint64(k.TOS)<<48|uint64(k.TTL)<<56^s[0])
	return uint32(fold(x, s[1]) >> 16)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
