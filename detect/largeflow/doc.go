// Package largeflow finds flows that carry more than a threshold.
//
// A Table, one per shard, sees every sample: a leaky bucket per flow and
// vantage point tells the few flows worth a closer look ("hot") from the many
// that are not. What hot flows carry leaves the shard as Records, sums per
// slot of 100 ms, for the one Tracker, which joins shards and vantage points
// and decides.
package largeflow
