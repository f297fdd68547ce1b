package main

import (
	"math"
	"math/rand/v2"

	"weir/bench/scoreboard/cloud"
	"weir/bench/scoreboard/report"
	"weir/detect/site/silence"
)

// What the best observer of an instance's samples must be sure of: that it is not
// well, of which he may be wrong once in a year of one instance, and that it is not a
// tenth as busy as before, against which he asks for as many nats as the model of the
// site does where traffic has stopped.
const (
	idealBusy = 0.1
	idealNats = 4.6
	idealRuns = 4000
)

// ideal returns after how many seconds an observer tells that all that an instance
// sends is dropped, who knows its rates, its fate, and what its clients will do, and
// sees only samples, which Open vSwitch sends once a second.
func ideal(cfg cloud.Config, seed uint64) (delays []float64) {
	const step = 0.01
	sent, asked := cfg.Rate*cloud.ShareSent, cfg.Rate*(1-cloud.ShareSent)
	push, syn := asked*cloud.SharePush, asked*cloud.ShareSYN
	lives := sent + asked - push - syn // what it sends, and what acknowledges that
	sure := math.Log(lives * silence.SecondsOfYear)
	rng := rand.New(rand.NewPCG(seed, 2))
	for range idealRuns {
		last := rng.ExpFloat64() / lives // of its life before, so long ago
		nats, next := 0.0, rng.Float64()
		for t := 0.0; ; t += step {
			rate := push/(1+t) + syn*(1+0.7*min(t, 3))
			nats += (idealBusy*(lives+push+syn) - rate) * step
			if rng.Float64() < rate*step {
				nats += math.Log(rate / (idealBusy * (push + syn)))
			}
			if t < next {
				continue
			}
			if next++; lives*(t+last) >= sure && nats >= idealNats || t > 300 {
				delays = append(delays, t)
				break
			}
		}
	}
	return delays
}

// idealRow adds what the best observer makes of a vantage without a host agent.
func idealRow(t *report.Table, v *vantage, seed uint64) {
	if !v.cfg.Agent {
		t.Add(v.name, "tx dropped, the best possible observer of the same samples", idealRuns, "", "", "", "", report.Three(ideal(v.cfg, seed)))
	}
}
