package main

import (
	"fmt"
	"net/netip"

	"weir/bench/scoreboard/pipeline"
	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
	"weir/detect"
	"weir/detect/flood"
)

// benignResult counts alerts where nothing is wrong.
type benignResult struct {
	linkDays             float64
	started, sure        map[string]int // by kind
	largeTrue, largeSure int            // confirmed large flows that are above 8 % of the link, and others
	example              map[string]string
}

func newBenignResult() *benignResult {
	return &benignResult{started: map[string]int{}, sure: map[string]int{}, example: map[string]string{}}
}

func (b *benignResult) add(o *benignResult) {
	b.linkDays += o.linkDays
	b.largeTrue += o.largeTrue
	b.largeSure += o.largeSure
	for k, v := range o.started {
		b.started[k] += v
	}
	for k, v := range o.sure {
		b.sure[k] += v
	}
	for k, v := range o.example {
		if b.example[k] == "" {
			b.example[k] = v
		}
	}
}

// kindLinkSaturated as in alerts.
const kindLinkSaturated = string(detect.LinkSaturated)

// linksOfBenign is how many links one run of benign load watches.
const linksOfBenign = 10

// benign lets links live through so many link-days, thresholds of floods and
// scans divided.
func (r *run) benign(linkDays, divided float64) *benignResult {
	links := linksOfBenign
	if r.quick {
		links = 2
	}
	runs := max(1, int(linkDays/float64(links)+0.5))
	all := newBenignResult()
	for _, p := range each(r, runs, func(i int) *benignResult {
		l := site.Benign{Seed: r.seed + 1000*uint64(i) + uint64(divided), Links: links, Speed: 10e9, Hours: 1}
		return benignOnce(l, nearer(alertsOnly(), divided))
	}) {
		all.add(p)
	}
	return all
}

// nearer divides the thresholds that benign load could reach.
func nearer(c detect.Config, by float64) detect.Config {
	if by == 1 {
		return c
	}
	f := flood.Default()
	for _, l := range []*flood.Limit{&f.SYN, &f.SYNACK, &f.RST, &f.Odd, &f.ACK, &f.UDP, &f.Amplified, &f.Fragments, &f.ICMP} {
		l.PacketsPerSecond, l.BitsPerSecond = l.PacketsPerSecond/by, l.BitsPerSecond/by
	}
	c.Flood.Config = f
	return c
}

const weekOfSite = 7 * 1e4 // link-days

// b1 is a benign load.
func (r *run) b1() []*report.Table {
	all := r.benign(r.days(2, 150), 1)
	t := &report.Table{
		ID: "B1", Title: "benign load, a day's events in an hour: alerts a day and link (95 % upper bound), in days of events",
		Columns: []string{"alert", "link-days", "started", "confirmed", "is it wrong?"},
	}
	days := fmt.Sprintf("%.0f", all.linkDays)
	t.Add("large_flow, really above 8 %", days, "", report.Count(float64(all.largeTrue)/all.linkDays), "no: backups, migrations; info only")
	t.Add("large_flow, below 8 %", days, "", perDay(all.largeSure, all.linkDays), "yes")
	wrong := all.largeSure
	for _, k := range []string{kindLinkSaturated, string(kindFlood), string(kindScan)} {
		t.Add(k, days, perDay(all.started[k], all.linkDays), perDay(all.sure[k], all.linkDays), "yes")
		wrong += all.sure[k]
		delete(all.started, k)
	}
	for _, k := range sorted(all.started) {
		if k != string(detect.LargeFlow) {
			t.Add(k, days, perDay(all.started[k], all.linkDays), perDay(all.sure[k], all.linkDays), "yes")
			wrong += all.sure[k]
		}
	}
	t.Note("10 Gbit/s at 1:10000, background of 10 to 45 %% by a day's curve, Pareto flows up to 7 %%, all acknowledged, and per link and day a backup, two live migrations, a flash crowd of 3,000 new connections/s, a resolver with 5,000 answers/s, 200 machines booting by TFTP, 100 viewers by QUIC, 400 telephone calls, SNMP polling")
	t.Note("exposure %.0f link-days, %d false confirmed: by 3/T alone fewer than %s a week on 10,000 links; a week of 10,000 links is 70,000 link-days, so the next table brings the thresholds nearer instead", all.linkDays, wrong, report.Count(3/all.linkDays*weekOfSite))
	for _, k := range sorted(all.example) {
		t.Note("first %s: %s", k, all.example[k])
	}
	if r.quick {
		return []*report.Table{t}
	}
	return []*report.Table{t, r.margin()}
}

// margin counts false alarms where the thresholds are nearer to what is usual.
func (r *run) margin() *report.Table {
	t := &report.Table{
		ID: "B1", Title: "the same load with thresholds of floods divided: false alarms a day and link (95 % upper bound)",
		Columns: []string{"thresholds", "link-days", "floods started", "floods confirmed"},
	}
	clean, exposure := 1.0, 0.0
	for _, d := range []float64{2, 4, 8, 16} {
		f := r.benign(r.days(2, 10), d)
		k := string(kindFlood)
		t.Add(fmt.Sprintf("default / %g", d), fmt.Sprintf("%.0f", f.linkDays), perDay(f.started[k], f.linkDays), perDay(f.sure[k], f.linkDays))
		if f.sure[k] == 0 && clean*2 >= d {
			clean = d
			exposure += f.linkDays
		}
	}
	if exposure > 0 {
		t.Note("no false confirmed flood down to 1/%g of the default thresholds in %.0f link-days together, 3/T %s a day and link for traffic that is so much nearer to them; what stays far below a threshold is confirmed with a probability that falls exponentially with its samples, so that far fewer are to be expected at the defaults", clean, exposure, report.Count(3/exposure))
	}
	return t
}

func benignOnce(l site.Benign, dc detect.Config) *benignResult {
	cfg, rates := l.Network()
	res := newBenignResult()
	res.linkDays = float64(l.Links * l.Hours)
	p := pipeline.New(dc, l.Seed)
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
