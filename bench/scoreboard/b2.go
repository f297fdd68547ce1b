package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"weir/bench/scoreboard/cloud"
	"weir/bench/scoreboard/report"
	"weir/detect"
	"weir/detect/site"
)

// chore is something that operators and users of a cloud do.
type chore struct {
	name string
	n    int // a day
	do   func(d *workday)
}

// workday is a day's events in a few hours.
type workday struct {
	c    *cloud.Cloud
	rng  *rand.Rand
	busy map[*cloud.Node]time.Time // nodes that are away until then
	vrrp int
	done map[string]int
}

// node picks a node that is not away.
func (d *workday) node() *cloud.Node {
	for range 100 {
		if n := d.c.Nodes[d.rng.IntN(len(d.c.Nodes))]; d.c.Now().After(d.busy[n]) {
			return n
		}
	}
	return nil
}

// instance picks an instance that is well, and its node; nil where there is none.
func (d *workday) instance() (*cloud.Node, *cloud.Instance) {
	for range 20 {
		n := d.node()
		if n == nil || len(n.Instances()) == 0 {
			continue
		}
		if i := n.Instances()[d.rng.IntN(len(n.Instances()))]; i.Settled() {
			return n, i
		}
	}
	return nil, nil
}

var chores = []chore{
	{"instances created", 1500, func(d *workday) {
		if n := d.node(); n != nil && len(n.Instances()) < 25 {
			n.Create()
		}
	}},
	{"instances deleted", 1500, func(d *workday) {
		if n, i := d.instance(); i != nil && len(n.Instances()) > 4 {
			n.Delete(i)
		}
	}},
	{"live migrations", 300, func(d *workday) {
		if n, i := d.instance(); i != nil {
			if to := d.node(); to != nil && to != n {
				n.Migrate(i, to)
			}
		}
	}},
	{"resizes", 100, func(d *workday) {
		if n, i := d.instance(); i != nil {
			n.Resize(i, n)
		}
	}},
	{"hard reboots", 200, func(d *workday) {
		if n, i := d.instance(); i != nil {
			n.HardReboot(i)
		}
	}},
	{"drains with reboot", 10, func(d *workday) { d.drain() }},
	{"upgrades of weir-agent", 20, func(d *workday) {
		if n := d.node(); n != nil {
			d.busy[n] = d.c.Now().Add(60 * time.Second)
			n.UpgradeAgent(fmt.Sprintf("1.%d", d.rng.IntN(100)))
		}
	}},
	{"upgrades of Open vSwitch", 20, func(d *workday) {
		if n := d.node(); n != nil {
			d.busy[n] = d.c.Now().Add(60 * time.Second)
			n.UpgradeOVS()
		}
	}},
	{"upgrades of OVN", 20, func(d *workday) {
		if n := d.node(); n != nil {
			d.busy[n] = d.c.Now().Add(90 * time.Second)
			n.UpgradeOVN()
		}
	}},
	{"router failovers", 30, func(d *workday) {
		d.c.Nodes[d.vrrp].Route(false)
		d.vrrp = 1 - d.vrrp
		d.c.Nodes[d.vrrp].Route(true)
	}},
	{"logins on all nodes", 20, func(d *workday) {
		for _, n := range d.c.Nodes {
			n.Login(1 + d.rng.IntN(3))
		}
	}},
	{"changes of the packet filter", 1000, func(d *workday) {
		if n := d.node(); n != nil {
			n.Rules()
		}
	}},
}

// drain migrates all off a node and reboots it.
func (d *workday) drain() {
	n := d.node()
	if n == nil {
		return
	}
	d.busy[n] = d.c.Now().Add(400 * time.Second)
	for k, i := range slices.Clone(n.Instances()) {
		to := d.node()
		if to == nil {
			return
		}
		d.c.At(time.Duration(k)*2*time.Second, func() {
			if i.Settled() && slices.Contains(n.Instances(), i) {
				n.Migrate(i, to)
			}
		})
	}
	d.c.At(90*time.Second, n.Reboot)
}

