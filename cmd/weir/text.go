package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// How answers are written for people, and for programs with --json.

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table writes rows in aligned columns; Flush shows them.
type table struct{ *tabwriter.Writer }

// newTable returns a table with a line of words above its columns, or without.
func newTable(out io.Writer, heads ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	if len(heads) > 0 {
		fmt.Fprintln(t, strings.Join(heads, "\t"))
	}
	return t
}

func (t table) row(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, c)
	}
	fmt.Fprintln(t)
}

// printable is a text that came from elsewhere, without what a terminal would
// obey; "-" for none.
func printable(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// ago is how long before now t was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := max(now.Sub(t), 0)
	if d < 10*time.Second {
		return d.Truncate(100 * time.Millisecond).String()
	}
	return d.Truncate(time.Second).String()
}

// day is a time with its date, in UTC; "" where it is unknown.
func day(t time.Time) string { return moment(t, time.DateTime) }

// clock is a time without its date, in UTC; "" where it is unknown.
func clock(t time.Time) string { return moment(t, "15:04:05.000") }

// moment writes a time; "" for none, and for zero of either clock.
func moment(t time.Time, layout string) string {
	if t.IsZero() || t.Year() < 1971 {
		return ""
	}
	return t.UTC().Format(layout)
}

// commas writes n with a comma between thousands.
func commas(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// percent writes a share in percent, with more digits where it is small.
func percent(v float64) string {
	digits := 1
	if v < 1 {
		digits = 3
	}
	return strconv.FormatFloat(v, 'f', digits, 64) + " %"
}

// prefixed returns v as a multiple of the largest of kilo to tera that it reaches,
// and the prefix; "" where it reaches none.
func prefixed(v float64) (float64, string) {
	for _, u := range []struct {
		size   float64
		prefix string
	}{{1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if math.Abs(v) >= u.size {
			return v / u.size, u.prefix
		}
	}
	return v, ""
}

// octets writes a number of octets: 2.50 MB.
func octets(v float64) string {
	x, prefix := prefixed(v)
	if prefix == "" {
		return strconv.FormatFloat(x, 'f', 0, 64) + " B"
	}
	return strconv.FormatFloat(x, 'f', 2, 64) + " " + prefix + "B"
}

// short writes a number of any unit in few digits: 2.50M, 0.25.
func short(v float64) string {
	x, prefix := prefixed(v)
	if prefix == "" {
		return strconv.FormatFloat(x, 'g', 6, 64)
	}
	return strconv.FormatFloat(x, 'f', 2, 64) + prefix
}

// amount writes a number of any unit as it is said: 2.5M.
func amount(v float64) string {
	x, prefix := prefixed(v)
	return strconv.FormatFloat(x, 'g', 4, 64) + prefix
}
