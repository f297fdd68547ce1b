package sflow

import (
	"iter"
	"strconv"
)

// Types of an AS path segment (as_path_segment_type); others occur on the wire.
const (
	ASSet      = 1 // unordered
	ASSequence = 2 // ordered
)

// ASPathSegment is one as_path_type of an AS path.
type ASPathSegment struct {
	Type uint32 // ASSet, ASSequence
	ASNs Words  // autonomous system numbers
}

// ASPath is a list of as_path_type as it is on the wire, without its count. It
// refers to the record's bytes.
type ASPath []byte

// Segments iterates over the segments. Bytes that are no whole segment, which
// Decode never leaves, end it.
func (p ASPath) Segments() iter.Seq[ASPathSegment] {
	return func(yield func(ASPathSegment) bool) {
		for b := p; len(b) >= 8; {
			asns, rest, err := decodeWords(b[4:])
			if err != nil || !yield(ASPathSegment{be.Uint32(b), asns}) {
				return
			}
			b = rest
		}
	}
}

// Len returns the number of segments.
func (p ASPath) Len() int {
	n := 0
	for range p.Segments() {
		n++
	}
	return n
}

// AppendASPathSegment appends a segment to p: a way to build a path.
func AppendASPathSegment(p ASPath, segmentType uint32, asns ...uint32) ASPath {
	p = be.AppendUint32(p, segmentType)
	p = be.AppendUint32(p, uint32(len(asns)))
	return ASPath(AppendWords(Words(p), asns...))
}

// MarshalJSON returns an array of objects: as_set, as_sequence, or type and asns
// for a segment of another type.
func (p ASPath) MarshalJSON() ([]byte, error) {
	out := []byte{'['}
	for s := range p.Segments() {
		if len(out) > 1 {
			out = append(out, ',')
		}
		switch s.Type {
		case ASSet:
			out = append(out, `{"as_set":`...)
		case ASSequence:
			out = append(out, `{"as_sequence":`...)
		default:
			out = append(out, `{"type":`...)
			out = append(strconv.AppendUint(out, uint64(s.Type), 10), `,"asns":`...)
		}
		asns, _ := s.ASNs.MarshalJSON()
		out = append(append(out, asns...), '}')
	}
	return append(out, ']'), nil
}

// decodeASPath reads a count and as many segments at the start of b, and
// returns them with what follows. A segment has 8 bytes at least, so a large
// count ends with the bytes.
func decodeASPath(b []byte) (p ASPath, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, ErrTruncated
	}
	n := be.Uint32(b)
	all := b[4:]
	b = all
	for ; n > 0; n-- {
		if len(b) < 8 {
			return nil, nil, ErrTruncated
		}
		if _, b, err = decodeWords(b[4:]); err != nil {
			return nil, nil, err
		}
	}
	end := len(all) - len(b)
	return ASPath(all[:end:end]), b, nil
}

func appendASPath(b []byte, p ASPath) []byte {
	b = be.AppendUint32(b, 0)
	at, n := len(b), uint32(0)
	for s := range p.Segments() {
		b = appendWords(be.AppendUint32(b, s.Type), s.ASNs)
		n++
	}
	be.PutUint32(b[at-4:], n)
	return b
}
