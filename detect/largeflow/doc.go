// Package largeflow finds flows that carry more than a threshold, as soon as
// the samples allow, at a stated number of false alarms.
//
// Samples of a flow are a Poisson process: its rate over frame length and
// sampling rate. A Table, one per shard, sees every sample, and for every flow
// at every vantage point runs a bank of four Poisson CUSUMs: log likelihood
// ratios of 1, 2, 5 and 10 times the threshold against the background, the
// largest share that flows below the threshold were seen to have on that link
// (link.go), or this flow itself. A member that reaches its limit makes the
// flow suspected. The limits follow from the budget of false alarms by the
// exact average run length (arl.go). Flows whose statistic is far up leave the
// shard as Records, sums per slot of 100 ms, for the one Tracker, which adds
// the evidence of all vantage points (fuse.go).
//
// A suspected flow is confirmed when a lower bound of its rate that holds at
// all times at once reaches the threshold (confirm.go).
//
// Whoever stops when an estimate is high has an estimate that is too high: the
// first of both stages is therefore taken from the law of the time at which
// the rule stops (stopping.go). Later ones are of a window of fixed length,
// with the exact (Garwood) interval, made narrower where a large part of the
// pool is sampled (window.Thinned). TCP sequence numbers are used where they
// are sharper (sequence.go).
package largeflow
