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

// cell holds running totals, so that the sum of any number of slots is one
// difference.
type cell struct {
	total Sum   // of everything up to and with this slot
	last  int64 // ns of the newest sample up to and with this slot; 0 none
	first int64 // ns of the oldest sample of this slot; 0 none
}

// Ring is the newest Slots slots up to the newest it was given. The zero value
// is empty.
type Ring struct {
	newest int64 // slot
	used   bool
	base   Sum // total of everything that has left the ring
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
		before := r.at(r.newest)
		for i := r.newest + 1; i <= slot; i++ {
			c := r.at(i)
			r.base = c.total // of the slot that leaves; empty in the first round
			*c = cell{total: before.total, last: before.last}
		}
		r.newest = slot
	case r.newest-slot >= Slots:
		return false
	}
	if c := r.at(slot); c.first == 0 || first < c.first {
		c.first = first
	}
	for i := slot; i <= r.newest; i++ { // more than one only where samples are late
		c := r.at(i)
		c.total.Add(s)
		c.last = max(c.last, last)
	}
	return true
}

func (r *Ring) at(slot int64) *cell { return &r.cells[slot&(Slots-1)] }

// Since returns the sum of the slots from first on.
func (r *Ring) Since(first int64) Sum {
	s, _ := r.since(first)
	return s
}

// SinceBatch returns the sum of the slots from first on, and the time of the
// newest sample before them, 0 if the ring holds none. If that is less than
// gap ns older than the samples after it, slots of samples that arrived
// together were cut apart, and one more is taken.
func (r *Ring) SinceBatch(first, gap int64) (s Sum, before int64) {
	s, before = r.since(first)
	if before == 0 || s.N == 0 || r.at(r.next(first)).first-before > gap {
		return s, before
	}
	return r.since(SlotOf(before))
}

// next returns the first slot from first on that holds samples.
func (r *Ring) next(first int64) int64 {
	i := max(first, r.newest-Slots+1)
	for i < r.newest && r.at(i).first == 0 {
		i++
	}
	return i
}

func (r *Ring) since(first int64) (s Sum, before int64) {
	if !r.used {
		return s, 0
	}
	s, oldest := r.at(r.newest).total, r.newest-Slots+1
	if first <= oldest {
		s.Sub(r.base)
		return s, 0
	}
	c := r.at(min(first-1, r.newest))
	s.Sub(c.total)
	if c.last < SlotStart(oldest) {
		return s, 0
	}
	return s, c.last
}
