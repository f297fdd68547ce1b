package main

import (
	"fmt"
	"net/netip"

	"weir/bench/scoreboard/pipeline"
	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
	"weir/detect"
)

// benignResult counts alerts where nothing is wrong.
type benignResult struct {
	linkDays             float64
	started, sure        map[string]int // by kind
	largeTrue, largeSure int            // confirmed large flows that are above 8 % of the link, and others
	example              map[string]string
}

// b1 is a benign load.
func (r *run) b1() []*report.Table {
	links := r.pick(3, 10)
	parts := each(r, r.pick(1, 4), func(i int) *benignResult {
		return benignOnce(site.Benign{Seed: r.seed + 1000*uint64(i), Links: links, Speed: 10e9, Hours: 1})
	})
	all := &benignResult{started: map[string]int{}, sure: map[string]int{}, example: map[string]string{}}
	for _, p := range parts {
		all.linkDays += p.linkDays
		all.largeTrue += p.largeTrue
		all.largeSure += p.largeSure
		for k, v := range p.started {
			all.started[k] += v
		}
		for k, v := range p.sure {
			all.sure[k] += v
		}
		for k, v := range p.example {
			if all.example[k] == "" {
				all.example[k] = v
			}
		}
	}
	t := &report.Table{
		ID: "B1", Title: "benign load, a day's events in an hour: alerts a day and link (95 % upper bound), in days of events",
		Columns: []string{"alert", "link-days", "started", "confirmed", "is it wrong?"},
	}
	days := fmt.Sprintf("%.0f", all.linkDays)
	t.Add("large_flow, really above 8 %", days, "", report.Count(float64(all.largeTrue)/all.linkDays), "no: backups, migrations; info only")
	t.Add("large_flow, below 8 %", days, "", perDay(all.largeSure, all.linkDays), "yes")
	for _, k := range []string{"link_saturated", "flood", "scan"} {
		t.Add(k, days, perDay(all.started[k], all.linkDays), perDay(all.sure[k], all.linkDays), "yes")
		delete(all.started, k)
	}
	for _, k := range sorted(all.started) {
		if k != string(detect.LargeFlow) {
			t.Add(k, days, perDay(all.started[k], all.linkDays), perDay(all.sure[k], all.linkDays), "yes")
		}
	}
	t.Note("10 Gbit/s at 1:10000, load 10 to 50 %% by a day's curve, Pareto flows up to 7 %%, and per link and day a backup, two live migrations, a flash crowd of 3,000 new connections/s, a resolver with 5,000 answers/s, 200 machines booting by TFTP, SNMP polling")
	for _, k := range sorted(all.example) {
		t.Note("first %s: %s", k, all.example[k])
	}
	return []*report.Table{t}
}

func benignOnce(l site.Benign) *benignResult {
	cfg, rates := l.Network()
	res := &benignResult{
		linkDays: float64(l.Links * l.Hours), started: map[string]int{}, sure: map[string]int{}, example: map[string]string{},
	}
	p := pipeline.New(detect.DefaultConfig(), l.Seed)
	sure := map[string]bool{}
	p.OnAlert = func(a *detect.Alert) {
		kind := string(a.Kind)
		if a.Change == detect.Start {
			res.started[kind]++
		}
		if a.State != detect.Confirmed || sure[a.ID] {
			return
		}
		sure[a.ID] = true
		res.sure[kind]++
		if s, ok := a.Subject.(*detect.FlowSubject); ok && a.Kind == detect.LargeFlow {
			if rates[[2]netip.Addr{s.Src, s.Dst}] >= 0.08*float64(l.Speed) {
				res.largeTrue++
				return
			}
			res.largeSure++
			kind = "large_flow below 8 %"
		}
		if res.example[kind] == "" {
			res.example[kind] = a.Line()
		}
	}
	p.Run(traffic.New(cfg))
	return res
}
