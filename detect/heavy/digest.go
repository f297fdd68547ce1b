package heavy

import (
	"errors"
	"fmt"
	"slices"
)

// Digest is what a Summary knows of one window, as plain data that can be sent:
// its heaviest keys, and for each bucket the most that any other key has.
// Digests of one window add up to a digest of all their samples.
type Digest[K comparable] struct {
	Window Window
	Mark   uint64    // Config.Mark of the summaries
	Total  uint64    // weight of all keys
	Items  []Item[K] // the greatest Lower first
	Rest   []uint64  // per bucket
}

// Reasons why digests do not merge.
var (
	ErrWindow = errors.New("heavy: digests of different windows")
	ErrHash   = errors.New("heavy: digests of different hashes or sizes")
)

// Digest fills d with the n heaviest keys of a window. It reuses d's memory.
func (s *Summary[K]) Digest(d *Digest[K], n int, w Window) {
	t := &s.t
	d.Window, d.Mark = w, s.mark
	d.Total = s.Total(w).Lower
	d.Rest = slices.Grow(d.Rest[:0], len(t.buckets))[:len(t.buckets)]
	for at := range d.Rest {
		d.Rest[at] = t.elsewhere(uint64(at), w)
	}
	d.Items = d.Items[:0]
	for _, it := range t.heaviest(d.Rest, n, w) {
		place := it.Key
		d.Items = append(d.Items, Item[K]{Key: s.keys[place], Hash: it.Hash, Estimate: it.Estimate})
		if t.members != nil {
			d.Items[len(d.Items)-1].Distinct = t.distinct(place)
		}
	}
}

// heaviest returns the places of the n heaviest keys, without their members.
// All other keys, also such as have a place but nothing counted for certain,
// raise what rest says of their bucket.
func (t *Table) heaviest(rest []uint64, n int, w Window) []Item[int] {
	if !t.begun || t.tooEarly(w) {
		return nil
	}
	from, to := t.rel(w.From), t.rel(w.To)
	heap := make([]Item[int], 0, max(n, 0)) // its root is the least
	for at := range t.buckets {
		b := &t.buckets[at]
		for i, tag := range b.tags {
			e := &b.entries[i]
			if tag == 0 || e.last < from || e.since > to && !e.turned() {
				continue
			}
			it := Item[int]{Key: at*ways + i, Hash: tag, Estimate: t.bounds(at*ways+i, w)}
			switch {
			case it.Lower == 0 || n <= 0:
				rest[at] = max(rest[at], it.Upper)
			case len(heap) < n:
				heap = append(heap, it)
				up(heap)
			case order(&it, &heap[0]) < 0:
				out := &rest[uint(heap[0].Key)/ways]
				*out = max(*out, heap[0].Upper)
				heap[0] = it
				down(heap)
			default:
				rest[at] = max(rest[at], it.Upper)
			}
		}
	}
	slices.SortFunc(heap, func(a, b Item[int]) int { return order(&a, &b) })
	return heap
}

// elsewhere bounds what a key of the bucket has that is not counted in it.
func (t *Table) elsewhere(at uint64, w Window) uint64 {
	if !t.begun {
		return 0
	}
	if t.tooEarly(w) {
		return 1<<64 - 1
	}
	return t.unknown(at, w).Upper
}

// Lookup returns the bounds of a key's weight, in the digest or not.
func (d *Digest[K]) Lookup(hash uint64) Estimate {
	for i := range d.Items {
		if d.Items[i].Hash|1 == hash|1 {
			return d.Items[i].Estimate
		}
	}
	if len(d.Rest) == 0 {
		return Estimate{}
	}
	return Estimate{Upper: d.Rest[hash>>1&uint64(len(d.Rest)-1)]}
}

// Merge returns the digest of the samples of all: bounds, samples and squares
// are sums, where a key is missing its bucket's rest enters the upper bound.
// Distinct members are joined of those that have weight in the window.
// The summaries must have counted different samples, with one hash and as many
// entries.
func Merge[K comparable](all ...*Digest[K]) (*Digest[K], error) {
	m := &Digest[K]{}
	if len(all) == 0 {
		return m, nil
	}
	first := all[0]
	m.Window, m.Mark = first.Window, first.Mark
	m.Rest = make([]uint64, len(first.Rest))
	where := map[uint64]int{}
	for _, d := range all {
		if d.Window != first.Window {
			return nil, fmt.Errorf("%w: slots %d to %d, and %d to %d", ErrWindow,
				first.Window.From, first.Window.To, d.Window.From, d.Window.To)
		}
		if d.Mark != first.Mark || len(d.Rest) != len(first.Rest) {
			return nil, fmt.Errorf("%w: %d and %d buckets", ErrHash, len(first.Rest), len(d.Rest))
		}
		m.Total = add(m.Total, d.Total)
		for _, it := range d.Items {
			if _, ok := where[it.Hash|1]; !ok {
				where[it.Hash|1] = len(m.Items)
				m.Items = append(m.Items, Item[K]{Key: it.Key, Hash: it.Hash})
			}
		}
	}
	seen := make([]int, len(m.Items)) // the last digest, from 1, that had the item
	for n, d := range all {
		for at, r := range d.Rest {
			m.Rest[at] = add(m.Rest[at], r)
		}
		for i := range d.Items {
			it := &d.Items[i]
			at := where[it.Hash|1]
			m.Items[at].join(&it.Estimate)
			seen[at] = n + 1
		}
		for at := range seen {
			if it := &m.Items[at]; seen[at] != n+1 && len(d.Rest) > 0 {
				it.Upper = add(it.Upper, d.Rest[it.Hash>>1&uint64(len(d.Rest)-1)])
			}
		}
	}
	slices.SortFunc(m.Items, func(a, b Item[K]) int { return order(&a, &b) })
	return m, nil
}

// join adds what another summary counted.
func (e *Estimate) join(o *Estimate) {
	e.Lower, e.Upper = add(e.Lower, o.Lower), add(e.Upper, o.Upper)
	e.Samples += o.Samples
	e.Squares += o.Squares
	e.Distinct.Merge(&o.Distinct)
}
