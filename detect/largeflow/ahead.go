package largeflow

import (
	"weir/decoder"
	"weir/detect/prefetch"
)

// sought is where a flow is, before its sample is counted.
type sought struct {
	hash  uint64
	place int // of the entries, negative without one
}

// SampleAll counts flow samples, at most decoder.FlowsKept of them, one after the
// other, and returns how many it ignored because their header has no flow key.
// All are looked for before the first is counted, so that the memory answers
// for all at once: to wait for it takes longer than to count.
func (t *Table) SampleAll(all []*decoder.Flow) (noKey uint64) {
	var at [decoder.FlowsKept]sought
	for i, f := range all {
		if f.Header.HasKey {
			h := t.hash(&f.Header.Key, f.Est.Vantage)
			at[i].hash = h
			prefetch.Line(&t.tags[h&t.mask])
		}
	}
	for i, f := range all {
		if f.Header.HasKey {
			s := &at[i]
			s.place = t.place(s.hash)
			prefetch.Five(&t.entries[max(s.place, int(s.hash&t.mask)*ways)]) // all that sample needs of it
		}
	}
	for i, f := range all {
		if f.Header.HasKey {
			t.sample(f, f.At.UnixNano(), at[i])
		} else {
			noKey++
		}
	}
	return noKey
}

// place returns the place of a flow, negative where it has none. It compares
// all tags: that costs less than a branch that cannot be foretold.
func (t *Table) place(hash uint64) int {
	b := hash & t.mask
	at := -1
	for i, tag := range &t.tags[b] {
		if tag == hash|1<<63 {
			at = int(b)*ways + i
		}
	}
	return at
}
