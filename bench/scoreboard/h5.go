package main

import (
	"cmp"
	"fmt"
	"strings"
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
	want  int    // most alerts told, at p99
	root  string // what the alert that is open at last is about
}

// Clouds with VLANs and routers.
var (
	fabric   = cloud.Config{Nodes: 6, Instances: 50, VLANs: 4, Rate: 1}
	twoRacks = cloud.Config{Nodes: 8, Instances: 40, VLANs: 4, Rack: 4, Rate: 1}
)

var storms = []storm{
	{"a node with 50 instances goes dark", 51, cloud.Config{Nodes: 6, Instances: 50}, func(c *cloud.Cloud) { c.Nodes[2].Down() }, 2, "cn3"},
	{"a rack of 20 nodes with 50 instances each goes dark", 1020, cloud.Config{Nodes: 40, Instances: 50}, func(c *cloud.Cloud) {
		for _, n := range c.Nodes[:20] {
			n.Down()
		}
	}, 2, "group of "},
	{"the same with its switch", 1021, cloud.Config{Nodes: 40, Instances: 50}, func(c *cloud.Cloud) {
		for _, n := range c.Nodes[:20] {
			n.Down()
		}
		c.Leaves[0].Down()
	}, 2, ""},
	{"a VLAN of four is taken off the trunks of 6 nodes", 75, fabric, func(c *cloud.Cloud) { c.RemoveVLAN(1, c.Nodes) }, 2, "VLAN 101"},
	{"the same of one rack of two", 40, twoRacks, func(c *cloud.Cloud) { c.RemoveVLAN(1, c.Nodes[:4]) }, 2, "VLAN 101"},
	{"the router of two VLANs fails", 150, fabric, func(c *cloud.Cloud) { c.LoseRouter(0) }, 2, "router "},
	{"a rack's uplink loses its two members", 163, twoRacks, func(c *cloud.Cloud) { c.Leaves[0].LoseMembers(2) }, 2, "po1"},
	{"restart of the collector, 3 s", 0, cloud.Config{Nodes: 20, Instances: 10}, func(c *cloud.Cloud) { c.Restart(3 * time.Second) }, 0, ""},
	{"restart of the collector, 5 min", 0, cloud.Config{Nodes: 20, Instances: 10}, func(c *cloud.Cloud) { c.Restart(5 * time.Minute) }, 0, ""},
}

// h5 counts the alerts of one cause.
func (r *run) h5() []*report.Table {
	t := &report.Table{
		ID: "H5", Title: "alerts that one cause starts, on a simulated site with weir-agent on every node, at 1 % loss",
		Columns: []string{"what happened", "runs", "naive", "alerts p50 / p99", "open at last p50 / p99", "root right", "effects listed", "first alert p50 / p99, s"},
	}
	for k, s := range storms {
		var starts, open, delays []float64
		affected, right := 0, 0
		results := each(r, r.pick(1, 8), func(i int) stormResult { return stormOnce(r.seed+uint64(1000*k+i), s) })
		for _, x := range results {
			starts, open = append(starts, float64(x.starts)), append(open, float64(x.open))
			if x.starts > 0 {
				delays = append(delays, x.delay)
			}
			affected = max(affected, x.affected)
			good := s.root == "" || x.open == 1 && strings.HasPrefix(x.root, s.root)
			if good {
				right++
			}
			if (x.starts > s.want || !good) && len(t.Notes) < 6 {
				t.Note("%s: %s", s.name, x.why)
			}
		}
		two := func(v []float64) string {
			return fmt.Sprintf("%.0f / %.0f", report.Quantile(v, 0.5), report.Quantile(v, 0.99))
		}
		t.Add(s.name, len(results), s.naive, two(starts), two(open), fmt.Sprintf("%d of %d", right, len(results)), affected, report.Seconds(report.Quantile(delays, 0.5))+" / "+report.Seconds(report.Quantile(delays, 0.99)))
	}
	t.Note("target: p50 1, p99 2; restart of the collector 0")
	return []*report.Table{t}
}

// stormResult is what one storm has started.
type stormResult struct {
	starts, open, affected int
	delay                  float64
	why, root              string
}

func stormOnce(seed uint64, s storm) stormResult {
	cfg := s.cfg
	cfg.Seed, cfg.Agent, cfg.AgentPoll, cfg.Sampling, cfg.LeafRate, cfg.OwnRate, cfg.Loss, cfg.Known = seed, true, 10*time.Second, 1000, 0.1, 2, 0.01, true
	if cfg.Rate == 0 {
		cfg.Rate = 0.2
	}
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
			if sub, ok := a.Subject.(*site.Subject); ok {
				res.root = cmp.Or(sub.Name, sub.Node)
			}
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
