package heavy

import "math"

// evictions remembers, for one bucket, the most that an evicted key could have
// had in the windows of each tier, by the time of the eviction. It rounds up,
// and its granules are coarser than those of the weights, which widens bounds
// for a little longer but never narrows them.
type evictions struct {
	last   uint32       // clock of the newest eviction
	count  uint32       // saturating
	score  [ways]uint32 // of the eight keys when last looked at, in units of scoreUnit
	slots  [reachSlots]upward
	middle [14]upward
	outer  [18]upward
}

// upward is a weight rounded up to the bits of a float32, which order like
// the numbers they stand for.
type upward uint32

// Slots per granule of middle and outer, whose rings must overlap all of
// reachSeconds and reachDecades.
const (
	middleSlots = 50
	outerSlots  = 200
)

// tierOf returns the tier whose evictions bound a window from this slot on: 0
// slots, 1 seconds, 2 decades; -1 where none reaches so far back.
func tierOf(from, now uint32) int {
	switch back := now - from; {
	case from > now || back < reachSlots:
		return 0
	case back < reachSeconds:
		return 1
	case back < reachDecades:
		return 2
	}
	return -1
}

// note records that a key was evicted whose weights in the windows of the
// tiers were at most v. The clock has been moved to now.
func (x *evictions) note(now uint32, v [3]uint64) {
	x.count = add32(x.count, 1)
	raise(&x.slots[now%reachSlots], v[0])
	raise(&x.middle[now/middleSlots%uint32(len(x.middle))], v[1])
	raise(&x.outer[now/outerSlots%uint32(len(x.outer))], v[2])
}

// advance moves the clock and lets scores age as if no sample had come.
func (x *evictions) advance(now uint32) {
	if now == x.last {
		return
	}
	ringTo(x.slots[:], x.last, now)
	ringTo(x.middle[:], x.last/middleSlots, now/middleSlots)
	ringTo(x.outer[:], x.last/outerSlots, now/outerSlots)
	if lives := now/halfLife - x.last/halfLife; lives > 0 {
		for i := range x.score {
			x.score[i] >>= min(lives, 31)
		}
	}
	x.last = now
}

// bound returns the most that a key could have had from slot from on, if it was
// evicted for the last time no later than until.
func (x *evictions) bound(from, until, now uint32) uint64 {
	if x.count == 0 || from > x.last || from > until {
		return 0
	}
	switch tierOf(from, now) {
	case 0:
		return ringMax(x.slots[:], x.last, from, until)
	case 1:
		return ringMax(x.middle[:], x.last/middleSlots, from/middleSlots, until/middleSlots)
	case 2:
		return ringMax(x.outer[:], x.last/outerSlots, from/outerSlots, until/outerSlots)
	}
	return math.MaxUint64
}

func ringMax(ring []upward, last, from, until uint32) uint64 {
	size := uint32(len(ring))
	if from+size <= last {
		from = last - size + 1
	}
	var most upward
	i := from % size
	for range int64(min(until, last)) - int64(from) + 1 {
		most = max(most, ring[i])
		if i++; i == size {
			i = 0
		}
	}
	return most.whole()
}

// raise makes u at least v.
func raise(u *upward, v uint64) { *u = max(*u, upwardOf(v)) }

// upwardOf returns the least upward that is not below v.
func upwardOf(v uint64) upward {
	u := upward(math.Float32bits(float32(v)))
	if u.whole() < v {
		u++
	}
	return u
}

// whole returns the integer, at most 2^64-1.
func (u upward) whole() uint64 {
	if u >= (127+64)<<23 {
		return math.MaxUint64
	}
	return uint64(math.Float32frombits(uint32(u)))
}
