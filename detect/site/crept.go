package site

import "weir/detect/site/fact"

// Who turns sampling down by one step after another, each too small to be told, is
// judged by what was usual for long: an exporter that backs off under load comes
// back, or goes on for a day.
const (
	creptDown  = 32 // times less than was usual
	usualAfter = 24 * 3600 * second
)

// usualRate is the rate that a data source samples at as a rule.
type usualRate struct {
	rate uint64 // that it had for a day, the last; else the first; 0 unknown
	now  uint64 // the newest that was taken for normal
	from int64  // since when
}

// crept reports whether so much less is sampled as of f than was usual.
func (u *usualRate) crept(f *fact.Fact) bool {
	if u.now != 0 && f.At-u.from >= usualAfter {
		u.rate = u.now
	}
	return u.rate != 0 && f.A >= creptDown*u.rate
}

// take takes the rate of f for normal.
func (u *usualRate) take(f *fact.Fact) {
	if u.rate == 0 {
		u.rate = f.A
	}
	if u.now != f.A {
		u.now, u.from = f.A, f.At
	}
}
