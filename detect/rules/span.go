package rules

import (
	"cmp"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"sort"
)

// u128 is a field's value: an address in its 16-byte form, or a number.
type u128 struct{ hi, lo uint64 }

func number(v uint64) u128 { return u128{0, v} }

func address(b [16]byte) u128 {
	return u128{be.Uint64(b[:8]), be.Uint64(b[8:])}
}

func (v u128) bytes() (b [16]byte) {
	be.PutUint64(b[:8], v.hi)
	be.PutUint64(b[8:], v.lo)
	return b
}

func (v u128) compare(o u128) int { return cmp.Or(cmp.Compare(v.hi, o.hi), cmp.Compare(v.lo, o.lo)) }

func (v u128) next() u128 {
	lo, carry := bits.Add64(v.lo, 1, 0)
	return u128{v.hi + carry, lo}
}

func (v u128) previous() u128 {
	lo, borrow := bits.Sub64(v.lo, 1, 0)
	return u128{v.hi - borrow, lo}
}

var greatest = u128{math.MaxUint64, math.MaxUint64}

// span is a range of values, both ends included.
type span struct{ from, to u128 }

// spanOf returns the addresses of a network.
func spanOf(p netip.Prefix) span {
	a := p.Addr().As16()
	length := p.Bits()
	if p.Addr().Is4() {
		length += 96
	}
	from, mask := address(a), masked(length)
	from = u128{from.hi & mask.hi, from.lo & mask.lo}
	return span{from, u128{from.hi | ^mask.hi, from.lo | ^mask.lo}}
}

// masked returns a mask with so many leading ones.
func masked(length int) u128 {
	switch {
	case length <= 0:
		return u128{}
	case length <= 64:
		return u128{math.MaxUint64 << (64 - length), 0}
	default:
		return u128{math.MaxUint64, math.MaxUint64 << (128 - min(length, 128))}
	}
}

// spans is a set of values: ranges in order that do not touch.
type spans []span

func newSpans(all []span) spans {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b span) int { return a.from.compare(b.from) })
	var out spans
	for _, s := range all {
		if n := len(out); n > 0 && (out[n-1].to == greatest || s.from.compare(out[n-1].to.next()) <= 0) {
			if s.to.compare(out[n-1].to) > 0 {
				out[n-1].to = s.to
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// has reports whether v is in the set.
func (s spans) has(v u128) bool {
	if len(s) <= 4 {
		for i := range s {
			if s[i].from.compare(v) <= 0 && v.compare(s[i].to) <= 0 {
				return true
			}
		}
		return false
	}
	i := sort.Search(len(s), func(i int) bool { return s[i].to.compare(v) >= 0 })
	return i < len(s) && s[i].from.compare(v) <= 0
}

// and returns the values that are in both.
func (s spans) and(o spans) spans {
	var out spans
	for i, j := 0, 0; i < len(s) && j < len(o); {
		from, to := s[i].from, s[i].to
		if o[j].from.compare(from) > 0 {
			from = o[j].from
		}
		if o[j].to.compare(to) < 0 {
			to = o[j].to
		}
		if from.compare(to) <= 0 {
			out = append(out, span{from, to})
		}
		if s[i].to.compare(o[j].to) < 0 {
			i++
		} else {
			j++
		}
	}
	return out
}

// not returns the values of a field with these bounds that are not in s.
func (s spans) not(all span) spans {
	var out spans
	from, open := all.from, true
	for _, x := range s {
		if x.from.compare(from) > 0 {
			out = append(out, span{from, x.from.previous()})
		}
		if x.to.compare(all.to) >= 0 {
			open = false
			break
		}
		if x.to.compare(from) >= 0 {
			from = x.to.next()
		}
	}
	if open {
		out = append(out, span{from, all.to})
	}
	return out
}
