package heavy

import "math"

// evictions remembers, for one bucket, the most that an evicted key could have
// had in the windows of each tier, by the time of the eviction. It rounds up,
// and its granules are coarser than those of the weights, which widens bounds
// for a little longer but never narrows them.
type evictions struct {
	last   uint32 // clock of the newest eviction
	count  uint32 // saturating
	slots  [reachSlots]float32
	middle [14]float32
	outer  [18]float32
}

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
// tiers were at most v.
func (x *evictions) note(now uint32, v [3]uint64) {
	ringTo(x.slots[:], x.last, now)
	ringTo(x.middle[:], x.last/middleSlots, now/middleSlots)
	ringTo(x.outer[:], x.last/outerSlots, now/outerSlots)
	x.last = now
	x.count = add32(x.count, 1)
	raise(&x.slots[now%reachSlots], v[0])
	raise(&x.middle[now/middleSlots%uint32(len(x.middle))], v[1])
	raise(&x.outer[now/outerSlots%uint32(len(x.outer))], v[2])
}

// bound returns the most that a key could have had from slot from on, if it was
// evicted for the last time no later than until.
func (x *evictions) bound(from, until, now uint32) uint64 {
	if x.count == 0 || from > x.last || from > until {
		return 0
	}
	var most float32
	switch tierOf(from, now) {
	case 0:
		most = ringMax(x.slots[:], x.last, from, until)
	case 1:
		most = ringMax(x.middle[:], x.last/middleSlots, from/middleSlots, until/middleSlots)
	case 2:
		most = ringMax(x.outer[:], x.last/outerSlots, from/outerSlots, until/outerSlots)
	default:
		return math.MaxUint64
	}
	return whole(most)
}

func ringMax(ring []float32, last, from, until uint32) float32 {
	size := uint32(len(ring))
	if from+size <= last {
		from = last - size + 1
	}
	var most float32
	for g := from; g <= min(until, last); g++ {
		most = max(most, ring[g%size])
	}
	return most
}

// raise makes f at least v.
func raise(f *float32, v uint64) {
	if v == 0 || whole(*f) >= v {
		return
	}
	*f = atLeast(v)
}

// atLeast returns the least float32 that is not below v.
func atLeast(v uint64) float32 {
	r := float32(v)
	if whole(r) < v {
		r = math.Nextafter32(r, math.MaxFloat32)
	}
	return r
}

// whole returns f, which is 0 or positive, as an integer, at most 2^64-1.
func whole(f float32) uint64 {
	if f >= 1<<64 {
		return math.MaxUint64
	}
	return uint64(f)
}
