package rules

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Filter is a compiled expression. It is never changed.
type Filter struct {
	root    *node
	records bool // router or gateway records are asked for

	instances bool // the instance is asked for
}

type op uint8

const (
	opAll op = iota // everything
	opAnd
	opOr
	opNot
	opIn
	opNotIn
	opOrder
	opHas // all of the bits
)

// node is one operator or comparison.
type node struct {
	op       op
	field    Field
	sign     string // of opOrder
	literals []literal
	set      spans // of opIn, opNotIn, opOrder
	mask     uint64
	kids     []*node
}

// literal is a value as it was written.
type literal struct {
	span
	network netip.Prefix // valid where it was written as one
}

func (n *node) compile() {
	switch n.op {
	case opIn, opNotIn:
		all := make([]span, len(n.literals))
		for i, l := range n.literals {
			all[i] = l.span
		}
		n.set = newSpans(all)
	case opHas:
		if len(n.literals) == 1 {
			n.mask = n.literals[0].from.lo
		}
	case opOrder:
		v, all := n.literals[0].from, n.field.all()
		switch s := (span{v, v}); n.sign {
		case "<=":
			n.set = spans{{all.from, v}}
		case ">=":
			n.set = spans{{v, all.to}}
		case "<":
			n.set = spans{{v, all.to}}.not(all)
		default:
			s.from = all.from
			n.set = spans{s}.not(all)
		}
	}
}

// match reports whether the sample passes.
func (f *Filter) match(v *view) bool { return f.root.match(v) }

func (n *node) match(v *view) bool {
	switch n.op {
	case opAnd:
		for _, k := range n.kids {
			if !k.match(v) {
				return false
			}
		}
		return true
	case opOr:
		for _, k := range n.kids {
			if k.match(v) {
				return true
			}
		}
		return false
	case opNot:
		return !n.kids[0].match(v)
	case opIn, opOrder:
		x, ok := v.value(n.field)
		return ok && n.set.has(x)
	case opNotIn:
		x, ok := v.value(n.field)
		return !ok || !n.set.has(x)
	case opHas:
		x, ok := v.value(n.field)
		return ok && x.lo&n.mask == n.mask
	}
	return true
}

// records reports that a comparison asks for the router or gateway records.
func (n *node) records() bool {
	return n.op >= opIn && n.field.records() || slices.ContainsFunc(n.kids, (*node).records)
}

// instances reports that a comparison asks for the instance.
func (n *node) instances() bool {
	return n.op >= opIn && n.field == Instance || slices.ContainsFunc(n.kids, (*node).instances)
}

// All reports that the filter lets everything pass.
func (f *Filter) All() bool { return f.root.op == opAll }

// String writes the filter so that ParseFilter reads the same.
func (f *Filter) String() string {
	var b strings.Builder
	f.root.write(&b, opOr)
	return b.String()
}

// write writes n inside an operator: or inside and needs parentheses.
func (n *node) write(b *strings.Builder, inside op) {
	switch n.op {
	case opAnd, opOr:
		word := " and "
		if n.op == opOr {
			word = " or "
		}
		closed := inside == opNot || inside == opAnd && n.op == opOr || inside == n.op && b.Len() > 0
		if closed {
			b.WriteByte('(')
		}
		for i, k := range n.kids {
			if i > 0 {
				b.WriteString(word)
			}
			k.write(b, n.op)
		}
		if closed {
			b.WriteByte(')')
		}
	case opNot:
		b.WriteString("not ")
		n.kids[0].write(b, opNot)
	case opAll:
	default:
		n.writeComparison(b)
	}
}

func (n *node) writeComparison(b *strings.Builder) {
	b.WriteString(n.field.String())
	many := len(n.literals) > 1
	switch n.op {
	case opOrder:
		b.WriteString(" " + n.sign + " ")
	case opHas:
		b.WriteString(" has ")
	case opNotIn:
		if many || !n.literals[0].single() {
			b.WriteString(" not in ")
		} else {
			b.WriteString(" != ")
		}
	default:
		if many || !n.literals[0].single() {
			b.WriteString(" in ")
		} else {
			b.WriteString(" = ")
		}
	}
	if many {
		b.WriteByte('(')
	}
	for i, l := range n.literals {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(l.text(n.field))
	}
	if many {
		b.WriteByte(')')
	}
}

func (l literal) single() bool { return l.from == l.to && !l.network.IsValid() }

func (l literal) text(f Field) string {
	switch {
	case l.network.IsValid():
		return l.network.String()
	case l.from != l.to:
		return strconv.FormatUint(l.from.lo, 10) + "-" + strconv.FormatUint(l.to.lo, 10)
	}
	return f.text(l.from)
}
