// Package series holds the aggregates that leave the collector as time series:
// what each is called, its tags, its fields and their units, and the points
// themselves. A shard gathers points of counter samples and of what its packet
// samples add up to; at the tick they are handed over under a lock. Whoever
// writes them, a sink or the history, finds the names in the classes.
package series
