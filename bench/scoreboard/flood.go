package main

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"weir/bench/scoreboard/model"
	"weir/bench/scoreboard/pipeline"
	"weir/bench/scoreboard/report"
	"weir/bench/scoreboard/site"
	"weir/bench/traffic"
	"weir/decoder"
	"weir/detect"
)

// Kinds of alerts, by their names on the wire.
const (
	kindFlood = detect.Kind("flood")
	kindScan  = detect.Kind("scan")
)

// perFloodRun is how many victims one pipeline watches at once.
const perFloodRun = 10

// floodThreshold is that of the models compared: FastNetMon's default for a host.
const floodThreshold = 20000 // packets/s

// floodResult is what became of the attacks of a setting.
type floodResult struct {
	delays, sure  []float64 // s, of the first alert and the first confirmed one
	right         int       // of the first alerts: the class
	classes       map[string]int
	covered, had  int // pulses during which an alert was open, and all
	strangers     map[string]int
	fast, ewma    []float64  // delays of models
	first, last   []estimate // packets/s, of the first alert and of the last with many samples
	floodsAlerted int
}

func (f *floodResult) add(o *floodResult) {
	f.delays, f.sure = append(f.delays, o.delays...), append(f.sure, o.sure...)
	f.fast, f.ewma = append(f.fast, o.fast...), append(f.ewma, o.ewma...)
	f.first, f.last = append(f.first, o.first...), append(f.last, o.last...)
	f.right += o.right
	f.covered += o.covered
	f.had += o.had
	f.floodsAlerted += o.floodsAlerted
	for k, v := range o.classes {
		f.classes[k] += v
	}
	for k, v := range o.strangers {
		f.strangers[k] += v
	}
}

// attacked is one attack and what was said of it.
type attacked struct {
	site.Flooded
	delay, sure float64
	class       string
	right       bool
	open        map[string]time.Time // alerts on it, since when
	spans       []site.Span          // over which alerts were open
	first, last *estimate            // packets/s of the first alert; of the last with many samples
	models      []model.Detector
	alarms      []float64
}

// runFloods tries a setting: kind is the alert that is right.
func (r *run) runFloods(l site.Floods, kind detect.Kind, trials int) *floodResult {
	runs := (trials + perFloodRun - 1) / perFloodRun
	parts := each(r, runs, func(i int) *floodResult {
		l := l
		l.Count = perFloodRun
		l.Seed = r.seed ^ hash(fmt.Sprintf("%+v", l)) + uint64(i)*0x9e3779b97f4a7c15
		return floodOnce(l, kind)
	})
	all := &floodResult{classes: map[string]int{}, strangers: map[string]int{}}
	for _, p := range parts {
		all.add(p)
	}
	return all
}

func floodOnce(l site.Floods, kind detect.Kind) *floodResult {
	cfg, truths := l.Network()
	rng := rand.New(rand.NewPCG(l.Seed, 12))
	var all []*attacked
	for _, t := range truths {
		all = append(all, &attacked{
			Flooded: t, delay: math.Inf(1), sure: math.Inf(1), open: map[string]time.Time{},
			models: []model.Detector{
				&model.FastNetMon{Tick: 1, Average: 5, Threshold: floodThreshold, Phase: rng.Float64()},
				&model.EWMA{Tau: 2, Threshold: floodThreshold},
			},
			alarms: []float64{math.Inf(1), math.Inf(1)},
		})
	}
	res := &floodResult{classes: map[string]int{}, strangers: map[string]int{}}
	p := pipeline.New(alertsOnly(), l.Seed)
	p.OnAlert = func(a *detect.Alert) { floodAlert(a, kind, all, res) }
	p.Tap = func(f *decoder.Flow) { floodSample(f, l.Routers, all) }
	p.Run(traffic.New(cfg))
	for _, t := range all {
		t.finish(res)
	}
	return res
}

func (t *attacked) begin() time.Time { return t.Pulses[0].Start }
func (t *attacked) end() time.Time   { return t.Pulses[len(t.Pulses)-1].End }

// floodAlert notes a change of an alert. Subjects and evidence are read as
// their JSON, which is what an operator gets.
func floodAlert(a *detect.Alert, kind detect.Kind, all []*attacked, res *floodResult) {
	if a.Kind != kind {
		if a.Kind != detect.LargeFlow && a.Change == detect.Start {
			res.strangers[string(a.Kind)]++
		}
		return
	}
	subject, _ := json.Marshal(a.Subject)
	evidence, _ := json.Marshal(a.Evidence)
	t := find(all, subject, kind)
	if t == nil || a.At.Before(t.begin()) {
		if a.Change == detect.Start {
			res.strangers[string(a.Kind)]++
		}
		return
	}
	if a.Change == detect.End {
		if since, ok := t.open[a.ID]; ok {
			t.spans = append(t.spans, site.Span{Start: since, End: a.At})
			delete(t.open, a.ID)
		}
		return
	}
	if _, ok := t.open[a.ID]; !ok {
		t.open[a.ID] = a.At
	}
	delay := a.At.Sub(t.begin()).Seconds()
	if math.IsInf(t.delay, 1) {
		t.delay = delay
		class, vector := field(evidence, "class"), field(evidence, "vector")
		t.class = strings.TrimSuffix(class+":"+vector, ":")
		t.right = vector == t.Class || vector == "" && strings.HasPrefix(class, t.Class+"_")
		t.first = rateOf(evidence, t.PPS)
	}
	if a.State == detect.Confirmed {
		t.sure = min(t.sure, delay)
	}
	if a.At.Before(t.end()) {
		if n, _ := number(evidence, "samples"); n >= manySamples {
			t.last = rateOf(evidence, t.PPS)
		}
	}
}

