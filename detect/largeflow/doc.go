// Package largeflow finds flows that carry more than a threshold.
//
// A Table, one per shard, sees every sample: a leaky bucket per flow and
// vantage point tells the few flows worth a closer look ("hot") from the many
// that are not. What hot flows carry leaves the shard as Records, sums per
// slot of 100 ms, for the one Tracker, which joins shards and vantage points
// and decides.
//
// Samples are a Poisson process whose rate is the flow's divided by frame
// length and sampling rate, so every estimate comes with the exact interval of
// a Poisson mean, on the effective number of samples where frames differ, and
// every decision asks how likely chance is. It takes minSamples within the
// longest window: a flow that gives fewer than 0.8 samples a second, because
// sampling is coarse for the threshold, is not found.
package largeflow
