package flows

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"weir/detect/rules"
)

// selection is for each row whether it passes.
type selection []bool

// calculus evaluates a filter over a group: each comparison once for every
// value of a dictionary, and then by index.
type calculus struct{ g group }

func (c calculus) All() selection {
	s := make(selection, c.g.rows())
	for i := range s {
		s[i] = true
	}
	return s
}

func (c calculus) Compare(f rules.Field, passes func(hi, lo uint64, ok bool) bool) (selection, error) {
	name, ok := filterFields[f]
	if !ok {
		return nil, notKept(f.String())
	}
	col, err := c.g.column(name)
	if err != nil {
		return nil, err
	}
	pass := make([]bool, col.size())
	for i := range pass {
		pass[i] = passes(col.words(int32(i)))
	}
	s := make(selection, len(col.index))
	for i, x := range col.index {
		s[i] = pass[x]
	}
	return s, nil
}

func (calculus) And(a, b selection) selection {
	for i := range a {
		a[i] = a[i] && b[i]
	}
	return a
}

func (calculus) Or(a, b selection) selection {
	for i := range a {
		a[i] = a[i] || b[i]
	}
	return a
}

func (calculus) Not(a selection) selection {
	for i := range a {
		a[i] = !a[i]
	}
	return a
}

// words returns a value as a filter compares it.
func (c *column) words(i int32) (hi, lo uint64, ok bool) {
	if c.numbers != nil {
		return 0, uint64(c.numbers[i]), c.numbers[i] >= 0
	}
	text := c.texts[i]
	if a, err := netip.ParseAddr(text); err == nil {
		b := a.As16()
		return binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]), true
	}
	n, err := strconv.ParseUint(text, 10, 64) // of a port
	return 0, n, err == nil
}

func notKept(name string) error {
	kept := make([]string, 0, len(filterFields))
	for f := range filterFields {
		kept = append(kept, f.String())
	}
	slices.Sort(kept)
	return fmt.Errorf("field %s: history does not keep it; it keeps %s", name, strings.Join(kept, ", "))
}

// CheckFilter returns why a filter cannot be asked of history.
func CheckFilter(f *rules.Filter) error {
	_, err := rules.Fold(f, checker{})
	return err
}

type checker struct{}

func (checker) All() struct{} { return struct{}{} }
func (checker) Compare(f rules.Field, _ func(hi, lo uint64, ok bool) bool) (struct{}, error) {
	if _, ok := filterFields[f]; !ok {
		return struct{}{}, notKept(f.String())
	}
	return struct{}{}, nil
}
func (checker) And(_, _ struct{}) struct{} { return struct{}{} }
func (checker) Or(_, _ struct{}) struct{}  { return struct{}{} }
func (checker) Not(struct{}) struct{}      { return struct{}{} }
