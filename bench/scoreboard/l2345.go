package main

import (
	"fmt"
	"math"
	"time"

	"weir/bench/scoreboard/report"
	"weir/detect/window"
)

// l2 is the delay where several agents in a row sample the same flow.
func (r *run) l2() []*report.Table {
	t := &report.Table{
		ID: "L2", Title: "weir, suspected: several vantage points, competitors of 1 %",
		Columns: []string{"share", "vantage points", "p50 / p90 / p99", "mean", "bound", "mean/bound", "target p99", "trials"},
	}
	goal := map[float64]string{0.1: "1.3", 0.2: "0.48", 0.5: "0.15", 1: "0.080"}
	counts := []int{3, 5}
	if r.quick {
		counts = counts[:1]
	}
	for _, n := range counts {
		for _, share := range shares {
			res := r.fused(share, n)
			m := mean(res.suspected)
			target := ""
			if n == 3 {
				target = goal[share]
			}
			t.Add(percent(share), n, report.Three(res.suspected), report.Seconds(m), report.Seconds(res.bound()),
				fmt.Sprintf("%.2f", m/res.bound()), target, len(res.suspected))
		}
	}
	t.Note("every agent samples independently at the same rate; the bound counts the information of all")
	return []*report.Table{t, r.fusedConfirmed()}
}

// fusedConfirmed is the second stage at three vantage points.
func (r *run) fusedConfirmed() *report.Table {
	const points = 3
	t := &report.Table{
		ID: "L2", Title: "weir, confirmed: three vantage points, competitors of 1 %",
		Columns: []string{"share", "p50 / p90 / p99", "mean", "least mean of any test", "samples in that", "trials"},
	}
	for _, share := range []float64{0.15, 0.2, 0.5, 1} {
		res := r.fused(share, points)
		least := leastConfirmed(share, linksPerRun/points*points, points)
		t.Add(percent(share), report.Three(res.confirmed), report.Seconds(mean(res.confirmed)),
			report.Seconds(least), fmt.Sprintf("%.1f", least*points*res.perSecond), len(res.confirmed))
	}
	t.Note("the budget is divided by %d links, those that the three points of %d flows each are; the least mean is that of the table of one vantage point, L1, with three times the samples", linksPerRun/points*points, linksPerRun/points)
	return t
}

// fused is the cell of a share and number of vantage points.
func (r *run) fused(share float64, vantages int) *cellResult {
	key := share + 1000*float64(vantages)
	if r.cells[key] == nil {
		c := largeCell(share, 0.01)
		c.Vantages, c.trials = vantages, r.pick(20, 100)
		if vantages == 3 {
			c.trials = r.pick(20, 400)
		}
		if share > 0.1 && share < 0.2 { // confirmed in seconds by three
			c.trials, c.Duration = r.pick(20, 150), 30*time.Second
		}
		r.cells[key] = r.runCell(c)
	}
	return r.cells[key]
}

// list writes counts by name.
func list(m map[string]int) string {
	s := ""
	for _, k := range sorted(m) {
		s += fmt.Sprintf(" %s:%d", k, m[k])
	}
	if s == "" {
		return "none"
	}
	return s[1:]
}

// l4 asks whether the first alert told the truth about the rate.
func (r *run) l4() []*report.Table {
	t := &report.Table{
		ID: "L4", Title: "honesty of the first alert: how often its 95 % interval holds the true rate, and how far off the estimate is",
		Columns: []string{"share", "vantage points", "stage", "covered", "95 % of that", "mean error", "median error", "alerts"},
	}
	row := func(share float64, points int, stage string, es []estimate) {
		if len(es) == 0 {
			t.Add(percent(share), points, stage, "–", "–", "–", "–", 0)
			return
		}
		covered, sum := 0, 0.0
		errs := make([]float64, len(es))
		for i, e := range es {
			if e.covers() {
				covered++
			}
			errs[i] = e.rate/e.truth - 1
			sum += errs[i]
		}
		lo, hi := wilson(covered, len(es))
		t.Add(percent(share), points, stage, report.Percent(float64(covered)/float64(len(es))),
			fmt.Sprintf("%.1f – %.1f %%", 100*lo, 100*hi),
			fmt.Sprintf("%+.1f %%", 100*sum/float64(len(es))), fmt.Sprintf("%+.1f %%", 100*report.Quantile(errs, 0.5)), len(es))
	}
	main := r.mainCells()
	for _, share := range []float64{0.1, 0.15, 0.2, 0.5, 1} {
		c := main[share]
		if c == nil {
			c = r.confirmed(share, linksPerRun)
		}
		row(share, 1, "suspected", c.first)
		row(share, 1, "confirmed", c.sure)
	}
	for _, share := range shares {
		row(share, 3, "suspected", r.fused(share, 3).first)
		row(share, 3, "confirmed", r.fused(share, 3).sure)
	}
	t.Note("targets: 93–97 %% covered for each share and stage, mean error of the first alert at most 10 %%")
	t.Note("nobody else compared reports an interval at all")
	return []*report.Table{t}
}

