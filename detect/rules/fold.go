package rules

import "net/netip"

// Calculus is how a filter is evaluated over many rows at once.
type Calculus[T any] interface {
	All() T // everything passes
	// Compare is one comparison: passes tells it of a value, given as two words
	// of 64 bits, an IPv4 address in its IPv4-mapped form; ok is false for a row
	// that lacks the field.
	Compare(field Field, passes func(hi, lo uint64, ok bool) bool) (T, error)
	And(a, b T) T
	Or(a, b T) T
	Not(a T) T
}

// Fold evaluates the filter from its comparisons up. The error is the first of
// Compare's.
func Fold[T any](f *Filter, c Calculus[T]) (T, error) { return fold1(f.root, c) }

func fold1[T any](n *node, c Calculus[T]) (T, error) {
	switch n.op {
	case opAnd, opOr:
		all, err := fold1(n.kids[0], c)
		for _, k := range n.kids[1:] {
			if err != nil {
				break
			}
			next, failed := fold1(k, c)
			switch {
			case failed != nil:
				err = failed // next is nothing
			case n.op == opAnd:
				all = c.And(all, next)
			default:
				all = c.Or(all, next)
			}
		}
		return all, err
	case opNot:
		one, err := fold1(n.kids[0], c)
		if err != nil {
			return one, err
		}
		return c.Not(one), nil
	case opIn, opOrder:
		return c.Compare(n.field, func(hi, lo uint64, ok bool) bool { return ok && n.set.has(u128{hi, lo}) })
	case opNotIn:
		return c.Compare(n.field, func(hi, lo uint64, ok bool) bool { return !ok || !n.set.has(u128{hi, lo}) })
	case opHas:
		return c.Compare(n.field, func(_, lo uint64, ok bool) bool { return ok && lo&n.mask == n.mask })
	}
	return c.All(), nil
}

// Among returns the addresses of which a field must have one for the filter to
// pass; ok is false where others may pass too.
func (f *Filter) Among(field Field) (all []netip.Addr, ok bool) { return f.root.among(field) }

func (n *node) among(field Field) (all []netip.Addr, ok bool) {
	switch n.op {
	case opAnd:
		for _, k := range n.kids {
			if all, ok = k.among(field); ok {
				return all, true
			}
		}
	case opOr:
		for _, k := range n.kids {
			some, ok := k.among(field)
			if !ok {
				return nil, false
			}
			all = append(all, some...)
		}
		return all, true
	case opIn:
		if n.field != field || fieldInfo[field].kind != kindAddr {
			return nil, false
		}
		for _, l := range n.literals {
			if !l.single() && (!l.network.IsValid() || l.from != l.to) {
				return nil, false
			}
			all = append(all, netip.AddrFrom16(l.from.bytes()).Unmap())
		}
		return all, true
	}
	return nil, false
}
