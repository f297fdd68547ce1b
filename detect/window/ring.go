// Package window holds sums of samples per slot of 100 ms, and the exact
// interval of a rate estimated from them.
package window

import "time"

// SlotLength is the length of a slot. Slots are numbered absolutely, from the
// Unix epoch, so that the sums of shards and collectors can be joined.
const SlotLength = 100 * time.Millisecond

// Slots is how many slots a Ring holds: 12.8 s.
const Slots = 128

// SlotOf returns the slot of a time in ns since the epoch.
func SlotOf(ns int64) int64 {
	s := ns / int64(SlotLength)
	if ns < 0 && ns%int64(SlotLength) != 0 {
		s--
	}
	return s
}

// SlotStart returns the first ns of a slot.
func SlotStart(slot int64) int64 { return slot * int64(SlotLength) }

// Sum is what some samples add up to.
type Sum struct {
	N  uint32  // samples
	W  float64 // weights, octets × sampling rate: the estimated octets
	W2 float64 // squared weights
}

// Add adds other to s.
func (s *Sum) Add(other Sum) {
	s.N += other.N
	s.W += other.W
	s.W2 += other.W2
}

// Sub takes other, a part of s, out of s.
func (s *Sum) Sub(other Sum) {
	s.N -= other.N
	s.W -= other.W
	s.W2 -= other.W2
	if s.N == 0 {
		*s = Sum{} // no rounding left over
	}
}

// Effective returns the effective number of samples, (Σw)²/Σw²: N for equal
// weights, fewer for unequal ones.
func (s Sum) Effective() float64 {
	if s.W2 <= 0 {
		return 0
	}
	return s.W * s.W / s.W2
}

type cell struct {
	Sum
	first, last int64 // ns of the oldest and the newest sample
}

// Ring is the newest Slots slots up to the newest it was given. The zero value
// is empty.
type Ring struct {
	newest int64 // slot
	used   bool
	cells  [Slots]cell
}

// Reset empties the ring.
func (r *Ring) Reset() { *r = Ring{} }

// Add adds samples of one slot, the oldest and newest of them at first and
// last. A slot that has left the ring is not written: Add returns false.
func (r *Ring) Add(slot int64, s Sum, first, last int64) bool {
	switch {
	case !r.used || slot-r.newest >= Slots:
		*r = Ring{newest: slot, used: true}
	case slot > r.newest:
		for i := r.newest + 1; i <= slot; i++ {
			r.cells[i&(Slots-1)] = cell{}
		}
		r.newest = slot
	case r.newest-slot >= Slots:
		return false
	}
	c := &r.cells[slot&(Slots-1)]
	if c.N == 0 || first < c.first {
		c.first = first
	}
	c.Sum.Add(s)
	c.last = max(c.last, last)
	return true
}

// Since returns the sum of the slots from first on.
func (r *Ring) Since(first int64) Sum {
	s, _ := r.since(first)
	return s
}

// SinceBatch returns the sum of the slots from first on, and the time of the
// newest sample before them, 0 if the ring holds none. If that is less than
// gap ns older than the samples after it, slots of samples that arrived
// together were cut apart, and one more is taken.
func (r *Ring) SinceBatch(first int64, gap int64) (s Sum, before int64) {
	s, before = r.since(first)
	if before == 0 || s.N == 0 || r.cells[r.next(first)&(Slots-1)].first-before > gap {
		return s, before
	}
	return r.since(SlotOf(before))
}

// next returns the first slot from first on that holds samples.
func (r *Ring) next(first int64) int64 {
	i := max(first, r.newest-Slots+1)
	for i < r.newest && r.cells[i&(Slots-1)].N == 0 {
		i++
	}
	return i
}

func (r *Ring) since(first int64) (s Sum, before int64) {
	if !r.used {
		return s, 0
	}
	oldest := r.newest - Slots + 1
	i := r.newest
	for ; i >= max(first, oldest); i-- {
		if c := &r.cells[i&(Slots-1)]; c.N > 0 {
			s.Add(c.Sum)
		}
	}
	for ; i >= oldest; i-- {
		if c := &r.cells[i&(Slots-1)]; c.N > 0 {
			return s, c.last
		}
	}
	return s, 0
}
