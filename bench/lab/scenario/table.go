package scenario

import (
	"fmt"
	"slices"
	"time"

	"weir/bench/scoreboard/report"
)

// Short writes a time as people do.
func (d Duration) Short() string {
	switch v := time.Duration(d); {
	case v == 0:
		return "–"
	case v < time.Second:
		return fmt.Sprintf("%.3g ms", float64(v.Microseconds())/1000)
	case v < 10*time.Second:
		return fmt.Sprintf("%.3g s", v.Seconds())
	case v < 2*time.Minute:
		return fmt.Sprintf("%.0f s", v.Seconds())
	default:
		return fmt.Sprintf("%.1f min", v.Minutes())
	}
}

// Table lists scores.
func Table(all []Score, title string) *report.Table {
	t := &report.Table{ID: "Lab", Title: title, Columns: []string{
		"scenario", "runs", "told", "p50", "p99", "max", "target", "first right", "alerts a run, p50 p99", "met"}}
	for i := range all {
		c := &all[i]
		told, right, target := fmt.Sprint(c.Told), percent(c.Right, c.Runs), c.Target99.Short()
		if c.Target50 > 0 {
			target = c.Target50.Short() + ", " + target
		}
		if c.Target99 == 0 {
			told, right, target = fmt.Sprintf("%d false", c.False), percent(c.Right, c.Runs)+" quiet", "quiet"
		}
		met := "yes"
		if !c.Met {
			met = "NO: "
			for k, m := range c.Missed {
				if k > 0 {
					met += "; "
				}
				met += m
			}
		}
		t.Add(c.Class+" "+c.Scenario, c.Runs, told, c.P50.Short(), c.P99.Short(), c.Max.Short(), target, right, fmt.Sprintf("%d %d", c.PerRun50, c.PerRun99), met)
		if c.Unplayed > 0 {
			t.Note("%s: %d runs could not be played", c.Scenario, c.Unplayed)
		}
	}
	return t
}

func percent(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3g %%", 100*float64(n)/float64(of))
}

// Matrix says what was told first of each scenario of a kind, over all losses.
type Matrix struct {
	Name  string      `json:"name"`
	Told  []string    `json:"told"`
	Rows  []MatrixRow `json:"rows"`
	Right int         `json:"right"`
	Runs  int         `json:"runs"`
}

// MatrixRow is one scenario.
type MatrixRow struct {
	Scenario string `json:"scenario"`
	Expected string `json:"expected"`
	Counts   []int  `json:"counts"` // by Told
}

// NewMatrices counts what was told first.
func NewMatrices(all []Scenario, runs []Run) (out []Matrix) {
	for i := range all {
		name := all[i].Matrix
		if name == "" || slices.ContainsFunc(out, func(m Matrix) bool { return m.Name == name }) {
			continue
		}
		m := Matrix{Name: name}
		for k := range runs {
			for j := range all {
				if s := &all[j]; s.Matrix == name && s.Name == runs[k].Scenario && runs[k].Failed == "" {
					m.add(s, &runs[k])
				}
			}
		}
		for r := range m.Rows { // rows that came before further columns
			m.Rows[r].Counts = append(m.Rows[r].Counts, make([]int, len(m.Told)-len(m.Rows[r].Counts))...)
		}
		out = append(out, m)
	}
	return out
}

func (m *Matrix) add(s *Scenario, r *Run) {
	row := slices.IndexFunc(m.Rows, func(x MatrixRow) bool { return x.Scenario == s.Name })
	if row < 0 {
		row = len(m.Rows)
		m.Rows = append(m.Rows, MatrixRow{Scenario: s.Name})
	}
	x := &m.Rows[row]
	class := r.First()
	if r.Hit >= 0 {
		x.Expected = r.Alerts[r.Hit].Class()
	}
	col := slices.Index(m.Told, class)
	if col < 0 {
		col = len(m.Told)
		m.Told = append(m.Told, class)
	}
	for len(x.Counts) <= col {
		x.Counts = append(x.Counts, 0)
	}
	x.Counts[col]++
	m.Runs++
	if r.Hit >= 0 && r.firstIs(r.Hit) || s.Expect == nil && r.Starts() == 0 {
		m.Right++
	}
}

// Table is the matrix as a table.
func (m *Matrix) Table() *report.Table {
	t := &report.Table{ID: "Confusion", Title: m.Name + ": what was told first, at all losses", Columns: append([]string{"scenario"}, m.Told...)}
	for _, r := range m.Rows {
		cells := []any{r.Scenario}
		for i, n := range r.Counts {
			text := fmt.Sprint(n)
			if m.Told[i] == r.Expected {
				text += " ✓"
			}
			cells = append(cells, text)
		}
		t.Add(cells...)
	}
	t.Note("%d of %d right, %s", m.Right, m.Runs, percent(m.Right, m.Runs))
	return t
}
