package main

import (
	"fmt"
	"math"
	"time"

	"weir/bench/scoreboard/model"
	"weir/bench/scoreboard/pipeline"
	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
	"weir/decoder"
	"weir/detect"
)

// falseResult counts alerts on links full of equal flows. There every alert of
// a flow well below the threshold is false.
type falseResult struct {
	linkDays             float64
	suspected, confirmed int
	methods              map[string]int
	warm                 int // suspected while the links were being learned, not counted above
}

func (f *falseResult) add(o *falseResult) {
	f.linkDays += o.linkDays
	f.suspected += o.suspected
	f.confirmed += o.confirmed
	f.warm += o.warm
	for k, v := range o.methods {
		f.methods[k] += v
	}
}

const day = 24 * time.Hour

// falseAlarms lets links full of flows of that share run for about so many
// link-days, once.
func (r *run) falseAlarms(mice, linkDays float64) *falseResult {
	if r.falses[mice] == nil {
		r.falses[mice] = r.falseRuns(mice, 0, linkDays, largeFlowsOnly())
	}
	return r.falses[mice]
}

func (r *run) falseRuns(mice float64, life time.Duration, linkDays float64, cfg detect.Config) *falseResult {
	hours := r.days(0.04, 0.25) // of each run
	runs := max(1, int(math.Ceil(linkDays*24/hours/linksPerRun)))
	parts := each(r, runs, func(i int) *falseResult {
		return falseOnce(cfg, site.Links{
			Seed: r.seed ^ hash(fmt.Sprint("false", mice)) + uint64(i)*0x9e3779b97f4a7c15, Count: linksPerRun,
			Speed: 10e9, Flush: -1, Mice: mice, Life: life, Warm: 2 * time.Minute,
		}, time.Duration(hours*float64(time.Hour)))
	})
	all := &falseResult{methods: map[string]int{}}
	for _, p := range parts {
		all.add(p)
	}
	return all
}

func falseOnce(dc detect.Config, l site.Links, duration time.Duration) *falseResult {
	res := &falseResult{methods: map[string]int{}, linkDays: float64(l.Count) * float64(duration) / float64(day)}
	cfg, _ := l.Network(duration)
	p := pipeline.New(dc, l.Seed)
	begin := site.Settle + l.Warm
	sure := map[string]bool{}
	p.OnAlert = func(a *detect.Alert) {
		if a.Kind != detect.LargeFlow {
			return
		}
		late := a.At.Sub(site.Epoch) >= begin
		if a.Change == detect.Start {
			if late {
				res.suspected++
			} else {
				res.warm++
			}
		}
		if a.State == detect.Confirmed && late && !sure[a.ID] {
			sure[a.ID] = true
			res.confirmed++
		}
	}
	methods := published()
	flows := l.Competitors() + 1
	watched := make([][]model.Detector, l.Count*flows)
	if l.Life > 0 { // the models follow places, not flows
		methods = nil
	}
	p.Tap = func(f *decoder.Flow) {
		if methods == nil {
			return
		}
		link, n := int(f.Header.Key.Src[14]), int(f.Header.Key.SrcPort)-1024 // as package site numbers them
		ds := watched[link*flows+n]
		if ds == nil {
			for i, m := range methods {
				ds = append(ds, m.make(m.share*float64(l.Speed), float64(byte(link*37+n*11+i))/256))
			}
			watched[link*flows+n] = ds
		}
		at, bits := seconds(f.At), float64(f.FrameLength)*8*float64(f.Sample.SamplingRate)
		for i, d := range ds {
			if when, ok := d.Sample(at, bits); ok && when >= begin.Seconds() {
				res.methods[methods[i].name]++
			}
		}
	}
	p.Run(traffic.New(cfg))
	return res
}

// perDay writes a rate with its exposure's 95 % upper bound.
func perDay(events int, linkDays float64) string {
	rate, upper := report.Rate(events, linkDays)
	if events == 0 {
		return "0 (< " + report.Count(upper) + ")"
	}
	return report.Count(rate) + " (< " + report.Count(upper) + ")"
}

// budget is the rate at which others are tuned: what weir was seen to have, or
// the upper bound of that where too few were seen, which favours the others;
// its stated one a day where the exposure is too small to say.
func (f *falseResult) budget() float64 {
	rate, upper := report.Rate(f.suspected, f.linkDays)
	switch {
	case f.suspected >= 10:
		return rate
	case f.linkDays < 3:
		return 1
	}
	return upper
}