// find returns the attack that an alert's subject is about.
func find(all []*attacked, subject []byte, kind detect.Kind) *attacked {
	var fields map[string]any
	if json.Unmarshal(subject, &fields) != nil {
		return nil
	}
	for _, v := range fields {
		s, ok := v.(string)
		if !ok {
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			addr, err := netip.ParseAddr(s)
			if err != nil {
				continue
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		for _, t := range all {
			if t.Victim.Overlaps(p) || kind == kindScan && p.Contains(t.Source) && p.Bits() >= 24 {
				return t
			}
		}
	}
	return nil
}

// manySamples is how many samples an estimate must have to be asked for bias.
const manySamples = 500

// rateOf reads the packet rate that evidence states, nil if it states none.
func rateOf(evidence []byte, truth float64) *estimate {
	v, ok := number(evidence, "packets_per_second")
	if !ok {
		return nil
	}
	low, _ := number(evidence, "low")
	high, _ := number(evidence, "high")
	return &estimate{rate: v, low: low, high: high, truth: truth}
}

// field returns a string of a JSON object.
func field(j []byte, name string) string {
	var m map[string]any
	if json.Unmarshal(j, &m) != nil {
		return ""
	}
	s, _ := m[name].(string)
	return s
}

func number(j []byte, name string) (float64, bool) {
	var m map[string]any
	if json.Unmarshal(j, &m) != nil {
		return 0, false
	}
	v, ok := m[name].(float64)
	return v, ok
}

// floodSample gives a sample that goes to a victim to the models. Where several
// routers sample the attack, the leaf behind them is left out: it sees it twice.
func floodSample(f *decoder.Flow, routers int, all []*attacked) {
	b := f.Header.Key.Dst
	i := int(b[13]-1)<<8 | int(b[14])
	if b[12] != 10 || i >= len(all) || !all[i].Victim.Contains(f.Header.Key.DstAddr()) {
		return
	}
	if n := int(f.Agent.As4()[2])<<8 | int(f.Agent.As4()[3]); routers > 1 && n%(routers+1) == 0 {
		return
	}
	t := all[i]
	begin := seconds(t.begin())
	for k, m := range t.models {
		if at, ok := m.Sample(seconds(f.At), float64(f.Sample.SamplingRate)); ok && at >= begin {
			t.alarms[k] = min(t.alarms[k], at-begin)
		}
	}
}

// finish enters one attack into the result.
func (t *attacked) finish(res *floodResult) {
	begin, end := seconds(t.begin()), seconds(t.end())
	for k, m := range t.models {
		if at, ok := m.End(end); ok && at >= begin {
			t.alarms[k] = min(t.alarms[k], at-begin)
		}
	}
	res.fast, res.ewma = append(res.fast, t.alarms[0]), append(res.ewma, t.alarms[1])
	res.delays, res.sure = append(res.delays, t.delay), append(res.sure, t.sure)
	if !math.IsInf(t.delay, 1) {
		res.floodsAlerted++
		res.classes[t.class]++
		if t.right {
			res.right++
		}
	}
	for _, since := range t.open {
		t.spans = append(t.spans, site.Span{Start: since, End: t.end().Add(time.Hour)})
	}
	for _, p := range t.Pulses {
		res.had++
		for _, s := range t.spans {
			if s.Start.Before(p.End) && s.End.After(p.Start) {
				res.covered++
				break
			}
		}
	}
	if t.first != nil {
		res.first = append(res.first, *t.first)
	}
	if t.last != nil {
		res.last = append(res.last, *t.last)
	}
}

// notYet reports that weir raised no alert of the kind at all.
func (f *floodResult) notYet() bool { return f.floodsAlerted == 0 }

// rightOf writes the share of right classes.
func (f *floodResult) rightOf() string {
	if f.floodsAlerted == 0 {
		return "none raised"
	}
	return report.Percent(float64(f.right) / float64(f.floodsAlerted))
}

// coveredOf writes how many first alerts had the true rate in their interval.
func (f *floodResult) coveredOf() string {
	if len(f.first) == 0 {
		return "–"
	}
	n := 0
	for _, e := range f.first {
		if e.covers() {
			n++
		}
	}
	return report.Percent(float64(n) / float64(len(f.first)))
}

// bias writes the mean error of the last estimates.
func (f *floodResult) bias() string {
	if len(f.last) == 0 {
		return "no estimate"
	}
	sum := 0.0
	for _, e := range f.last {
		sum += e.rate/e.truth - 1
	}
	return fmt.Sprintf("bias %+.1f %%", 100*sum/float64(len(f.last)))
}

// when writes delays, or that there are none because nothing raises the alert.
func (f *floodResult) when() string {
	if f.notYet() {
		return "none raised"
	}
	return report.Three(f.delays)
}
