package sflow

import (
	"iter"
	"strconv"
)

// Text is a string or utf8string of the wire. It refers to the record's bytes
// and is not checked: it may hold anything, of any length the record has room
// for.
type Text []byte

// String returns a copy.
func (t Text) String() string { return string(t) }

// MarshalText returns a copy.
func (t Text) MarshalText() ([]byte, error) { return append([]byte{}, t...), nil }

// Opaque is variable-length opaque data of the wire. It refers to the record's
// bytes.
type Opaque []byte

// MarshalText returns lower-case hex.
func (o Opaque) MarshalText() ([]byte, error) {
	const hex = "0123456789abcdef"
	out := make([]byte, 0, 2*len(o))
	for _, v := range o {
		out = append(out, hex[v>>4], hex[v&15])
	}
	return out, nil
}

// Words is a variable-length list of unsigned ints: communities, labels, VLAN
// tags. It holds the elements as they are on the wire, without their count, and
// refers to the record's bytes.
type Words []byte

// Len returns the number of elements.
func (w Words) Len() int { return len(w) / 4 }

// At returns element i, which must be less than Len.
func (w Words) At(i int) uint32 { return be.Uint32(w[4*i:]) }

// All iterates over the elements.
func (w Words) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for b := w; len(b) >= 4; b = b[4:] {
			if !yield(be.Uint32(b)) {
				return
			}
		}
	}
}

// AppendWords appends elements to w: a way to build a list.
func AppendWords(w Words, elements ...uint32) Words {
	for _, v := range elements {
		w = be.AppendUint32(w, v)
	}
	return w
}

// MarshalJSON returns an array of numbers.
func (w Words) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for v := range w.All() {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(v), 10)
	}
	return append(out, ']'), nil
}

// decodeWords reads a count and as many unsigned ints at the start of b, and
// returns them with what follows.
func decodeWords(b []byte) (w Words, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, ErrTruncated
	}
	n := 4 * uint64(be.Uint32(b))
	b = b[4:]
	if n > uint64(len(b)) {
		return nil, nil, ErrTruncated
	}
	return Words(b[:n:n]), b[n:], nil
}

func appendWords(b []byte, w Words) []byte {
	b = be.AppendUint32(b, uint32(w.Len()))
	return append(b, w[:4*w.Len()]...)
}
