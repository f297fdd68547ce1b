package main

import (
	"fmt"
	"math"
	"time"

	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
	"weir/detect"
)

var shares = []float64{0.1, 0.2, 0.5, 1}

// lasting is how long the large flow of a cell lasts: far beyond the slowest
// detection that is scored.
func lasting(share float64) time.Duration {
	switch {
	case share < 0.14:
		return 45 * time.Second
	case share < 0.19:
		return 90 * time.Second
	case share < 0.4:
		return 30 * time.Second
	default:
		return 8 * time.Second
	}
}

func largeCell(share, mice float64) cell {
	return cell{Links: site.Links{
		Speed: 10e9, Flush: -1, Mice: mice, Share: share, Duration: lasting(share),
		Warm: 60 * time.Second, Spread: 20 * time.Second,
	}}
}

func percent(v float64) string { return fmt.Sprintf("%g %%", math.Round(v*1000)/10) }

// l1 is the delay of detection against the share of the link.
func (r *run) l1() []*report.Table {
	daysOf := map[float64]float64{0.01: 3, 0.02: 1, 0.03: 1, 0.05: 1}
	falses := &report.Table{
		ID: "L1", Title: "false alarms a day and link, on links full of equal flows (95 % upper bound)",
		Columns: []string{"competitors", "link-days", "weir suspected", "weir confirmed", "suspected while learning", "model of sFlow-RT's logic", "model of FastNetMon's logic", "naive bucket of 1 s"},
	}
	competitors := []float64{0.01, 0.02, 0.03, 0.05}
	if r.quick {
		competitors = []float64{0.01, 0.05}
	}
	for _, mice := range competitors {
		f := r.falseAlarms(mice, r.days(0.02, daysOf[mice]))
		p := published()
		falses.Add(percent(mice), fmt.Sprintf("%.1f", f.linkDays), perDay(f.suspected, f.linkDays), perDay(f.confirmed, f.linkDays), f.warm,
			perDay(f.methods[p[0].name], f.linkDays), perDay(f.methods[p[1].name], f.linkDays), perDay(f.methods[p[2].name], f.linkDays))
	}
	falses.Note("methods at their defaults with a threshold of 10 %% of the link, all on the same samples; models are models")
	falses.Note("budget of weir's suspected: 1 a day and link, whatever the competitors; the first two minutes of each link are not counted in it but shown as such")

	delay := &report.Table{
		ID: "L1", Title: "weir, suspected: seconds from the flow's first packet, by share of the link",
		Columns: []string{"share", "competitors", "flush", "p50 / p90 / p99", "mean", "bound", "mean/bound", "target p50, p99", "trials"},
	}
	main := r.mainCells()
	for _, share := range shares {
		r.delayRow(delay, main[share], "none", targets[share])
	}
	others, flushes := []float64{0.02, 0.03, 0.05}, []time.Duration{50 * time.Millisecond, time.Second}
	if r.quick {
		others, flushes = others[2:], flushes[:1]
	}
	for _, mice := range others {
		for _, share := range shares {
			c := largeCell(share, mice)
			c.trials, c.Warm = r.pick(20, 100), 3*time.Minute
			r.delayRow(delay, r.runCell(c), "none", "")
		}
	}
	for _, flush := range flushes {
		for _, share := range shares {
			c := largeCell(share, 0.01)
			c.Flush, c.trials = flush, r.pick(20, 100)
			r.delayRow(delay, r.runCell(c), flush.String(), "")
		}
	}
	delay.Note("10 Gbit/s at 1:10000, frames of 1500 octets: 0.833 samples/s for each percent of the link; links are full; one vantage point; links are watched for 1 minute before, with competitors above 1 %% for 3")
	delay.Note("bound: ln(competitors × 86400 s) / information per second, the Lorden-type bound of any detector at one false alarm a day and link")

	tables := []*report.Table{falses, delay, r.compared(main), r.speeds()}
	return append(tables, r.confirmedTable())
}

// targets of suspected among competitors of 1 %.
var targets = map[float64]string{0.1: "1.5, 3.8", 0.2: "0.55, 1.4", 0.5: "0.17, 0.45", 1: "0.080, 0.19"}

// mainCells are the cells that everything is compared on.
func (r *run) mainCells() map[float64]*cellResult {
	cells := map[float64]*cellResult{}
	budget := r.falseAlarms(0.01, r.days(0.02, 3)).budget()
	for _, share := range shares {
		if r.cells[share] == nil {
			c := largeCell(share, 0.01)
			c.trials = r.pick(40, 1000)
			c.methods = append(published(), tuned(&c.Links, budget, r.seed)...)
			r.cells[share] = r.runCell(c)
		}
		cells[share] = r.cells[share]
	}
	return cells
}

