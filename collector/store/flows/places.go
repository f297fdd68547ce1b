package flows

import (
	"math/bits"
	"math/rand/v2"

	"weir/detect/prefetch"
)

// places gives the first place to the first key, the next to the next new one,
// and tells of a key that was there its place. It is a table of open addresses
// without pointers, whose slots are small, so that most stay near the processor:
// the keys are in a list, those that came first together. To reset it costs
// nothing. The hash has a secret: whoever spoofs addresses cannot have them meet.
type places struct {
	slots []placeSlot
	mask  uint64
	keys  [][2]uint64
	loose []uint32 // places without a key, in order
	turn  uint32   // of turns bits; slots of other turns are free

	secret [2]uint64 // made with the first slots
}

// placeSlot has the turn, and of the key's hash what tells nearly all keys apart.
type placeSlot struct{ tag, place uint32 }

const (
	turnShift = 24
	turns     = 1 << (32 - turnShift)
)

// reset forgets all keys.
func (p *places) reset() {
	p.keys, p.loose = p.keys[:0], p.loose[:0]
	if p.turn++; p.turn == turns {
		clear(p.slots)
		p.turn = 1
	}
}

// of returns the place of a key, and whether it is new.
func (p *places) of(hi, lo uint64) (place int32, fresh bool) {
	if len(p.keys)*2 >= len(p.slots) {
		p.grow()
	}
	hash := p.mix(hi, lo)
	tag := p.tag(hash)
	for at := hash & p.mask; ; at = (at + 1) & p.mask {
		s := &p.slots[at]
		switch {
		case s.tag == tag:
			if k := &p.keys[s.place]; k[1] == lo && k[0] == hi {
				return int32(s.place), false
			}
		case s.tag>>turnShift != p.turn:
			*s = placeSlot{tag, uint32(len(p.keys))}
			p.keys = append(p.keys, [2]uint64{hi, lo})
			return int32(s.place), true
		}
	}
}

// ahead asks for the memory where a key's place is, which of then need not wait for.
func (p *places) ahead(hi, lo uint64) {
	if len(p.slots) > 0 {
		prefetch.Line(&p.slots[p.mix(hi, lo)&p.mask])
	}
}

func (p *places) tag(hash uint64) uint32 {
	return uint32(hash>>(64-turnShift)) | p.turn<<turnShift
}

// next takes the next place for what has no key.
func (p *places) next() int32 {
	n := len(p.keys)
	p.keys, p.loose = append(p.keys, [2]uint64{}), append(p.loose, uint32(n))
	return int32(n)
}

// size returns how many places were given.
func (p *places) size() int { return len(p.keys) }

func (p *places) grow() {
	if p.turn = max(p.turn, 1); p.secret[0] == 0 {
		p.secret = [2]uint64{rand.Uint64() | 1, rand.Uint64() | 1}
	}
	old := p.slots
	p.slots = make([]placeSlot, max(2*len(old), 64))
	p.mask = uint64(len(p.slots) - 1)
	loose := p.loose
	for n, k := range p.keys {
		if len(loose) > 0 && int(loose[0]) == n {
			loose = loose[1:]
			continue
		}
		hash := p.mix(k[0], k[1])
		at := hash & p.mask
		for p.slots[at].tag != 0 {
			at = (at + 1) & p.mask
		}
		p.slots[at] = placeSlot{p.tag(hash), uint32(n)}
	}
}

// mix spreads a key over 64 bits.
func (p *places) mix(hi, lo uint64) uint64 {
	above, below := bits.Mul64(hi^p.secret[0], lo^p.secret[1])
	return above ^ below
}
