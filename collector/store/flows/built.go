package flows

import (
	"slices"
	"strconv"

	"weir/collector/record"
	"weir/collector/store/columnar"
)

// built is a column made of a journal: a dictionary, and for each key of its rows,
// or of what a key does not have, for each row, its place in it.
type built struct {
	field
	data  columnar.Data
	at    places
	small []int32 // places of numbers from -1, one more than the place; 0 is none; as long as is needed
	no    int32   // place of no address; -1 is none

	part columnar.Data // of some keys, see some
	here []int32       // by place, the place in part, and one; 0 is none
	used []int32       // the places that part has
}

// maxSmall is how many numbers have their place in a list.
const maxSmall = 1 << 16

func newBuilt(f field) *built {
	b := &built{field: f}
	b.reset()
	return b
}

// reset forgets rows and dictionary.
func (b *built) reset() {
	b.data.Index, b.no = b.data.Index[:0], -1
	for _, n := range b.data.Numbers {
		if i := n + 1; i >= 0 && i < int64(len(b.small)) {
			b.small[i] = 0
		}
	}
	b.data.Numbers = b.data.Numbers[:0]
	b.data.Texts.Reset()
	b.at.reset()
}

// ofRows reports that places are of rows, not of keys.
func (b *built) ofRows() bool { return b.number == nil && b.address == nil && b.text == nil }

// add appends what a block has that is new.
func (b *built) add(x *block) {
	if b.ofRows() {
		b.addLengths(x.lengths)
	} else {
		b.addKeys(x.said, x.keys[len(b.data.Index):])
	}
}

// maxLength is what a length is cut to, in octets.
const maxLength = 1<<31 - 1

func (b *built) addLengths(all []uint32) {
	index := slices.Grow(b.data.Index, len(all))
	for _, n := range all {
		if i := int(n) + 1; i < len(b.small) && b.small[i] > 0 {
			index = append(index, b.small[i]-1)
		} else {
			index = append(index, b.ofNumber(int64(min(n, maxLength))))
		}
	}
	b.data.Index = index
}

func (b *built) addKeys(s *said, keys []record.Key) {
	index := slices.Grow(b.data.Index, len(keys))
	switch {
	case b.number != nil:
		for i := range keys {
			index = append(index, b.ofNumber(b.number(&keys[i])))
		}
	case b.address != nil:
		for i := range keys {
			index = append(index, b.ofAddress(b.address(&keys[i])))
		}
	default:
		last, place := uint64(0), int32(-1)
		for i := range keys {
			code := b.code(&keys[i])
			if code != last || place < 0 {
				var fresh bool
				if place, fresh = b.at.of(0, code); fresh {
					b.data.Texts.Add(func(t []byte) []byte { return b.text(t, s, code) })
				}
				last = code
			}
			index = append(index, place)
		}
	}
	b.data.Index = index
}

// some returns the column of some keys, named by their numbers, whose dictionary has
// what they need. It is valid until the next call.
func (b *built) some(keys []uint32) *columnar.Data {
	p := &b.part
	p.Numbers, b.used = p.Numbers[:0], b.used[:0]
	p.Texts.Reset()
	b.here = extended(b.here, b.at.size())
	p.Index = sized(p.Index, len(keys))
	for i, k := range keys {
		place := b.data.Index[k]
		n := b.here[place]
		if n == 0 {
			b.used = append(b.used, place)
			n = int32(len(b.used))
			b.here[place] = n
		}
		p.Index[i] = n - 1
	}
	for _, place := range b.used {
		b.here[place] = 0
		if b.number != nil {
			p.Numbers = append(p.Numbers, b.data.Numbers[place])
		} else {
			p.Texts.Add(func(t []byte) []byte { return append(t, b.data.Texts.At(int(place))...) })
		}
	}
	return p
}

func (b *built) ofNumber(n int64) int32 {
	i := n + 1
	if i < 0 || i >= int64(len(b.small)) && !b.room(i) {
		place, fresh := b.at.of(0, uint64(n))
		if fresh {
			b.data.Numbers = append(b.data.Numbers, n)
		}
		return place
	}
	if b.small[i] == 0 {
		b.data.Numbers = append(b.data.Numbers, n)
		b.small[i] = b.at.next() + 1
	}
	return b.small[i] - 1
}

// room makes the list of small numbers long enough for i where that is small.
func (b *built) room(i int64) bool {
	if i >= maxSmall {
		return false
	}
	more := make([]int32, min(max(256, 2*i), maxSmall))
	copy(more, b.small)
	b.small = more
	return true
}

func (b *built) ofAddress(a *[16]byte) int32 {
	if a == nil {
		if b.no < 0 {
			b.no = b.at.next()
			b.data.Texts.Add(func(t []byte) []byte { return t })
		}
		return b.no
	}
	hi, lo := words(a)
	place, fresh := b.at.of(hi, lo)
	if fresh {
		b.data.Texts.Add(func(t []byte) []byte { return addressText(t, a) })
	}
	return place
}

// appendText appends a value of the dictionary, nothing for none.
func (b *built) appendText(to []byte, place int) []byte {
	switch {
	case b.number == nil:
		return append(to, b.data.Texts.At(place)...)
	case b.data.Numbers[place] < 0:
		return to
	}
	return strconv.AppendInt(to, b.data.Numbers[place], 10)
}
