package main

import (
	"fmt"
	"strings"
	"time"

	"weir/bench/scoreboard/cloud"
	"weir/bench/scoreboard/report"
	"weir/detect"
	"weir/detect/site"
)

// Verdicts on an instance.
const (
	verdictUnreachable = "unreachable"
	verdictStopped     = "stopped"
	verdictQuiet       = "nothing told"
)

// deed is something that befalls one instance, and what is right to tell of it:
// by weir-agent, and by samples alone.
type deed struct {
	fate           cloud.Fate
	agent, samples string
}

var deeds = []deed{
	{cloud.TxDrop, verdictUnreachable, verdictUnreachable},
	{cloud.BothDrop, verdictUnreachable, verdictUnreachable},
	{cloud.ARPDead, verdictUnreachable, verdictUnreachable},
	{cloud.TapDown, verdictUnreachable, verdictUnreachable},
	{cloud.Paused, verdictStopped, verdictUnreachable},
	{cloud.Crashed, verdictStopped, verdictQuiet}, // a port that is told of no more is an event
	{cloud.Idle, verdictQuiet, verdictQuiet},
	{cloud.Scanned, verdictQuiet, verdictQuiet},
	{cloud.TakesUDP, verdictQuiet, verdictQuiet},
	{cloud.Quieter, verdictQuiet, verdictQuiet},
	{cloud.Deserted, verdictQuiet, verdictQuiet},
	{cloud.ShutOff, verdictStopped, verdictQuiet},
}

// right is what is right to tell at a vantage.
func (d *deed) right(v *vantage) string {
	if v.cfg.Agent {
		return d.agent
	}
	return d.samples
}

// urgent reports whether it matters how soon it is told.
func (d *deed) urgent(v *vantage) bool {
	return d.right(v) != verdictQuiet && d.fate != cloud.ShutOff
}

// reachResult is what was told of one deed.
type reachResult struct {
	verdict string
	delay   float64
	why     string
}

// vantage is who tells of the instances.
type vantage struct {
	name string
	cfg  cloud.Config
	runs int // of each deed
}

var vantages = []vantage{
	{"weir-agent, 20 samples/s", cloud.Config{Agent: true, Rate: 20, Sampling: 80}, 25},
	{"weir-agent, 20 samples/s, UDP", cloud.Config{Agent: true, Rate: 20, Sampling: 80, UDP: true}, 12},
	{"weir-agent, 0.5 packets/s, all sampled", cloud.Config{Agent: true, Rate: 0.5, Sampling: 1}, 12},
	{"Open vSwitch alone, sends 4 samples/s, poll 10 s", cloud.Config{OVS: true, Rate: 8}, 25},
	{"Open vSwitch alone, sends 2 samples/s, 4 both ways, poll 10 s", cloud.Config{OVS: true, Rate: 4}, 12},
	{"Open vSwitch alone, sends 10 samples/s, poll 10 s", cloud.Config{OVS: true, Rate: 20, Sampling: 100}, 12},
}

