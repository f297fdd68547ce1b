package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"weir/bench/scoreboard/report"
	"weir/detect/site/silence"
)

// steadyBeats are how many of a stretch without losses are played.
const steadyBeats = 120

// falseSilence is what became of heartbeats that go on and are lost at times.
type falseSilence struct {
	alarms, long int
	misses       []float64
	seconds      []float64 // of the deadline
}

// falseSilences counts how often a deadline passes though the agent is well. It
// jumps over beats in which nothing happens that could pass one: of every stretch
// the last few thousand datagrams are played, which is all that a pace remembers.
func (r *run) falseSilences() *report.Table {
	t := &report.Table{
		ID: "H4", Title: "false alarms of silence of 1,000 agents that beat once a second and are well: accelerated run of the deadlines alone",
		Columns: []string{"loss", "agent-years", "runs of losses judged", "deadline in beats p50 / p99", "in s", "false alarms", "a year and 1,000 agents", "95 % upper bound"},
	}
	for _, l := range losses[1:] {
		if l.dark > 0 {
			continue // it takes one beat at most
		}
		years := float64(r.pick(200, 10000))
		parts := 20
		all := falseSilence{}
		for _, p := range each(r, parts, func(i int) falseSilence { return lossesAlone(r.seed+uint64(i), l, years/float64(parts)) }) {
			all.alarms += p.alarms
			all.long += p.long
			all.misses = append(all.misses, p.misses...)
			all.seconds = append(all.seconds, p.seconds...)
		}
		rate, upper := report.Rate(all.alarms, years/1000)
		t.Add(l.name, years, all.long, fmt.Sprintf("%.0f / %.0f", report.Quantile(all.misses, 0.5), report.Quantile(all.misses, 0.99)),
			fmt.Sprintf("%.1f / %.1f", report.Quantile(all.seconds, 0.5), report.Quantile(all.seconds, 0.99)), all.alarms, report.Count(rate), report.Count(upper))
	}
	t.Note("what all agents lose together is known from 200,000 beats")
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

// fleetLosses is what a collector knows of the losses of a thousand agents, of
// 200,000 beats.
func fleetLosses(rng *rand.Rand, begin, again float64) (all silence.Losses) {
	bad, missed := false, uint32(0)
	for range 200000 {
		p := begin
		if bad {
			p = again
		}
		if bad = rng.Float64() < p; bad {
			missed++
			continue
		}
		all.Count(1, missed)
		all.Missed(int64(time.Second), int(missed))
		missed = 0
	}
	return all
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
	fleet := fleetLosses(rng, begin, again)
	now, beats := beat, years*365*86400
	for t := geometric(perBeat); t < beats; t += geometric(perBeat) {
		// All that is remembered of before, in which such runs are as rare as ever.
		var p silence.Pace
		all := fleet
		for n := 0.0; n < 6000; {
			came, lost := 1+min(geometric(begin), 6000), 1+min(geometric(1-again), float64(short-2))
			n += came + lost
			for k := came; k > 0; k-- { // the first after a loss, and the last of the rest
				if k < came && k > steadyBeats {
					now += int64(k-steadyBeats) * beat
					k = steadyBeats
					p.Reset()
				}
				now += beat
				p.Beat(now, 0)
			}
			p.Period() // it is asked for at each beat
			p.Count(uint32(came), uint32(lost))
			all.Count(uint32(came), uint32(lost))
			all.Missed(beat, int(lost))
			now += int64(lost) * beat
		}
		for range 2 {
			now += beat
			p.Beat(now, 0)
		}
		run := float64(short) + geometric(1-again)
		d, m, ok := p.Deadline(1000, &all)
		res.long++
		if len(res.misses) < 5000 {
			res.misses = append(res.misses, float64(m))
			res.seconds = append(res.seconds, float64(d)/1e9)
		}
		// The next beat that arrives is run+1 beats after the last.
		if ok && int64(run+1)*beat > d {
			res.alarms++
		}
		now += int64(run+1) * beat
	}
	return res
}
