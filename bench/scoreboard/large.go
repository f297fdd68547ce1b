package main

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"weir/bench/scoreboard/model"
	"weir/bench/scoreboard/pipeline"
	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
	"weir/decoder"
	"weir/detect"
)

// linksPerRun is how many links one pipeline watches at once, fewer where each
// has several vantage points.
const linksPerRun = 20

// cell is one setting of the large-flow scenarios, tried many times.
type cell struct {
	site.Links
	trials  int
	site    int      // links that one collector watches; 0 is linksPerRun
	methods []method // compared on the same samples
}

// method is a detector beside weir, with its threshold as a share of the link.
type method struct {
	name  string
	tuned bool // to a budget of false alarms; else as published
	share float64
	make  func(threshold, phase float64) model.Detector
}

// estimate is what an alert said of a flow.
type estimate struct{ rate, low, high, truth float64 }

func (e estimate) covers() bool { return e.low <= e.truth && e.truth <= e.high }

// cellResult is what became of all trials of a cell. Delays are seconds from
// the first packet of the flow, +Inf where it was missed.
type cellResult struct {
	suspected, confirmed   []float64
	first, sure            []estimate // of the first alert; of the first confirmed one
	methods                map[string][]float64
	names                  map[string]int // the method the first alert names
	others, othersSure     int            // alerts of other flows than the large ones
	samples                uint64
	link                   site.Links
	competitors            int
	perSecond, backgroundS float64 // samples/s at one vantage point
}

func (c *cellResult) add(o *cellResult) {
	c.suspected = append(c.suspected, o.suspected...)
	c.confirmed = append(c.confirmed, o.confirmed...)
	c.first = append(c.first, o.first...)
	c.sure = append(c.sure, o.sure...)
	for k, v := range o.methods {
		c.methods[k] = append(c.methods[k], v...)
	}
	for k, v := range o.names {
		c.names[k] += v
	}
	c.others += o.others
	c.othersSure += o.othersSure
	c.samples += o.samples
}

// bound returns the theoretical delay at one false alarm a day and link. Each
// further vantage point gives the same information again.
func (c *cellResult) bound() float64 {
	v := float64(max(c.link.Vantages, 1))
	return model.Bound(v*c.backgroundS, v*c.perSecond, c.competitors, 1)
}

// trial watches one large flow.
type trial struct {
	site.Elephant
	suspected, confirmed float64
	first, sure          *estimate
	named                string
	detectors            [][]model.Detector // by method and vantage point
	alarms               []float64          // by method
}

// runCell tries a cell.
func (r *run) runCell(c cell) *cellResult {
	// As many points as ever, so that the table of hot flows is never full.
	links := linksPerRun / max(c.Vantages, 1)
	if c.site > 0 {
		links = c.site
	}
	runs := (c.trials + links - 1) / links
	parts := each(r, runs, func(i int) *cellResult {
		l := c
		l.Count = links
		l.Seed = r.seed ^ hash(fmt.Sprintf("%+v", c.Links)) + uint64(i)*0x9e3779b97f4a7c15
		return l.once()
	})
	all := &cellResult{
		methods: map[string][]float64{}, names: map[string]int{}, link: c.Links, competitors: c.Competitors(),
		perSecond: c.PerSecond(c.Share), backgroundS: c.PerSecond(c.Mice),
	}
	for _, p := range parts {
		all.add(p)
	}
	return all
}

// largeFlowsOnly is the default configuration without the detectors of attacks:
// the flows of L1 to L5 are UDP at rates that a host should not get, so that
// nothing but their rate tells of them.
func largeFlowsOnly() detect.Config {
	c := alertsOnly()
	c.Flood.Off = true
	return c
}

// alertsOnly is the default configuration without the key definitions, which
// raise no alert and take half of the time.
func alertsOnly() detect.Config {
	c := detect.DefaultConfig()
	c.Top.Off = true
	return c
}

