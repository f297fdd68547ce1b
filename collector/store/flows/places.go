package flows

// places gives the first place to the first key, the next to the next new one,
// and tells of a key that was there its place. It is a table of open addresses
// without pointers; clear costs nothing.
type places struct {
	slots []placeSlot
	mask  uint64
	n     int32
	turn  uint32 // slots of other turns are free
}

type placeSlot struct {
	hi, lo uint64
	place  int32
	turn   uint32
}

// reset forgets all keys.
func (p *places) reset() {
	p.n = 0
	if p.turn++; p.turn == 0 {
		clear(p.slots)
		p.turn = 1
	}
}

// of returns the place of a key, and whether it is new.
func (p *places) of(hi, lo uint64) (place int32, fresh bool) {
	if int(p.n)*2 >= len(p.slots) {
		p.grow()
	}
	for at := mix(hi, lo) & p.mask; ; at = (at + 1) & p.mask {
		s := &p.slots[at]
		if s.turn != p.turn {
			*s = placeSlot{hi, lo, p.n, p.turn}
			p.n++
			return s.place, true
		}
		if s.lo == lo && s.hi == hi {
			return s.place, false
		}
	}
}

// next takes the next place for what has no key.
func (p *places) next() int32 {
	p.n++
	return p.n - 1
}

func (p *places) grow() {
	old := p.slots
	p.slots = make([]placeSlot, max(2*len(old), 64))
	p.mask = uint64(len(p.slots) - 1)
	turn := p.turn
	p.turn = 1
	for i := range old {
		if s := &old[i]; s.turn == turn && turn != 0 {
			at := mix(s.hi, s.lo) & p.mask
			for p.slots[at].turn != 0 {
				at = (at + 1) & p.mask
			}
			p.slots[at] = placeSlot{s.hi, s.lo, s.place, 1}
		}
	}
}

// mix spreads a key over 64 bits.
func mix(hi, lo uint64) uint64 {
	x := (lo ^ hi*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	return x ^ x>>32
}
