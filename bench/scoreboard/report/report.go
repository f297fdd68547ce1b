// Package report writes the scoreboard: aligned tables for a terminal, the same
// as Markdown, and plots as SVG.
package report

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is one table of the scoreboard.
type Table struct {
	ID      string     `json:"scenario"`
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
	Notes   []string   `json:"notes,omitempty"`
}

// Add appends a row; values are formatted with %v.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		row[i] = fmt.Sprint(c)
	}
	t.Rows = append(t.Rows, row)
}

// Note adds a line below the table.
func (t *Table) Note(format string, args ...any) {
	t.Notes = append(t.Notes, fmt.Sprintf(format, args...))
}

// Text writes the table with aligned columns.
func (t *Table) Text(w io.Writer) {
	fmt.Fprintf(w, "\n%s  %s\n", t.ID, t.Title)
	width := make([]int, len(t.Columns))
	for _, row := range append([][]string{t.Columns}, t.Rows...) {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for i, c := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i == 0 {
				b.WriteString("  " + c + pad)
			} else {
				b.WriteString("  " + pad + c)
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	if len(t.Rows) > 0 {
		line(t.Columns)
	}
	for _, r := range t.Rows {
		line(r)
	}
	for _, n := range t.Notes {
		fmt.Fprintf(w, "  - %s\n", n)
	}
}

// Markdown writes the table for a README.
func (t *Table) Markdown(w io.Writer) {
	fmt.Fprintf(w, "\n## %s: %s\n\n", t.ID, t.Title)
	if len(t.Rows) > 0 {
		row := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
		row(t.Columns)
		rule := make([]string, len(t.Columns))
		for i := range rule {
			rule[i] = "--:"
		}
		rule[0] = ":--"
		row(rule)
		for _, r := range t.Rows {
			row(r)
		}
		fmt.Fprintln(w)
	}
	for _, n := range t.Notes {
		fmt.Fprintf(w, "- %s\n", n)
	}
}

// Quantile returns the q-quantile of values, which may hold +Inf for what was
// missed; NaN without values.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Clone(values)
	slices.Sort(s)
	// The smallest value that at least a share q of them does not exceed.
	return s[max(0, int(math.Ceil(q*float64(len(s))-1e-9))-1)]
}

// Seconds writes a delay with two digits that count.
func Seconds(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.IsInf(v, 1):
		return "missed"
	case v < 0.0995:
		return fmt.Sprintf("%.3f", v)
	case v < 9.95:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.1f", v)
	}
}

// Three writes p50/p90/p99.
func Three(values []float64) string {
	return Seconds(Quantile(values, 0.5)) + " / " + Seconds(Quantile(values, 0.9)) + " / " + Seconds(Quantile(values, 0.99))
}

// Rate writes events over an exposure, with the 95 % upper bound of the rate:
// 3/T where none was seen, else the exact Poisson bound (approximated by
// Wilson and Hilferty).
func Rate(events int, exposure float64) (rate, upper float64) {
	n := float64(events)
	if events == 0 {
		return 0, 3 / exposure
	}
	a := n + 1
	t := 1 - 1/(9*a) + 1.645/(3*math.Sqrt(a))
	return n / exposure, a * t * t * t / exposure
}

// Count writes a number with at most three digits that count.
func Count(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v == 0:
		return "0"
	case v < 0.001:
		return fmt.Sprintf("%.1e", v)
	case v < 10:
		return fmt.Sprintf("%.2g", v)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// Percent writes a share.
func Percent(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", 100*v)
}
