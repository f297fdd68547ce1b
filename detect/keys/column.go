package keys

import (
	"slices"

	"weir/detect/heavy"
)

// bytes are a key's fields, as long as the longest.
type bytes = [MaxSize]byte

// array is a key as it is kept, in one of three sizes.
type array interface {
	[24]byte | [44]byte | [MaxSize]byte
}

// column is the Summary of one definition, whatever the size of its keys.
type column interface {
	Table() *heavy.Table
	Advance(slot int64)
	Now() int64
	Reset()
	Lookup(hash uint64, w heavy.Window) heavy.Estimate
	Total(w heavy.Window) heavy.Estimate
	Counts() heavy.Counts

	setKey(place int, key *bytes)
	top(n int, w heavy.Window) []heavy.Item[bytes]
	digest(d *heavy.Digest[bytes], n int, w heavy.Window)
}

type table[K array] struct {
	*heavy.Summary[K]
	items []heavy.Item[K] // reused
	d     heavy.Digest[K] // reused
}

func newColumn(d *Definition, entries int, mark uint64) (column, error) {
	c := d.Config(entries)
	c.Mark = mark
	switch d.stored() {
	case 24:
		return newTable[[24]byte](c)
	case 44:
		return newTable[[44]byte](c)
	}
	return newTable[[MaxSize]byte](c)
}

func newTable[K array](c heavy.Config) (column, error) {
	s, err := heavy.New[K](c)
	if err != nil {
		return nil, err
	}
	return &table[K]{Summary: s}, nil
}

func (t *table[K]) setKey(place int, key *bytes) {
	k := K(key[:])
	t.SetKey(place, &k)
}

// widen copies items with their keys in full length.
func widen[K array](dst []heavy.Item[bytes], items []heavy.Item[K]) []heavy.Item[bytes] {
	dst = slices.Grow(dst, len(items))
	for i := range items {
		it := heavy.Item[bytes]{Hash: items[i].Hash, Estimate: items[i].Estimate}
		for j := range len(items[i].Key) {
			it.Key[j] = items[i].Key[j]
		}
		dst = append(dst, it)
	}
	return dst
}

func (t *table[K]) top(n int, w heavy.Window) []heavy.Item[bytes] {
	t.items = t.Top(t.items[:0], n, w)
	return widen(nil, t.items)
}

func (t *table[K]) digest(d *heavy.Digest[bytes], n int, w heavy.Window) {
	t.Digest(&t.d, n, w)
	d.Window, d.Mark, d.Total = t.d.Window, t.d.Mark, t.d.Total
	d.Items = widen(d.Items[:0], t.d.Items)
	d.Rest = append(d.Rest[:0], t.d.Rest...)
}
