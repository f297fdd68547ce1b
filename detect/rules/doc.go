// Package rules is what operators ask for beside the built-in detectors: how
// much of some traffic, by some key, is too much; and which counter, host
// metric or rtmetric may not rise, pass a level or fall silent.
//
// A Set is compiled once from the configuration and never changes; shards take
// a new one at their tick. A Table counts in a shard, a Tracker joins what the
// tables hand over and decides.
//
// # Counting
//
// A flow rule counts in windowed summaries of fixed size (package heavy), so
// that its lower and upper bound hold whatever arrives. It counts each agent
// and direction apart: a packet is sampled where it enters one switch and again
// at the next, and is one packet. The estimate is that of the vantage that says
// most; with at: sum it is the sum of all, which is right for a filter that
// lets every packet pass once. A key that gathers many flows on many ways (a
// host, a prefix, a port) is not seen whole by any vantage: with at: cut it is
// the sum without what was sampled behind the cut (package flood), where each
// packet counts once. Until ports have been learned that is a plain sum.
//
// # Deciding
//
// An alert is suspected once the estimate over the window reaches the threshold
// with at least twelve effective samples, and confirmed once the lower end of
// the 95 % interval does. It ends after the estimate was below 80 % of the
// threshold for as long as the window is, three seconds at least. Twelve
// samples are 12·N/pps seconds of waiting at a sampling rate of 1:N.
package rules