func hash(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

// once tries every link of one site.
func (c *cell) once() *cellResult {
	cfg, elephants := c.Network(0)
	trials := map[netip.Addr]*trial{}
	rng := rand.New(rand.NewPCG(c.Seed, 31))
	for _, e := range elephants {
		t := &trial{Elephant: e, suspected: math.Inf(1), confirmed: math.Inf(1)}
		for _, m := range c.methods {
			var ds []model.Detector
			for range max(c.Vantages, 1) {
				ds = append(ds, m.make(m.share*float64(c.Speed), rng.Float64()))
			}
			t.detectors = append(t.detectors, ds)
			t.alarms = append(t.alarms, math.Inf(1))
		}
		trials[e.Src] = t
	}
	res := &cellResult{methods: map[string][]float64{}, names: map[string]int{}}
	p := pipeline.New(largeFlowsOnly(), c.Seed)
	p.OnAlert = func(a *detect.Alert) { c.alert(a, trials, res) }
	if len(c.methods) > 0 {
		p.Tap = func(f *decoder.Flow) { c.sample(f, trials) }
	}
	p.Run(traffic.New(cfg))
	for _, e := range elephants {
		t := trials[e.Src]
		res.suspected = append(res.suspected, t.suspected)
		res.confirmed = append(res.confirmed, t.confirmed)
		if t.first != nil {
			res.first = append(res.first, *t.first)
			res.names[t.named]++
		}
		if t.sure != nil {
			res.sure = append(res.sure, *t.sure)
		}
		for i, m := range c.methods {
			for _, d := range t.detectors[i] {
				if at, ok := d.End(seconds(t.End)); ok {
					t.alarms[i] = min(t.alarms[i], at-seconds(t.Start))
				}
			}
			res.methods[m.name] = append(res.methods[m.name], t.alarms[i])
		}
	}
	return res
}

func seconds(t time.Time) float64 { return t.Sub(site.Epoch).Seconds() }

// alert notes a change of an alert.
func (c *cell) alert(a *detect.Alert, trials map[netip.Addr]*trial, res *cellResult) {
	s, ok := a.Subject.(*detect.FlowSubject)
	if !ok || a.Kind != detect.LargeFlow || a.Change == detect.End {
		return
	}
	t := trials[s.Src]
	if t == nil || a.At.Before(t.Start) {
		if a.At.Sub(site.Epoch) > site.Settle+c.Warm/2 {
			if a.Change == detect.Start {
				res.others++
			}
			if a.State == detect.Confirmed {
				res.othersSure++
			}
		}
		return
	}
	e := said(a, t.Rate)
	delay := a.At.Sub(t.Start).Seconds()
	if t.first == nil {
		t.first, t.suspected = &e, delay
		if v, ok := a.Evidence.(*detect.LargeFlowEvidence); ok {
			t.named = v.Method
		}
	}
	if a.State == detect.Confirmed && t.sure == nil {
		t.sure, t.confirmed = &e, delay
	}
}

func said(a *detect.Alert, truth float64) estimate {
	v, ok := a.Evidence.(*detect.LargeFlowEvidence)
	if !ok {
		return estimate{truth: truth}
	}
	return estimate{rate: float64(v.BitsPerSecond), low: float64(v.Low), high: float64(v.High), truth: truth}
}

// sample gives a sample of a large flow to the methods compared.
func (c *cell) sample(f *decoder.Flow, trials map[netip.Addr]*trial) {
	if !f.Header.HasKey {
		return
	}
	t := trials[f.Header.Key.SrcAddr()]
	if t == nil {
		return
	}
	// The agents of a link follow each other in address.
	b := f.Agent.As4()
	v := (int(b[2])<<8 | int(b[3])) % max(c.Vantages, 1)
	bits := float64(f.FrameLength) * 8 * float64(f.Sample.SamplingRate)
	for i, ds := range t.detectors {
		if at, ok := ds[v].Sample(seconds(f.At), bits); ok {
			t.alarms[i] = min(t.alarms[i], at-seconds(t.Start))
		}
	}
}

// Names of methods in tables and plots.
const (
	modelSFlowRT    = "model of sFlow-RT's logic (EWMA 2 s)"
	modelFastNetMon = "model of FastNetMon's logic (1 s, average 5 s)"
	naiveBucket     = "naive bucket of 1 s"
	tunedEWMA1      = "EWMA 1 s, re-tuned"
	tunedWindow2    = "sliding window 2 s, re-tuned"
)

// published are the methods with their published settings and a threshold of
// 10 % of the link.
func published() []method {
	return []method{
		{modelSFlowRT, false, 0.1, func(th, _ float64) model.Detector { return &model.EWMA{Tau: 2, Threshold: th} }},
		{modelFastNetMon, false, 0.1, func(th, phase float64) model.Detector {
			return &model.FastNetMon{Tick: 1, Average: 5, Threshold: th, Phase: phase}
		}},
		{naiveBucket, false, 0.1, func(th, phase float64) model.Detector {
			return &model.Bucket{Width: 1, Threshold: th, Phase: phase}
		}},
	}
}

// tuned are the methods with thresholds for a budget of false alarms among
// competitors that fill the link of l.
func tuned(l *site.Links, falsePerDay float64, seed uint64) []method {
	background, full, n := l.PerSecond(l.Mice), l.PerSecond(1), l.Competitors()
	at := func(k model.Tuned) float64 { return k.Threshold(background, n, falsePerDay, seed) / full }
	return []method{
		{tunedEWMA1, true, at(model.TunedEWMA("", 1)), func(th, _ float64) model.Detector { return &model.EWMA{Tau: 1, Threshold: th} }},
		{"EWMA 2 s, re-tuned", true, at(model.TunedEWMA("", 2)), func(th, _ float64) model.Detector { return &model.EWMA{Tau: 2, Threshold: th} }},
		{"FastNetMon's logic, re-tuned", true, at(model.TunedFastNetMon("")), func(th, phase float64) model.Detector {
			return &model.FastNetMon{Tick: 1, Average: 5, Threshold: th, Phase: phase}
		}},
		{"sliding window 1 s, re-tuned", true, at(model.TunedWindow("", 1)), func(th, _ float64) model.Detector { return &model.Window{Length: 1, Threshold: th} }},
		{tunedWindow2, true, at(model.TunedWindow("", 2)), func(th, _ float64) model.Detector { return &model.Window{Length: 2, Threshold: th} }},
		{"bucket of 1 s, re-tuned", true, at(model.TunedBucket("", 1)), func(th, phase float64) model.Detector {
			return &model.Bucket{Width: 1, Threshold: th, Phase: phase}
		}},
	}
}
