package main

import (
	"fmt"
	"time"

	"weir/bench/scoreboard/cloud"
	"weir/bench/scoreboard/report"
	"weir/detect"
	"weir/detect/site"
)

// h3 empties packet filters where nobody but Open vSwitch's samples tell.
func (r *run) h3() []*report.Table {
	t := &report.Table{
		ID: "H3", Title: "packet filter of a simulated node with ten instances emptied, by samples of Open vSwitch alone",
		Columns: []string{"what happened", "knocks sampled a second and instance", "runs", "told", "p50 / p90 / p99, s"},
	}
	for k, knocks := range []float64{0.05, 0.2, 1} {
		for _, all := range []bool{true, false} {
			results := each(r, r.pick(1, 15), func(i int) float64 { return flushOnce(r.seed+uint64(1000*k+i), knocks, all) })
			told, delays := 0, []float64{}
			for _, d := range results {
				if d > 0 {
					told++
					delays = append(delays, d)
				}
			}
			name := "the node's filter emptied (told is right)"
			if !all {
				name = "one instance's security group opened (told is wrong)"
			}
			t.Add(name, knocks, len(results), fmt.Sprintf("%d of %d", told, len(results)), report.Three(delays))
		}
	}
	t.Note("target: 60 s, recall 0.8; with weir-agent on the node the kernel tells, within 1 s")
	return []*report.Table{t}
}

// flushOnce returns after how many seconds a flush is told, 0 if it is not.
func flushOnce(seed uint64, knocks float64, all bool) float64 {
	c := cloud.New(cloud.Config{Seed: seed, Nodes: 1, Instances: 10, OVS: true, Rate: 1, Knocks: knocks})
	c.Run(time.Duration(30/knocks)*time.Second + 20*time.Second)
	c.Alerts = c.Alerts[:0]
	at := c.Now()
	if n := c.Nodes[0]; all {
		n.Flush()
	} else {
		n.Instances()[3].Open()
	}
	c.Run(2 * time.Minute)
	for _, a := range c.Alerts {
		if a.Kind == site.RulesFlushed && a.Change == detect.Start {
			return a.At.Sub(at).Seconds()
		}
	}
	return 0
}
