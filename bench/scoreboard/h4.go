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

// Causes of silence, and what may be told of them.
var silenceCauses = []string{"node down", "agent killed", "agent blocked", "collector deaf"}

const (
	verdictNothing   = "nothing"
	verdictUndecided = "undecided"
	verdictOther     = "another node"
	verdictSeveral   = "several"
)

// loss is how datagrams get lost.
type loss struct {
	name  string
	share float64
	burst float64
	runs  int           // of each cause
	dark  time.Duration // for so long nothing arrives of anybody, every half minute or so
}

var losses = []loss{
	{"no loss", 0, 0, 20, 0}, {"1 %", 0.01, 0, 80, 0}, {"5 %", 0.05, 0, 20, 0}, {"1 % in runs of 3", 0.01, 3, 20, 0},
	{"3 %, 0.9 s of all at once", 0, 0, 20, 900 * time.Millisecond},
}

// silenceResult is what came of one silence.
type silenceResult struct {
	verdict string
	delay   float64
	alerts  int
	why     string
}

// h4 tells apart what silence means.
func (r *run) h4() []*report.Table {
	t := &report.Table{
		ID: "H4", Title: "silence told apart on a simulated site of 20 hypervisors with weir-agent and Open vSwitch, their traffic sampled by the rack's switch: confusion matrix and delays in s",
		Columns: append([]string{"loss", "what happened", "runs"}, append(append([]string{}, silenceCauses...), verdictUndecided, verdictNothing, "wrong", "p50 / p90 / p99", "alerts p50 / p99")...),
	}
	healthy := 0.0
	for k, l := range losses {
		var delays []float64
		right, perCause := 0, r.pick(1, l.runs)
		for c, cause := range silenceCauses {
			results := each(r, perCause, func(i int) silenceResult {
				return silenceOnce(r.seed+uint64(100000*k+1000*c+i), cause, l)
			})
			counts, own, alerts := map[string]int{}, []float64{}, []float64{}
			for _, x := range results {
				counts[x.verdict]++
				own = append(own, x.delay)
				alerts = append(alerts, float64(x.alerts))
				if x.verdict == cause {
					right++
				} else if x.why != "" && len(t.Notes) < 5 {
					t.Note("%s, %s: %s", l.name, cause, x.why)
				}
			}
			healthy += float64(len(results)) * warmUp.Seconds() * silenceNodes / 86400
			delays = append(delays, own...)
			row := []any{l.name, cause, len(results)}
			for _, v := range silenceCauses {
				row = append(row, counts[v])
			}
			row = append(row, counts[verdictUndecided], counts[verdictNothing], counts[verdictOther]+counts[verdictSeveral], report.Three(own),
				fmt.Sprintf("%.0f / %.0f", report.Quantile(alerts, 0.5), report.Quantile(alerts, 0.99)))
			t.Add(row...)
		}
		t.Add(l.name, fmt.Sprintf("all: %.1f %% right", 100*float64(right)/float64(len(delays))), len(delays), "", "", "", "", "", "", "", report.Three(delays), "")
	}
	t.Note("target: 99 %% right, p99 6 s at 1 %% loss. Where losses come in runs nobody can tell a blocked agent from a run of losses any sooner, unless something else on the same way goes on, or its traffic is seen no more")
	t.Note("each site is learned for %s, by a collector that has run for long enough to know how much is lost and in which runs; one that has not is slower, or wrong more often, until about a hundred datagrams were lost", warmUp)
	t.Note("exposure of the same runs before anything happened: %.1f agent-days", healthy)
	return []*report.Table{t, r.falseSilences()}
}

const silenceNodes = 20

// warmUp is how long a site is learned before something happens.
const warmUp = 90 * time.Second

// silenceOnce lets a site learn, does one deed, and returns what is told of it.
func silenceOnce(seed uint64, cause string, l loss) silenceResult {
	c := cloud.New(cloud.Config{
		Seed: seed, Nodes: silenceNodes, Instances: 1, Agent: true, OVS: true, AgentPoll: 5 * time.Second, OVSPoll: 5 * time.Second,
		Rate: 4, LeafRate: 2, OwnRate: 3, Loss: l.share, Burst: l.burst, Known: true, Blackout: l.dark, BlackoutEvery: 30 * time.Second,
	})
	c.Run(warmUp + time.Duration(c.Rand().IntN(50))*cloud.Step)
	if len(c.Alerts) > 0 {
		return silenceResult{verdict: verdictOther, why: "before it: " + c.Alerts[0].Line()}
	}
	x := c.Nodes[c.Rand().IntN(len(c.Nodes))]
	deed := c.Now()
	switch cause {
	case "agent killed":
		x.Kill()
	case "agent blocked":
		x.Block(true)
	case "node down":
		x.Down()
	case "collector deaf":
		c.Deafen(true)
	}
	c.Run(25 * time.Second)
	return judgeSilence(c.Alerts, x.Name, deed)
}

// judgeSilence names what was told.
func judgeSilence(alerts []*detect.Alert, node string, deed time.Time) silenceResult {
	if len(alerts) == 0 {
		return silenceResult{verdict: verdictNothing, delay: 25, why: "nothing in 25 s"}
	}
	first := alerts[0]
	res := silenceResult{delay: first.At.Sub(deed).Seconds()}
	var lines []string
	for _, a := range alerts {
		lines = append(lines, string(a.Change)+" "+a.Line())
		if a.Change == detect.Start {
			res.alerts++
		}
	}
	res.why = strings.Join(lines, "; ")
	s, ok := first.Subject.(*site.Subject)
	switch {
	case !ok || first.Kind != site.CollectorDeaf && s.Node != node:
		res.verdict = verdictOther
	case res.alerts > 1:
		res.verdict = verdictSeveral
	case first.Kind == site.CollectorDeaf:
		res.verdict = "collector deaf"
	case first.Kind == site.NodeDown:
		res.verdict = "node down"
	case first.Kind == site.TelemetrySilent && s.Type == site.TypeWitness:
		res.verdict = "agent killed"
	case first.Kind == site.TelemetrySilent && first.Severity == detect.Critical:
		res.verdict = "agent blocked"
	default:
		res.verdict = verdictUndecided
	}
	return res
}
