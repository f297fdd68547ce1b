package main

import (
	"fmt"
	"time"

	"weir/bench/scoreboard/cloud"
	"weir/bench/scoreboard/report"
	"weir/detect"
	"weir/detect/site"
)

// storm is something that many things go down with.
type storm struct {
	name  string
	naive int // alerts of one for each thing
	cfg   cloud.Config
	do    func(c *cloud.Cloud)
	want  int // most alerts told, at p99
}

var storms = []storm{
	{"a node with 50 instances goes dark", 51, cloud.Config{Nodes: 6, Instances: 50}, func(c *cloud.Cloud) { c.Nodes[2].Down() }, 2},
	{"a rack of 20 nodes with 50 instances each goes dark", 1020, cloud.Config{Nodes: 40, Instances: 50}, func(c *cloud.Cloud) {
		for _, n := range c.Nodes[:20] {
			n.Down()
		}
	}, 2},
	{"the same with its switch", 1021, cloud.Config{Nodes: 40, Instances: 50}, func(c *cloud.Cloud) {
		for _, n := range c.Nodes[:20] {
			n.Down()
		}
		c.Leaves[0].Down()
	}, 2},
	{"restart of the collector, 3 s", 0, cloud.Config{Nodes: 20, Instances: 10}, func(c *cloud.Cloud) { c.Restart(3 * time.Second) }, 0},
	{"restart of the collector, 5 min", 0, cloud.Config{Nodes: 20, Instances: 10}, func(c *cloud.Cloud) { c.Restart(5 * time.Minute) }, 0},
}

// h5 counts the alerts of one cause.
func (r *run) h5() []*report.Table {
	t := &report.Table{
		ID: "H5", Title: "alerts that one cause starts, on a simulated site with weir-agent on every node, at 1 % loss",
		Columns: []string{"what happened", "runs", "naive", "alerts p50 / p99", "open at last p50 / p99", "effects listed", "first alert p50 / p99, s"},
	}
	for k, s := range storms {
		var starts, open, delays []float64
		affected := 0
		results := each(r, r.pick(1, 8), func(i int) stormResult { return stormOnce(r.seed+uint64(1000*k+i), s) })
		for _, x := range results {
			starts, open = append(starts, float64(x.starts)), append(open, float64(x.open))
			if x.starts > 0 {
				delays = append(delays, x.delay)
			}
			affected = max(affected, x.affected)
			if x.starts > s.want && len(t.Notes) < 6 {
				t.Note("%s: %s", s.name, x.why)
			}
		}
		two := func(v []float64) string {
			return fmt.Sprintf("%.0f / %.0f", report.Quantile(v, 0.5), report.Quantile(v, 0.99))
		}
		t.Add(s.name, len(results), s.naive, two(starts), two(open), affected, report.Seconds(report.Quantile(delays, 0.5))+" / "+report.Seconds(report.Quantile(delays, 0.99)))
	}
	t.Note("target: p50 1, p99 2; restart of the collector 0")
	return []*report.Table{t}
}

// stormResult is what one storm has started.
type stormResult struct {
	starts, open, affected int
	delay                  float64
	why                    string
}

func stormOnce(seed uint64, s storm) stormResult {
	cfg := s.cfg
	cfg.Seed, cfg.Agent, cfg.AgentPoll, cfg.Rate, cfg.Sampling, cfg.LeafRate, cfg.OwnRate, cfg.Loss, cfg.Known = seed, true, 10*time.Second, 0.2, 1000, 0.1, 2, 0.01, true
	c := cloud.New(cfg)
	c.Run(100 * time.Second)
	if len(c.Alerts) > 0 {
		return stormResult{starts: 99, why: "before it: " + c.Alerts[0].Line()}
	}
	s.do(c)
	at := c.Now()
	c.Run(100 * time.Second)
	return countStorm(c.Alerts, at)
}

func countStorm(alerts []*detect.Alert, at time.Time) (res stormResult) {
	for _, a := range alerts {
		switch a.Change {
		case detect.Start:
			if res.starts == 0 {
				res.delay = a.At.Sub(at).Seconds()
			}
			res.starts++
			res.open++
			res.why += a.Line() + "; "
		case detect.End:
			res.open--
		}
		if e, ok := a.Evidence.(*site.Evidence); ok {
			res.affected = max(res.affected, e.Affected)
		}
	}
	return res
}
