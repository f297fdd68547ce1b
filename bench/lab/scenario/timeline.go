package scenario

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"time"
)

// Timeline draws the run with the median delay: event, evidence, alert, on one
// axis of time, and below it the delays of all runs.
func Timeline(s *Scenario, runs []Run) []byte {
	r := median(runs)
	d := drawing{zero: r.Began}
	d.rows(r)
	for i := range runs {
		if runs[i].Failed == "" && runs[i].Hit >= 0 {
			d.delays = append(d.delays, runs[i].Delay().Seconds())
		}
	}
	return d.svg(s, r, len(runs))
}

// median is the run whose delay is the median; where nothing was told, the last.
func median(runs []Run) *Run {
	var hit []*Run
	for i := range runs {
		if runs[i].Failed == "" && runs[i].Hit >= 0 {
			hit = append(hit, &runs[i])
		}
	}
	if len(hit) == 0 {
		return &runs[len(runs)-1]
	}
	slices.SortFunc(hit, func(a, b *Run) int { return int(a.Delay() - b.Delay()) })
	return hit[(len(hit)-1)/2]
}

// mark is something that happened.
type mark struct {
	at     float64 // seconds after the event
	text   string
	colour string
	kind   string // of row
}

type drawing struct {
	zero   time.Time
	marks  []mark
	delays []float64
	low    float64
	high   float64
}

const (
	black  = "#000000"
	blue   = "#0072b2"
	red    = "#d55e00"
	green  = "#009e73"
	maxRow = 24
)

func (d *drawing) add(at time.Time, kind, text, colour string) {
	v := at.Sub(d.zero).Seconds()
	if at.IsZero() || v < -60 || v > 600 || len(d.marks) >= maxRow {
		return
	}
	d.marks = append(d.marks, mark{v, text, colour, kind})
}

// rows gathers what is drawn of a run.
func (d *drawing) rows(r *Run) {
	d.add(r.Began, "event", "begins: "+r.Node+" "+r.Subject, black)
	if r.Done.Sub(r.Began) > 100*time.Millisecond {
		d.add(r.Done, "event", "is done", black)
	}
	told := map[string]bool{}
	for i := range r.Alerts {
		a := &r.Alerts[i]
		for _, f := range a.Evidence.Facts {
			key := f.What + f.At.String()
			if !told[key] && a.Change != "end" {
				told[key] = true
				d.add(f.At, "evidence", f.What+from(f.From), blue)
			}
		}
		colour := red
		if a.Change == "end" {
			colour = green
		}
		d.add(a.Arrived, "alert", a.Change+" "+a.Kind+" ("+a.State+", "+a.Severity+"): "+a.Subject.Name+" "+a.Evidence.Summary, colour)
	}
	d.add(r.Undone, "event", "is undone", black)
	slices.SortStableFunc(d.marks, func(a, b mark) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
}

func from(who string) string {
	if who == "" {
		return ""
	}
	return ", by " + who
}

func (d *drawing) svg(s *Scenario, r *Run, runs int) []byte {
	d.low, d.high = 0, 0.1
	for _, m := range d.marks {
		d.low, d.high = math.Min(d.low, m.at), math.Max(d.high, m.at)
	}
	for _, v := range d.delays {
		d.high = math.Max(d.high, v)
	}
	const left, width, row, full = 96, 420, 20, 1180
	x := func(v float64) float64 { return left + width*(v-d.low)/(d.high-d.low) }
	height := 74 + row*len(d.marks) + 46
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", full, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", full, height)
	fmt.Fprintf(&b, `<text x="12" y="22" font-size="15">%s</text>`+"\n", escape(s.Class+"  "+s.Name))
	verdict := "nothing was to be told, and nothing was"
	switch {
	case r.Hit >= 0:
		verdict = fmt.Sprintf("told after %s; the run with the median delay of %d", Duration(r.Delay()).Short(), runs)
	case s.Expect != nil:
		verdict = "not told"
	case r.Starts() > 0:
		verdict = "nothing was to be told"
	}
	fmt.Fprintf(&b, `<text x="12" y="40" fill="#555555">%s, %s</text>`+"\n", escape(verdict), Losses[r.Loss].Text)
	bottom := 54 + row*len(d.marks)
	for _, v := range ticks(d.low, d.high) {
		fmt.Fprintf(&b, `<path d="M%.1f 52V%d" stroke="#dddddd"/><text x="%.1f" y="%d" text-anchor="middle" fill="#555555">%g s</text>`+"\n", x(v), bottom+14, x(v), bottom+28, math.Round(v*1000)/1000)
	}
	for i, m := range d.marks {
		y := 66 + row*i
		fmt.Fprintf(&b, `<text x="12" y="%d" fill="%s">%s</text><circle cx="%.1f" cy="%d" r="4.5" fill="%s"/>`, y+4, m.colour, m.kind, x(m.at), y, m.colour)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%s  %s</text>`+"\n", left+width+16, y+4, m.colour, fmt.Sprintf("%+.3f", m.at), escape(clip(m.text, 92)))
	}
	for _, v := range d.delays {
		fmt.Fprintf(&b, `<path d="M%.1f %dv10" stroke="%s" stroke-opacity="0.5" stroke-width="2"/>`, x(v), bottom+2, red)
	}
	fmt.Fprintf(&b, `<text x="12" y="%d" fill="%s">all runs</text>`+"\n</svg>\n", bottom+11, red)
	return b.Bytes()
}

// ticks are round numbers between two.
func ticks(low, high float64) (all []float64) {
	step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
	for _, m := range []float64{5, 2} {
		if (high-low)/(step*m) >= 3 {
			step *= m
			break
		}
	}
	for v := math.Ceil(low/step) * step; v <= high+step/1e6; v += step {
		all = append(all, v)
	}
	return all
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}
