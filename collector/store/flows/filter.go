package flows

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"weir/detect/rules"
)

// selection is which rows of a group pass: all, none, or those that are true in
// some.
type selection struct {
	all, none bool
	some      []bool
}

// calculus evaluates a filter over a group: each comparison once for every
// value of a dictionary, and then by place, unless all values or none pass.
type calculus struct {
	g    group
	next int       // comparison of the filter
	had  []verdict // of the group before, by comparison
}

// verdict is what a comparison says of the values of a dictionary.
type verdict struct {
	pass      []bool
	all, none bool
}

// of turns to a group.
func (c *calculus) of(g group) *calculus {
	c.g, c.next = g, 0
	return c
}

// forget forgets dictionaries that grew.
func (c *calculus) forget() { c.had = c.had[:0] }

// ask asks a comparison of the values of a dictionary that it was not asked of.
func (c *calculus) ask(col *column, passes func(hi, lo uint64, ok bool) bool) *verdict {
	for len(c.had) <= c.next {
		c.had = append(c.had, verdict{all: true, none: true})
	}
	v := &c.had[c.next]
	c.next++
	if !col.grows {
		*v = verdict{pass: v.pass[:0], all: true, none: true}
	}
	for i := len(v.pass); i < col.size; i++ {
		p := passes(col.words(i))
		v.pass = append(v.pass, p)
		v.all, v.none = v.all && p, v.none && !p
	}
	return v
}

func (c *calculus) All() selection { return selection{all: true} }

func (c *calculus) Compare(f rules.Field, passes func(hi, lo uint64, ok bool) bool) (s selection, err error) {
	name, ok := filterColumn(f)
	if !ok {
		return s, notKept(f.String())
	}
	col, err := c.g.column(name)
	if err != nil {
		return s, err
	}
	v := c.ask(col, passes)
	if s.all, s.none = v.all, v.none; s.all || s.none {
		s.all = s.all && c.g.rows() > 0
		return s, nil
	}
	places, err := col.places()
	if err != nil {
		return s, err
	}
	s.some = make([]bool, len(places))
	for i, x := range places {
		s.some[i] = v.pass[x]
	}
	return s, nil
}

func (*calculus) And(a, b selection) selection {
	switch {
	case a.none || b.all:
		return a
	case b.none || a.all:
		return b
	}
	for i := range a.some {
		a.some[i] = a.some[i] && b.some[i]
	}
	return a
}

func (*calculus) Or(a, b selection) selection {
	switch {
	case a.all || b.none:
		return a
	case b.all || a.none:
		return b
	}
	for i := range a.some {
		a.some[i] = a.some[i] || b.some[i]
	}
	return a
}

func (*calculus) Not(a selection) selection {
	a.all, a.none = a.none, a.all
	for i := range a.some {
		a.some[i] = !a.some[i]
	}
	return a
}

// passing returns the rows that pass and are of the time, every is whether all
// do, in which case there is no list. With besides rows of hours whose rollups are
// read do not pass.
func (s *scan) passing(c *calculus, at []int64, list []int32, besides bool) (_ []int32, every bool, err error) {
	sel := selection{all: true}
	if f := s.q.Filter; f != nil && !f.All() {
		if sel, err = rules.Fold(f, c); err != nil {
			return nil, false, err
		}
	}
	first, last, known := c.g.span()
	if sel.none {
		return nil, false, nil
	} else if sel.all && known && first >= s.from && last < s.to && !besides {
		return nil, true, nil
	}
	list = list[:0]
	for i, t := range at {
		if t >= s.from && t < s.to && (sel.all || sel.some[i]) && (!besides || !s.rolled.hours[hourOf(t)]) {
			list = append(list, int32(i))
		}
	}
	return list, false, nil
}

// FilterFields are the fields that a filter may compare.
func FilterFields() (kept []string) {
	for _, f := range fields() {
		if f.asked {
			kept = append(kept, f.filter.String())
		}
	}
	slices.Sort(kept)
	return kept
}

func notKept(name string) error {
	kept := FilterFields()
	return fmt.Errorf("field %s: history does not keep it; it keeps %s", name, strings.Join(kept, ", "))
}

// ParseFilter reads a filter of what history keeps. The error is a
// *rules.SyntaxError.
func ParseFilter(text string) (*rules.Filter, error) {
	return rules.ParseFilterOf(text, filterFields(), notKeptWord)
}

// ParseFilterNaming is ParseFilter where instances may be named; whether there are
// such is not looked at.
func ParseFilterNaming(text string) (*rules.Filter, error) {
	return rules.ParseFilterNaming(text, filterFields(), notKeptWord, func(string) ([]netip.Addr, string, []string) {
		return []netip.Addr{netip.IPv4Unspecified()}, "", nil
	})
}

const notKeptWord = "history does not keep it"

func filterFields() (kept []rules.Field) {
	for _, f := range fields() {
		if f.asked {
			kept = append(kept, f.filter)
		}
	}
	return kept
}

// CheckFilter returns why a filter cannot be asked of history.
func CheckFilter(f *rules.Filter) error {
	_, err := rules.Fold(f, checker{})
	return err
}

type checker struct{}

func (checker) All() struct{} { return struct{}{} }
func (checker) Compare(f rules.Field, _ func(hi, lo uint64, ok bool) bool) (struct{}, error) {
	if _, ok := filterColumn(f); !ok {
		return struct{}{}, notKept(f.String())
	}
	return struct{}{}, nil
}
func (checker) And(_, _ struct{}) struct{} { return struct{}{} }
func (checker) Or(_, _ struct{}) struct{}  { return struct{}{} }
func (checker) Not(struct{}) struct{}      { return struct{}{} }
