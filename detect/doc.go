// Package detect finds anomalies in the events of the decoder. It never reads
// a clock: time is an argument, so that a replay gives the same alerts.
//
// A Shard sees every sample of one core; the one Engine joins what the shards
// hand over at their ticks, or sooner when something is far up, and returns
// changes of alerts. What they run stands below: largeflow, flood, scan, rules
// and the heaviest keys. Faults of nodes and links are found apart, by package
// site, whose alerts are of the same type.
package detect
