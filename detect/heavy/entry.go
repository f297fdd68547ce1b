package heavy

import (
	"math"
	"math/bits"
)

// entry counts one key. Slot numbers are relative to the table's base, a
// multiple of every granule.
//
// It has the current slot and sums, in one cache line, which is all that a
// sample of a known key touches beside the tags. The current slot is folded
// into the past ones when another begins.
type entry struct {
	w     uint64 // weight in slot last
	total uint64 // weight in slots from since to before last
	prev  uint64 // weight in slots before since; kept for one turn of the longest window

	sq   float32 // squared weights in slot last
	n    uint32  // samples in slot last
	last uint32  // the newest slot with weight

	admitted uint32  // the table's clock when tracking began
	since    uint32  // the oldest slot in total
	totalN   uint32  // samples in total
	totalSq  float32 // squared weights in total
	credit   float32 // score of the one this key replaced; for choosing whom to evict, never for bounds
	history  int32   // index of the history, or none
}

// past has the slots before the current one of an entry, slot s at s mod
// pastSlots: those from last-pastSlots to last-1, but only from first() on.
type past struct {
	w [pastSlots]uint64
	s [pastSlots]uint32 // samples and squares, packed
}

const none = -1

// turned reports that total was begun anew, so that older weight is in prev or
// forgotten. The first total begins at admission, or before it with a late
// sample.
func (e *entry) turned() bool { return e.since > e.admitted }

// first returns the first of the past slots that are valid. Those before a new
// key's first are left over from the key that was there before.
func (e *entry) first() uint32 {
	first := e.last - pastSlots
	if e.turned() {
		return first
	}
	return max(first, e.since)
}

// add returns a+b, at most 2^64-1.
func add(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	if carry != 0 {
		return math.MaxUint64
	}
	return s
}

// sub returns a-b, but 2^64-1 as "no bound" and never less than 0.
func sub(a, b uint64) uint64 {
	if a == math.MaxUint64 {
		return a
	}
	return a - min(a, b)
}

// add32 returns a+b, at most 2^32-1.
func add32(a, b uint32) uint32 {
	s, carry := bits.Add32(a, b, 0)
	if carry != 0 {
		return math.MaxUint32
	}
	return s
}

// square returns w², w being at most MaxWeight: 2^96, far inside the range.
func square(w uint64) float32 {
	f := float32(int64(w))
	return f * f
}

// A slot's samples and squares are packed into 32 bits: 20 bits of samples, and
// 12 bits of n·Σw²/(Σw)², which is 1 for equal weights and at most n, as the
// upper bits of its floating-point form: 16 octaves of 256 steps, 0.2 % off.
const (
	packSamples = 1<<20 - 1
	packShift   = 23 - 8
)

var one = math.Float32bits(1)

func pack(n uint32, sq float32, w uint64) uint32 {
	n = min(n, packSamples)
	if n == 0 {
		return 0
	}
	f := float32(w)
	spread := math.Float32bits(float32(n) * sq / (f * f))
	code := uint32(0)
	if spread > one {
		code = min((spread-one+1<<(packShift-1))>>packShift, 1<<12-1)
	}
	return n | code<<20
}

func unpack(p uint32, w uint64) (n uint32, sq float32) {
	n = p & packSamples
	if n == 0 {
		return 0, 0
	}
	f := float32(w)
	return n, math.Float32frombits(one+p>>20<<packShift) * f * f / float32(n)
}

// fold moves the current slot into the past and the sums and makes slot, which
// is later, the current and still empty one. h is the entry's history, or nil.
func (e *entry) fold(p *past, h *history, slot uint32) {
	e.total = add(e.total, e.w)
	e.totalN = add32(e.totalN, e.n)
	e.totalSq += e.sq
	if h != nil {
		h.add(e.last, e.w, e.n, e.sq)
	}
	i := e.last % pastSlots
	p.w[i], p.s[i] = e.w, pack(e.n, e.sq, e.w)
	for range min(slot-e.last-1, pastSlots) {
		if i++; i == pastSlots {
			i = 0
		}
		p.w[i], p.s[i] = 0, 0
	}
	if slot-e.since >= turnSlots {
		e.turn(slot)
	}
	e.w, e.n, e.sq, e.last = 0, 0, 0, slot
}

// turnSlots is how long total is kept before it becomes prev: more than any
// window reaches, so that what was in prev is in none.
const turnSlots = reachDecades + decadeSlots

func (e *entry) turn(slot uint32) {
	e.prev = e.total
	if slot-e.last >= turnSlots {
		e.prev = 0
	}
	e.total, e.totalN, e.totalSq = 0, 0, 0
	e.since = slot
}

// late counts a sample of a slot before the current one, at most MaxLate before
// it.
func (e *entry) late(p *past, h *history, slot uint32, w uint64) {
	sq := square(w)
	i := slot % pastSlots
	for s := e.first(); s > slot; s-- {
		p.w[(s-1)%pastSlots], p.s[(s-1)%pastSlots] = 0, 0
	}
	n, old := unpack(p.s[i], p.w[i])
	p.w[i] = add(p.w[i], w)
	p.s[i] = pack(n+1, old+sq, p.w[i])
	if h != nil {
		h.add(slot, w, 1, sq)
	}
	if slot < e.since {
		if e.turned() {
			e.prev = add(e.prev, w)
			return
		}
		e.since = slot
	}
	e.total = add(e.total, w)
	e.totalN = add32(e.totalN, 1)
	e.totalSq += sq
}

// score ranks the keys of a bucket by weight, halved for every 6.4 s without a
// sample. It decides who is evicted; no bound depends on it.
func (e *entry) score(now uint32) uint64 {
	v := add(add(e.total, e.prev), add(e.w, uint64(e.credit)))
	return v >> min((now-e.last)/halfLife, 63)
}

// halfLife is in slots.
const halfLife = 64