// h2 tells what is wrong with an instance.
func (r *run) h2() []*report.Table {
	t := &report.Table{
		ID: "H2", Title: "what befalls one of ten instances of a simulated node: confusion matrix, and delays in s",
		Columns: []string{"who tells", "what happened", "runs", verdictUnreachable, verdictStopped, verdictQuiet, "other", "p50 / p90 / p99"},
	}
	for k, v := range vantages {
		right, runs := 0, 0
		var delays []float64
		for d, what := range deeds {
			results := each(r, r.pick(1, v.runs), func(i int) reachResult { return reachOnce(r.seed+uint64(10000*k+1000*d+i), v.cfg, what) })
			counts, own := map[string]int{}, []float64{}
			for _, x := range results {
				counts[x.verdict]++
				if x.verdict == what.right(&v) {
					right++
				} else if len(t.Notes) < 5 {
					t.Note("%s, %s: %s", v.name, what.fate, x.why)
				}
				if what.urgent(&v) {
					own = append(own, x.delay)
				}
			}
			runs += len(results)
			if what.urgent(&v) {
				delays = append(delays, own...)
			}
			quiet := counts[verdictQuiet]
			t.Add(v.name, what.fate, len(results), counts[verdictUnreachable], counts[verdictStopped], quiet, len(results)-counts[verdictUnreachable]-counts[verdictStopped]-quiet, report.Three(own))
		}
		idealRow(t, &v, r.seed)
		t.Add(v.name, fmt.Sprintf("all: %.1f %% right", 100*float64(right)/float64(runs)), runs, "", "", "", "", report.Three(delays))
	}
	t.Note("target: p50 5 s, p99 15 s, class right 95 %% in 300 runs, by weir-agent or with 4 samples/s of the instance; of what an instance sends and is sent one packet in 400 is sampled, by weir-agent as many as its budget of 200 a second allows")
	t.Note("the best possible observer knows each rate beforehand and may call an instance unreachable that is well once in a year; he waits for as much silence as that needs, and for as many unanswered questions as tell it from one a tenth as busy 99 times of 100: with 4 samples/s of both ways not even he reaches 5 s")
	t.Note("of an instance that answers no ARP Open vSwitch samples the same as of one whose clients died, but for one ARP request in 400: nobody can tell them apart from that")
	t.Note("ARP dead begins when the router has forgotten the instance's address: until then it is reached. Without weir-agent one ARP request in 400 is seen")
	return []*report.Table{t}
}

// reachFor is how long an alert is waited for.
const reachFor = 60 * time.Second

// reachOnce lets a node learn, does one deed, and returns what is told.
func reachOnce(seed uint64, cfg cloud.Config, what deed) reachResult {
	cfg.Seed, cfg.Nodes, cfg.Instances = seed, 1, 10
	c := cloud.New(cfg)
	c.Run(120*time.Second + time.Duration(c.Rand().IntN(100))*cloud.Step)
	if len(c.Alerts) > 0 {
		return reachResult{"before it", 0, "before it: " + c.Alerts[0].Line()}
	}
	n := c.Nodes[0]
	x := n.Instances()[c.Rand().IntN(cfg.Instances)]
	deedAt := c.Now()
	if what.fate == cloud.Scanned { // it was idle before
		n.Befall(x, cloud.Idle)
		c.Run(60 * time.Second)
	}
	n.Befall(x, what.fate)
	for c.Now().Sub(deedAt) < reachFor && len(withoutEvents(c.Alerts)) == 0 {
		c.Run(time.Second)
	}
	if len(withoutEvents(c.Alerts)) > 0 {
		c.Run(5 * time.Second)
	}
	return judgeReach(withoutEvents(c.Alerts), x, deedAt)
}

// withoutEvents are the alerts without the event that a port is told of no more.
func withoutEvents(all []*detect.Alert) (kept []*detect.Alert) {
	for _, a := range all {
		if a.Kind != site.PortGone {
			kept = append(kept, a)
		}
	}
	return kept
}

// judgeReach names what was told.
func judgeReach(alerts []*detect.Alert, x *cloud.Instance, deedAt time.Time) reachResult {
	if len(alerts) == 0 {
		return reachResult{verdictQuiet, reachFor.Seconds(), "nothing told"}
	}
	var lines []string
	for _, a := range alerts {
		lines = append(lines, string(a.Change)+" "+a.Line())
	}
	first := alerts[0]
	res := reachResult{verdict: "other", delay: first.At.Sub(deedAt).Seconds(), why: strings.Join(lines, "; ")}
	s, ok := first.Subject.(*site.Subject)
	if !ok || s.Type != site.TypeInstance || s.Name != x.Name && s.Name != x.Tap() {
		return res
	}
	switch first.Kind {
	case site.InstanceUnreachable:
		res.verdict = verdictUnreachable
	case site.InstanceStopped:
		res.verdict = verdictStopped
	}
	return res
}