func (r *run) delayRow(t *report.Table, c *cellResult, flush, target string) {
	mean := mean(c.suspected)
	t.Add(percent(c.link.Share), percent(c.link.Mice), flush, report.Three(c.suspected), report.Seconds(mean),
		report.Seconds(c.bound()), fmt.Sprintf("%.2f", mean/c.bound()), target, len(c.suspected))
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// compared is the table of all methods on the same samples.
func (r *run) compared(main map[float64]*cellResult) *report.Table {
	f := r.falses[0.01]
	t := &report.Table{
		ID: "L1", Title: "methods on the same samples, competitors of 1 %: p50 / p99 in seconds",
		Columns: []string{"method", "threshold", "10 %", "20 %", "50 %", "100 %", "false/day/link"},
	}
	row := func(name, threshold, falses string, of func(*cellResult) []float64) {
		cells := []any{name, threshold}
		for _, s := range shares {
			v := of(main[s])
			cells = append(cells, report.Seconds(report.Quantile(v, 0.5))+" / "+report.Seconds(report.Quantile(v, 0.99)))
		}
		t.Add(append(cells, falses)...)
	}
	row("weir, suspected", "10 %", perDay(f.suspected, f.linkDays), func(c *cellResult) []float64 { return c.suspected })
	l := largeCell(0.1, 0.01).Links
	for _, m := range append(published(), tuned(&l, f.budget(), r.seed)...) {
		falses := "tuned to " + report.Count(f.budget())
		if !m.tuned {
			falses = perDay(f.methods[m.name], f.linkDays)
		}
		row(m.name, fmt.Sprintf("%.1f %%", 100*m.share), falses, func(c *cellResult) []float64 { return c.methods[m.name] })
	}
	bounds := []any{"bound (mean)", ""}
	for _, s := range shares {
		bounds = append(bounds, report.Seconds(main[s].bound()))
	}
	t.Add(append(bounds, "1")...)
	t.Note("re-tuned: the threshold at which the method has as many false alarms as weir was measured to have (its upper bound where fewer than 10 were seen, which favours the others; 1 a day in a quick run)")
	t.Note("curves: delay-p50.svg, delay-p99.svg")
	return t
}

// speeds shows that only the share counts.
func (r *run) speeds() *report.Table {
	t := &report.Table{
		ID: "L1", Title: "weir, suspected: a flow of 20 % at other speeds and frame sizes",
		Columns: []string{"link", "sampling", "frame", "loss", "samples/s", "p50 / p90 / p99", "bound", "trials"},
	}
	variants := []struct {
		speed uint64
		frame int
		loss  float64
	}{{1e9, 1500, 0}, {400e9, 1500, 0}, {25e9, 1500, 0}, {100e9, 1500, 0}, {10e9, 800, 0}, {10e9, 9000, 0}, {10e9, 1500, 0.01}}
	if r.quick {
		variants = variants[:2]
	}
	for _, v := range variants {
		c := largeCell(0.2, 0.01)
		c.Speed, c.Frame, c.Loss, c.trials = v.speed, v.frame, v.loss, r.pick(20, 100)
		res := r.runCell(c)
		t.Add(fmt.Sprintf("%d Gbit/s", v.speed/1e9), fmt.Sprintf("1:%d", c.SamplingRate()), v.frame, percent(v.loss),
			fmt.Sprintf("%.1f", res.perSecond), report.Three(res.suspected), report.Seconds(res.bound()), len(res.suspected))
	}
	return t
}

// confirmedTable is the delay of the stage whose lower bound is above the threshold.
func (r *run) confirmedTable() *report.Table {
	t := &report.Table{
		ID: "L1", Title: "weir, confirmed: seconds from the flow's first packet",
		Columns: []string{"share", "links of the site", "p50 / p90 / p99", "mean", "least mean of any test", "samples in that", "target p50", "trials"},
	}
	goal := map[float64]string{0.15: "15", 0.2: "4", 0.5: "0.40", 1: "0.17"}
	for _, links := range []int{1, linksPerRun} {
		for _, share := range []float64{0.15, 0.2, 0.5, 1} {
			res, target := r.confirmed(share, links), goal[share]
			if links > 1 {
				target = ""
			}
			least := leastConfirmed(share, links, 1)
			t.Add(percent(share), links, report.Three(res.confirmed), report.Seconds(mean(res.confirmed)),
				report.Seconds(least), fmt.Sprintf("%.1f", least*res.perSecond), target, len(res.confirmed))
		}
	}
	t.Note("the least mean is that of Wald's sequential test of 8 %% against the flow's true share, at the false alarms that the budget leaves for each flow of 8 %%, and the mean wait for the first sample; no test that keeps the budget is faster, and weir is told no share. The budget of one false confirmation a week is that of the site, so that more links take longer")
	t.Note("a flow of 10 %% can be told from one just below 10 %% by nobody and is never confirmed on purpose")
	return t
}

// confirmed is the cell of a share at a site of so many links.
func (r *run) confirmed(share float64, links int) *cellResult {
	key := share
	if links == 1 {
		key -= 1000
	}
	if r.cells[key] == nil {
		c := largeCell(share, 0.01)
		c.trials, c.site = r.pick(20, 1000), links
		if links == 1 && share < 0.4 { // these last long
			c.trials = r.pick(20, 300)
		}
		r.cells[key] = r.runCell(c)
	}
	return r.cells[key]
}

// leastConfirmed is the mean delay of the best test, in s, at so many vantage
// points.
func leastConfirmed(share float64, links, points int) float64 {
	l := largeCell(share, 0.01).Links
	d := detect.ExpectedDelay(detect.DelayQuery{
		Threshold: detect.DefaultConfig().LargeFlow.Threshold, Speed: l.Speed, SamplingRate: float64(l.SamplingRate()), Frame: 1500,
		Rate: share * float64(l.Speed), Links: links, Points: points,
	})
	return d.LeastConfirmed.Seconds() + 1/l.PerSecond(share)/float64(points)
}
