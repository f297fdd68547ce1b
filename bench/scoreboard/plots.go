package main

import (
	"os"
	"path/filepath"

	"weir/bench/scoreboard/report"
)

// plots draws the delay against the share of the link, one curve per method.
func (r *run) plots(dir, suffix string) error {
	if len(r.cells) == 0 {
		return nil
	}
	for _, p := range []struct {
		file, title string
		q           float64
	}{
		{"delay-p50", "Median delay of detection, competitors of 1 % of the link", 0.5},
		{"delay-p99", "99th percentile of the delay, competitors of 1 % of the link", 0.99},
	} {
		plot := r.delayPlot(p.title, p.q)
		f, err := os.Create(filepath.Join(dir, p.file+suffix+".svg"))
		if err != nil {
			return err
		}
		if err := plot.SVG(f); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) delayPlot(title string, q float64) *report.Plot {
	plot := &report.Plot{Title: title, X: "share of the link, %", Y: "seconds from the flow's first packet"}
	curve := func(name string, of func(*cellResult) float64) report.Series {
		s := report.Series{Name: name}
		for _, share := range shares {
			if c := r.cells[share]; c != nil {
				s.X = append(s.X, 100*share)
				s.Y = append(s.Y, of(c))
			}
		}
		return s
	}
	weir := curve("weir, suspected", func(c *cellResult) float64 { return report.Quantile(c.suspected, q) })
	weir.Bold = true
	plot.Series = append(plot.Series, weir)
	for _, name := range []string{modelSFlowRT, modelFastNetMon, naiveBucket, tunedEWMA1, tunedWindow2} {
		s := curve(name, func(c *cellResult) float64 { return report.Quantile(c.methods[name], q) })
		s.Dash = name == tunedEWMA1 || name == tunedWindow2
		plot.Series = append(plot.Series, s)
	}
	if q == 0.5 {
		bound := curve("bound (of the mean)", func(c *cellResult) float64 { return c.bound() })
		bound.Dash = true
		plot.Series = append(plot.Series, bound)
	}
	return plot
}
