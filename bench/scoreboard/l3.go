package main

import (
	"math"
	"math/rand/v2"
	"time"

	"weir/bench/scoreboard/report"
)

// l3 is a TCP flow, whose sequence numbers in two samples give its rate.
func (r *run) l3() []*report.Table {
	const flush = 50 * time.Millisecond
	t := &report.Table{
		ID: "L3", Title: "weir, suspected: TCP flow, agents that flush every 50 ms, competitors of 1 %",
		Columns: []string{"share", "p50 / p90 / p99", "target p50, p99", "least by sequence numbers, p50 / p90 / p99", "named methods", "confirmed p50 / p90 / p99", "trials"},
	}
	for _, share := range shares {
		c := largeCell(share, 0.01)
		c.Flush, c.TCP, c.trials = flush, true, r.pick(20, 200)
		res := r.runCell(c)
		target := ""
		if share == 0.2 {
			target = "0.15, 0.45"
		}
		least := leastPair(c.PerSecond(share), c.PerSecond(1-share), share/0.1, flush.Seconds(), r.seed)
		t.Add(percent(share), report.Three(res.suspected), target, report.Three(least), list(res.names), report.Three(res.confirmed), len(res.suspected))
	}
	t.Note("small flows are TCP too; the generator's flows have steady rates and no retransmissions. A flow is confirmed by its samples, whatever its sequence numbers say: one of 10 %% is not on purpose. The targets of that stage are those of one link and no flush, L1: here %d links share the budget, and half of the flush comes on top", linksPerRun)
	t.Note("least: the first time at which any two samples that have left in two datagrams prove the threshold: the octets between them over the longest time in which they can have been taken, each since the datagram before its own. The same samples, the same flush, nothing asked beside; by simulation. Where it is above the target, no use of these two facts reaches that; weir asks further for 100 ms, so that a burst is no rate, and for a third sample where the acknowledgements do not bear the pair out")
	return []*report.Table{t}
}

// leastPair simulates when two samples of a flow first prove by their sequence
// numbers that it is above the threshold, of which its rate is a multiple: in s
// from the flow's start. It gives rate samples a second, and other what else
// its agent sends, a datagram every flush unless there is nothing.
func leastPair(rate, other, multiple, flush float64, seed uint64) []float64 {
	if multiple <= 1 {
		return nil // never
	}
	const trials, most = 4000, 60.0
	rng := rand.New(rand.NewPCG(seed, 33))
	delays := make([]float64, trials)
	for i := range delays {
		delays[i] = math.Inf(1)
		type sample struct{ at, after float64 } // when it was taken, and the datagram before left
		var left, waiting []sample
		last, leaves := -flush, flush*rng.Float64()
		for now := rng.ExpFloat64() / (rate + other); now < most && math.IsInf(delays[i], 1); leaves += flush {
			sent := false
			for ; now <= leaves; now += rng.ExpFloat64() / (rate + other) {
				if sent = true; rng.Float64() < rate/(rate+other) {
					waiting = append(waiting, sample{now, last})
				}
			}
			if !sent {
				continue
			}
			for _, b := range waiting {
				for _, a := range left {
					if multiple*(b.at-a.at) >= leaves-a.after {
						delays[i] = leaves
					}
				}
			}
			left, waiting, last = append(left, waiting...), waiting[:0], leaves
		}
	}
	return delays
}
