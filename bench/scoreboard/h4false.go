package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"weir/bench/scoreboard/report"
	"weir/detect/site/silence"
)

// falseResult of heartbeats that go on and are lost at times.
type falseSilence struct {
	alarms, long int
	misses       []float64
}

// falseSilences counts how often a deadline passes though the agent is well. It
// jumps over beats in which nothing happens that could pass one: of every stretch
// the last few thousand datagrams are played, which is all that a pace remembers.
func (r *run) falseSilences() *report.Table {
	t := &report.Table{
		ID: "H4", Title: "false alarms of silence of 1,000 agents that beat once a second and are well: accelerated run of the deadlines alone",
		Columns: []string{"loss", "agent-years", "runs of losses judged", "deadline in beats p50 / p99", "false alarms", "a year and 1,000 agents", "95 % upper bound"},
	}
	for _, l := range losses[1:] {
		years := float64(r.pick(200, 10000))
		parts := 20
		all := falseSilence{}
		for _, p := range each(r, parts, func(i int) falseSilence { return lossesAlone(r.seed+uint64(i), l, years/float64(parts)) }) {
			all.alarms += p.alarms
			all.long += p.long
			all.misses = append(all.misses, p.misses...)
		}
		rate, upper := report.Rate(all.alarms, years/1000)
		t.Add(l.name, years, all.long, fmt.Sprintf("%.0f / %.0f", report.Quantile(all.misses, 0.5), report.Quantile(all.misses, 0.99)), all.alarms, report.Count(rate), report.Count(upper))
	}
	t.Note("target: at most 1 a year and 1,000 agents; the model of the site waits for further evidence after a deadline, so that it tells less often")
	return t
}

// shortRun is how long a run of losses must be to be judged: shorter ones pass no
// deadline that such losses lead to.
func shortRun(l loss) int {
	n, p := 3, l.share
	again := l.share
	if l.burst > 1 {
		again = 1 - 1/l.burst
	}
	for p *= math.Pow(again, 2); p > 2e-6; p *= again {
		n++
	}
	return n
}

// lossesAlone plays one agent for so many years.
func lossesAlone(seed uint64, l loss, years float64) (res falseSilence) {
	const beat = int64(time.Second)
	rng := rand.New(rand.NewPCG(seed, 4))
	again, begin := l.share, l.share // probability of a loss after a loss, and after none
	if l.burst > 1 {
		again = 1 - 1/l.burst
		begin = l.share * (1 - again) / (1 - l.share)
	}
	geometric := func(p float64) float64 { return math.Floor(math.Log(1-rng.Float64()) / math.Log1p(-p)) }
	short := shortRun(l)
	perBeat := begin * (1 - begin) * math.Pow(again, float64(short-1)) // runs that are judged begin so often
	var p silence.Pace
	var all silence.Losses
	now, beats := beat, years*365*86400
	for t := geometric(perBeat); t < beats; t += geometric(perBeat) {
		// All that is remembered of before.
		for n := 0.0; n < 6000; {
			came, lost := 1+min(geometric(begin), 6000), 1+min(geometric(1-again), float64(short-2))
			n += came + lost
			now += int64(came) * beat
			p.Beat(now-beat, 0)
			p.Beat(now, 0)
			p.Count(uint32(came), uint32(lost))
			all.Count(uint32(came), uint32(lost))
			now += int64(lost) * beat
		}
		now += beat
		p.Beat(now, 0)
		now += beat
		p.Beat(now, 0)
		run := float64(short) + geometric(1-again)
		d, m, ok := p.Deadline(1000, &all)
		res.long++
		if len(res.misses) < 5000 {
			res.misses = append(res.misses, float64(m))
		}
		// The next beat that arrives is run+1 beats after the last.
		if ok && int64(run+1)*beat > d {
			res.alarms++
		}
		now += int64(run+1) * beat
		p.Beat(now, d)
		p.Count(1, uint32(run))
		all.Count(1, uint32(run))
	}
	return res
}
