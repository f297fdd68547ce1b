package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"weir/detect/largeflow"
)

// Unit is what a rule counts.
type Unit uint8

// The units.
const (
	Bits     Unit = iota // bits_per_second
	Packets              // packets_per_second
	Distinct             // distinct(field)
)

// Value is what a rule counts, for Distinct of which field.
type Value struct {
	Unit  Unit
	Field Field
}

// String writes the value as it is read.
func (v Value) String() string {
	switch v.Unit {
	case Bits:
		return "bits_per_second"
	case Packets:
		return "packets_per_second"
	}
	return "distinct(" + v.Field.String() + ")"
}

func parseValue(s string) (v Value, problem string, fits []string) {
	switch s = strings.ToLower(strings.TrimSpace(s)); s {
	case "bits_per_second":
		return Value{Unit: Bits}, "", nil
	case "packets_per_second":
		return Value{Unit: Packets}, "", nil
	}
	if name, ok := strings.CutPrefix(s, "distinct("); ok && strings.HasSuffix(name, ")") {
		name = strings.TrimSpace(strings.TrimSuffix(name, ")"))
		f, ok := fieldOf(name)
		if !ok {
			return v, strconv.Quote(name) + " is no field", near(name, fieldNames())
		}
		return Value{Distinct, f}, "", nil
	}
	return v, "is nothing to count", near(s, []string{"bits_per_second", "packets_per_second", "distinct(src)", "distinct(dst)", "distinct(dst_port)"})
}

// Threshold is the number that the value must reach: per second, a share of the
// link, or of different things.
type Threshold struct {
	Number float64
	Share  bool // 0.1 is 10 % of the interface's speed
}

// Text writes the threshold of a value.
func (v Value) Text(t Threshold) string {
	switch {
	case t.Share:
		return trim(t.Number*100) + "%"
	case v.Unit == Bits:
		return largeflow.BitRate(t.Number)
	case v.Unit == Packets:
		return Magnitude(t.Number) + "pps"
	}
	return trim(t.Number)
}

// parse reads a threshold of the value.
func (v Value) parse(s string) (t Threshold, problem, fix string) {
	s = strings.TrimSpace(s)
	switch v.Unit {
	case Bits:
		l, err := largeflow.ParseThreshold(s)
		if err != nil {
			if s != "" && strings.Trim(strings.TrimRight(s, "bitsBITkKmMgG/% "), "0.") == "" {
				return t, "is zero: every packet would raise an alert", "write a bit rate above 0 such as 50Mbit/s"
			}
			return t, "is no bit rate", "write a rate such as 50Mbit/s or 1.5Gbit/s, or a share of the interface's speed such as 10%"
		}
		if l.Share > 0 {
			return Threshold{l.Share, true}, "", ""
		}
		return Threshold{Number: l.BitsPerSecond}, "", ""
	case Packets:
		t.Number, problem, fix = ParsePacketRate(s)
		return t, problem, fix
	}
	fix = fmt.Sprintf("write a number from 2 to %d", mostDistinct)
	n, ok := parseMagnitude(s)
	switch {
	case !ok:
		return t, "is no number", fix
	case n < 2:
		return t, "is reached by a single packet", fix
	case n > mostDistinct:
		return t, "is more than the samples of one key can tell apart", fix
	}
	return Threshold{Number: n}, "", ""
}

// ParsePacketRate reads 20kpps, 20k/s or 20000; problem says what is wrong.
func ParsePacketRate(s string) (v float64, problem, fix string) {
	const most = 1e15
	fix = "write a packet rate above 0 such as 20kpps or 20000/s"
	number := s
	for _, unit := range []string{"pps", "packets/s", "/s"} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			number = rest
			break
		}
	}
	n, ok := parseMagnitude(number)
	switch {
	case !ok:
		return 0, "is no packet rate", fix
	case n == 0:
		return 0, "is zero: every packet would raise an alert", fix
	case n > most:
		return 0, "is out of range", fix
	}
	return n, "", ""
}

// mostDistinct is the greatest threshold of a distinct count: what a bitmap of
// 256 tells with some certainty.
const mostDistinct = 1000

// parseMagnitude reads 20k, 1.5M or 20000.
func parseMagnitude(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	factor := 1.0
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'k', 'K':
			factor = 1e3
		case 'M':
			factor = 1e6
		case 'G':
			factor = 1e9
		}
		if factor > 1 {
			s = strings.TrimSpace(s[:n-1])
		}
	}
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v * factor, err == nil
}

// Magnitude writes a number as 20k or 1.5M.
func Magnitude(v float64) string {
	switch {
	case v >= 1e9:
		return trim(v/1e9) + "G"
	case v >= 1e6:
		return trim(v/1e6) + "M"
	case v >= 1e3:
		return trim(v/1e3) + "k"
	}
	return trim(v)
}

func trim(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) }

// Windows of rules.
const (
	minWindow     = time.Second
	maxWindow     = 5 * time.Minute
	defaultWindow = 10 * time.Second
)

func parseWindow(s string) (d time.Duration, problem, fix string) {
	fix = "write a time from 1s to 5m such as 10s"
	d, err := time.ParseDuration(strings.TrimSpace(s))
	switch {
	case err != nil:
		return 0, "is no length of time", fix
	case d == 0:
		return 0, "is no time at all", fix
	case d < minWindow || d > maxWindow:
		return 0, "is out of range", fix
	}
	return d, "", ""
}
