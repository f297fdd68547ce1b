package influx

import (
	"hash/maphash"
	"math"
	"strconv"
	"unicode/utf8"

	"weir/collector/series"
)

// Bounds of what follows from names that agents send, in octets.
const (
	maxTag  = 256
	maxText = 4096
)

// encoder writes points as line protocol. Agents choose much of what stands in
// tags and texts: whatever that is, a point is one line, and its tags and fields
// are those of its class.
type encoder struct {
	site    []byte // ",site=name"
	classes map[*series.Class]*classText
	limit   limiter
	block   []byte
	points  int
}

// classText is what is the same in every line of a class.
type classText struct {
	name   string   // "if_counters"
	tags   []string // ",agent="
	fields []string // "in_octets="
}

func newEncoder(site string, maxSeries int, retention int64) *encoder {
	e := &encoder{
		site: appendTag([]byte(",site="), site), classes: map[*series.Class]*classText{},
		limit: limiter{seed: maphash.MakeSeed(), max: maxSeries, keep: retention, seen: map[uint64]int64{}},
	}
	if site == "" {
		e.site = nil
	}
	return e
}

func (e *encoder) class(c *series.Class) *classText {
	t := e.classes[c]
	if t != nil {
		return t
	}
	t = &classText{name: c.Name}
	for _, tag := range c.Tags {
		t.tags = append(t.tags, ","+tag+"=")
	}
	for i := range c.Fields {
		t.fields = append(t.fields, c.Fields[i].Name+"=")
	}
	e.classes[c] = t
	return t
}

// add appends a point to the block, unless it would begin a series for which
// there is no room. A point without a known field is no point.
func (e *encoder) add(p *series.Point) bool {
	t, b := e.class(p.Class), e.block
	start := len(b)
	b = append(b, t.name...)
	b = append(b, e.site...)
	for i, name := range t.tags {
		if v := p.Tags[i]; v != "" {
			b = append(b, name...)
			b = appendTag(b, v)
		}
	}
	if !e.limit.admit(b[start:], p.At) {
		e.block = b[:start]
		return false
	}
	sep := byte(' ')
	for i := range p.Values {
		v := &p.Values[i]
		if v.Kind() == series.Unknown {
			continue
		}
		b = append(b, sep)
		b = append(b, t.fields[i]...)
		b = appendValue(b, v)
		sep = ','
	}
	if sep == ' ' {
		e.block = b[:start]
		return true
	}
	b = append(b, ' ')
	b = strconv.AppendInt(b, p.At, 10)
	e.block = append(b, '\n')
	e.points++
	return true
}

// take returns the block and how many points it has, and goes on with next.
func (e *encoder) take(next []byte) ([]byte, int) {
	b, n := e.block, e.points
	e.block, e.points = next[:0], 0
	return b, n
}

func appendValue(b []byte, v *series.Value) []byte {
	switch v.Kind() {
	case series.Int:
		return append(strconv.AppendInt(b, v.Int(), 10), 'i')
	case series.Float:
		return appendFloat(b, v.Float())
	default:
		return appendText(b, v.Text())
	}
}

// appendFloat writes at least nine significant digits of a number, without
// trailing zeros: half of the digits that would tell it from its neighbours, in
// a quarter of the time. Very small and very large numbers are written whole.
func appendFloat(b []byte, f float64) []byte {
	const exact = 1 << 53
	if f < 0 {
		b, f = append(b, '-'), -f
	}
	switch {
	case f < 1e-3 && f != 0 || f >= exact:
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	case f == math.Trunc(f) || f >= 1e9:
		return strconv.AppendUint(b, uint64(f+0.5), 10)
	case f < 1e3:
		return appendFixed(b, uint64(f*1e9+0.5), 1e9)
	case f < 1e6:
		return appendFixed(b, uint64(f*1e6+0.5), 1e6)
	}
	return appendFixed(b, uint64(f*1e3+0.5), 1e3)
}

// appendFixed writes n/unit, a power of ten.
func appendFixed(b []byte, n, unit uint64) []byte {
	b = strconv.AppendUint(b, n/unit, 10)
	n %= unit
	if n == 0 {
		return b
	}
	// The one in front keeps the zeros behind the point.
	at := len(b)
	b = strconv.AppendUint(b, n+unit, 10)
	b[at] = '.'
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// plain says which octets stand for themselves in a tag.
var plain = func() (ok [256]bool) {
	for c := '!'; c < utf8.RuneSelf-1; c++ {
		ok[c] = c != ',' && c != '=' && c != '\\'
	}
	return ok
}()

// appendTag writes a tag's value: separators are escaped; what cannot be
// escaped, control characters, the backslash and what is no UTF-8, becomes "_".
func appendTag(b []byte, s string) []byte {
	s = cut(s, maxTag)
	i := 0
	for i < len(s) && plain[s[i]] {
		i++
	}
	b = append(b, s[:i]...)
	for i < len(s) {
		c := s[i]
		switch {
		case plain[c]:
			b = append(b, c)
			i++
		case c == ',' || c == '=' || c == ' ':
			b = append(b, '\\', c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = appendRune(b, r, n, '_')
			i += n
		}
	}
	return b
}

// appendText writes a quoted text on one line.
func appendText(b []byte, s string) []byte {
	s = cut(s, maxText)
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c >= ' ' && c < utf8.RuneSelf-1:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = appendRune(b, r, n, ' ')
			i += n
		}
	}
	return append(b, '"')
}

// appendRune writes a rune of n octets, or instead where it is a control
// character, breaks lines or is no UTF-8.
func appendRune(b []byte, r rune, n int, instead byte) []byte {
	if r < ' ' || r == '\\' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == utf8.RuneError && n == 1 {
		return append(b, instead)
	}
	return utf8.AppendRune(b, r)
}

// cut shortens s to at most n octets, at the end of a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
