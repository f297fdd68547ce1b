package largeflow

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"weir/decoder"
)

// UnknownSpeed stands in, in bit/s, for the speed of an interface that nobody
// has told, where the threshold is a share: 10 % of it are 100 Mbit/s.
const UnknownSpeed = 1e9

// Threshold is the rate from which a flow is large: absolute, or a share of
// the speed of the interface it is seen at. The zero value is no threshold.
type Threshold struct {
	BitsPerSecond float64 // absolute; 0 with Share
	Share         float64 // of the interface's speed, 0.1 is 10 %; 0 with BitsPerSecond
}

// At returns the threshold in bit/s at an interface of speed bit/s; speed 0
// (unknown) counts as UnknownSpeed.
func (t Threshold) At(speed uint64) float64 {
	if t.BitsPerSecond > 0 {
		return t.BitsPerSecond
	}
	if speed == 0 {
		return t.Share * UnknownSpeed
	}
	return t.Share * float64(speed)
}

// Thresholds are the threshold of all interfaces and of classes of them, whose
// speed may mean nothing: the zero value of a class is that of all.
type Thresholds struct {
	All   Threshold
	Class [decoder.PortClasses]Threshold
}

// Of returns the threshold of a class of interfaces.
func (t *Thresholds) Of(c decoder.PortClass) Threshold {
	if int(c) < len(t.Class) && t.Class[c] != (Threshold{}) {
		return t.Class[c]
	}
	return t.All
}

// Valid reports whether t is exactly one of an absolute rate and a share.
func (t Threshold) Valid() bool {
	ok := func(v, most float64) bool { return v > 0 && v <= most }
	return ok(t.BitsPerSecond, 1e15) && t.Share == 0 || ok(t.Share, 1) && t.BitsPerSecond == 0
}

// String returns the shortest text that Parse reads as t.
func (t Threshold) String() string {
	if t.BitsPerSecond > 0 {
		return BitRate(t.BitsPerSecond)
	}
	return trim(t.Share*100) + "%"
}

// BitRate writes a rate in the largest unit that keeps it at 1 or above.
func BitRate(v float64) string {
	unit := units[len(units)-1]
	for _, u := range units {
		if v >= u.factor {
			unit = u
			break
		}
	}
	return trim(v/unit.factor) + unit.name
}

func trim(v float64) string { return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64) }

var units = [...]struct {
	name   string
	factor float64
}{{"Tbit/s", 1e12}, {"Gbit/s", 1e9}, {"Mbit/s", 1e6}, {"kbit/s", 1e3}, {"bit/s", 1}}

// ParseThreshold reads a rate ("50Mbit/s", "1.5 Gbit/s") or a share of the
// interface's speed ("10%"). Units are bit/s, kbit/s, Mbit/s, Gbit/s, Tbit/s
// in any case.
func ParseThreshold(text string) (Threshold, error) {
	s := strings.TrimSpace(text)
	if p, ok := strings.CutSuffix(s, "%"); ok {
		v, err := parseNumber(p)
		if err != nil || !(v > 0 && v <= 100) {
			return Threshold{}, thresholdError(text, "a share is above 0% and at most 100%")
		}
		return Threshold{Share: v / 100}, nil
	}
	for _, u := range units {
		if len(s) <= len(u.name) || !strings.EqualFold(s[len(s)-len(u.name):], u.name) {
			continue
		}
		v, err := parseNumber(s[:len(s)-len(u.name)])
		t := Threshold{BitsPerSecond: v * u.factor}
		if err != nil || !t.Valid() {
			return Threshold{}, thresholdError(text, "a rate is a number above 0 and at most 1000Tbit/s")
		}
		return t, nil
	}
	return Threshold{}, thresholdError(text, "no unit")
}

// parseNumber reads a plain decimal: no sign, exponent, hexadecimal or name.
func parseNumber(s string) (float64, error) {
	s = strings.TrimSpace(s)
	if strings.Trim(s, "0123456789.") != "" {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(s, 64)
}

func thresholdError(text, why string) error {
	return fmt.Errorf("threshold %q: %s: write a rate such as 50Mbit/s or 1.5Gbit/s, or a share of the interface's speed such as 10%%", text, why)
}