// b2 is a cloud in which all goes as planned.
func (r *run) b2() []*report.Table {
	t := &report.Table{
		ID: "B2", Title: "a benign day of a simulated cloud of 12 nodes with some 150 instances, its events in an hour: alerts",
		Columns: []string{"alert", "info", "warning", "critical"},
	}
	hours := 1.0
	runs := r.pick(1, 1)
	if r.quick {
		hours = 0.1
	}
	all, did, lines := map[detect.Kind][3]int{}, map[string]int{}, []string{}
	for _, p := range each(r, runs, func(i int) *dayResult { return benignDay(r.seed+uint64(i), hours) }) {
		for k, v := range p.alerts {
			x := all[k]
			for s := range v {
				x[s] += v[s]
			}
			all[k] = x
		}
		for k, v := range p.done {
			did[k] += v
		}
		lines = append(lines, p.lines...)
	}
	pages, warnings := 0, 0
	for _, k := range sorted(stringKeys(all)) {
		v := all[detect.Kind(k)]
		t.Add(k, v[0], v[1], v[2])
		pages += v[2]
		warnings += v[1]
	}
	t.Note("%d pages (target 0) and %d warnings in %d days of events, with weir-agent and Open vSwitch's sFlow on every node", pages, warnings, runs)
	text := ""
	for _, c := range chores {
		text += fmt.Sprintf("%d %s, ", did[c.name], c.name)
	}
	t.Note("what was done: %sat 0.5 %% loss", text)
	for _, l := range lines[:min(len(lines), 12)] {
		t.Note("%s", l)
	}
	return []*report.Table{t}
}

func stringKeys[V any](m map[detect.Kind]V) map[string]V {
	out := map[string]V{}
	for k, v := range m {
		out[string(k)] = v
	}
	return out
}

// dayResult is what was told on a day.
type dayResult struct {
	alerts map[detect.Kind][3]int // by info, warning and critical
	done   map[string]int
	lines  []string
}

// benignDay plays a day in so many hours of a day of the same chores, the number
// of them in proportion.
func benignDay(seed uint64, hours float64) *dayResult {
	c := cloud.New(cloud.Config{
		Seed: seed, Nodes: 12, Instances: 12, Agent: true, OVS: true, AgentPoll: 10 * time.Second, OVSPoll: 10 * time.Second,
		Rate: 1, LeafRate: 0.5, OwnRate: 1, Loss: 0.005, Known: true, VLANs: 4,
	})
	for k, n := range c.Nodes {
		if k < 2 {
			n.HaveRouter()
		}
		n.HaveOVN()
	}
	c.Nodes[0].Route(true)
	d := &workday{c: c, rng: rand.New(rand.NewPCG(seed, 9)), busy: map[*cloud.Node]time.Time{}, done: map[string]int{}}
	c.Run(2 * time.Minute)
	res := &dayResult{alerts: map[detect.Kind][3]int{}, done: d.done}
	seen := map[string]detect.Severity{}
	total := time.Hour.Seconds()
	for end := c.Now().Add(time.Duration(hours * float64(time.Hour))); c.Now().Before(end); {
		for k := range chores {
			if d.rng.Float64() < float64(chores[k].n)/total {
				chores[k].do(d)
				d.done[chores[k].name]++
			}
		}
		c.Run(time.Second)
		for _, a := range c.Alerts {
			res.take(a, seen)
		}
		c.Alerts = c.Alerts[:0]
	}
	return res
}

// take counts an alert once for each severity that it reaches.
func (res *dayResult) take(a *detect.Alert, seen map[string]detect.Severity) {
	if was, ok := seen[a.ID]; a.Change == detect.End || ok && weight(was) >= weight(a.Severity) {
		return
	}
	seen[a.ID] = a.Severity
	x := res.alerts[a.Kind]
	switch a.Severity {
	case detect.Critical:
		x[2]++
	case detect.Warning:
		x[1]++
	default:
		x[0]++
	}
	res.alerts[a.Kind] = x
	if a.Severity != detect.Info && a.Kind != site.Login {
		res.lines = append(res.lines, a.At.Sub(cloud.Epoch).String()+" "+a.Line())
	}
}

func weight(s detect.Severity) int {
	return slices.Index([]detect.Severity{detect.Info, detect.Warning, detect.Critical}, s)
}