// wilson is the 95 % interval of a share of n.
func wilson(k, n int) (lo, hi float64) {
	const z = 1.96
	p, m := float64(k)/float64(n), float64(n)
	mid := (p + z*z/2/m) / (1 + z*z/m)
	half := z / (1 + z*z/m) * math.Sqrt(p*(1-p)/m+z*z/4/m/m)
	return mid - half, mid + half
}

// l5 is what happens just below the threshold.
func (r *run) l5() []*report.Table {
	near := &report.Table{
		ID: "L5", Title: "flows just below the threshold of 10 %: alerts a day and link (95 % upper bound)",
		Columns: []string{"flows of", "is confirmed false?", "link-days", "suspected", "confirmed", "model of sFlow-RT's logic", "model of FastNetMon's logic", "naive bucket of 1 s"},
	}
	flows := []float64{0.05, 0.07, 0.079, 0.09, 0.099}
	if r.quick {
		flows = []float64{0.05, 0.079}
	}
	for _, mice := range flows {
		f := r.falseAlarms(mice, r.days(0.02, 0.4))
		p := published()
		is := "yes, below 8 %"
		if mice > 0.08 {
			is = "no: within a fifth"
		}
		near.Add(percent(mice), is, fmt.Sprintf("%.1f", f.linkDays), perDay(f.suspected, f.linkDays), perDay(f.confirmed, f.linkDays),
			perDay(f.methods[p[0].name], f.linkDays), perDay(f.methods[p[1].name], f.linkDays), perDay(f.methods[p[2].name], f.linkDays))
	}
	near.Note("a suspicion of a flow of 5 %% and more is no false alarm of a large flow in daily life, but it is counted here")

	return []*report.Table{near, r.accelerated()}
}

// garwood is the exact 95 % interval of the mean of a count.
func garwood(n int) string {
	low, high := window.Interval(float64(n), 0.95)
	return fmt.Sprintf("%.1f – %.1f", low, high)
}

// accelerated asks for far more false confirmations than anyone wants, counts
// them, and so measures how the promise relates to what happens.
func (r *run) accelerated() *report.Table {
	t := &report.Table{
		ID: "L5", Title: "false confirmed, accelerated: links full of flows of 7.9 %, budgets raised until false ones can be counted",
		Columns: []string{"each flow lasts", "budget per week and link", "link-days", "promised at most", "seen", "95 % of what that is the chance of", "seen/promised (95 % upper bound)"},
	}
	const links = 1e4
	worst, exposure := 0.0, 0.0
	cases := []struct {
		life         time.Duration
		budget, days float64
	}{{0, 50, 2}, {10 * time.Second, 50, 1}, {3 * time.Second, 50, 2}, {2 * time.Second, 50, 2}, {2 * time.Second, 10, 6}}
	if r.quick {
		cases = cases[:1]
	}
	for _, c := range cases {
		cfg := largeFlowsOnly()
		cfg.LargeFlow.Budget.Confirmed = c.budget * linksPerRun // of the site
		f := r.falseRuns(0.079, c.life, r.days(0.02, c.days), cfg)
		promised := c.budget / 7 * f.linkDays
		_, upper := report.Rate(f.confirmed, promised)
		lasts := "for ever"
		if c.life > 0 {
			lasts = c.life.String()
		}
		t.Add(lasts, report.Count(c.budget), fmt.Sprintf("%.1f", f.linkDays), fmt.Sprintf("%.1f", promised), f.confirmed, garwood(f.confirmed),
			fmt.Sprintf("%.2g (< %.2g)", float64(f.confirmed)/promised, upper))
		exposure += f.linkDays
		worst = max(worst, upper)
	}
	t.Note("seen is a count: where the interval holds what was promised, more seen than promised is chance and no broken promise. The lines are crossed by flows of 7.9 %% that last 2 s 0.68 times as often as promised, of 3 s 0.47, of 10 s 0.15 times, by their exact law, if the evidence begins with the first sample; one that begins with a long pause by chance may begin anew after it, which brings those of 2 s to about what is promised")
	t.Note("extrapolated: at the default budget of one a week, 10,000 links full of the worst of these together have fewer than %.2g false confirmed a week, because the probability falls with the limit as exp(-ηH), so that the ratio stays", worst)
	t.Note("without acceleration one event is promised in %.0f link-days; exposure here %.1f link-days, so 3/T alone says < %.0f a week on 10,000 links", 7*links, exposure, 3/exposure*7*links)
	return t
}
