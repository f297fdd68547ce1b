// Package flood finds floods: traffic to a host, or to the hosts of a prefix,
// that serves nobody and is too much.
//
// # What counts
//
// Every packet counts as one Kind, for the host and for the /24 or /48 it goes
// to. What has an honest use is weighed against what goes with it:
//
//   - SYN, SYN-ACK and RST: a connection has at least two other packets for
//     each, so half of the other TCP packets to the victim are taken off. A
//     flash crowd completes its handshakes and is no SYN flood.
//   - UDP, and bare ACKs: what is answered is no flood, up to five packets for
//     one of the victim's. Nor is what a few flows carry in large frames: that
//     is a transfer, and the business of large flows.
//   - ICMP, fragments, and TCP flags that no stack sends have no excuse.
//
// So a flood of requests that the victim answers (of DNS queries, say) is not
// found. Thresholds are rates in packets or bits, whichever is reached first,
// or three times what is usual for that host (the 95th percentile of its last
// hours) where that is more.
//
// # When it is decided
//
// A Table, one per shard, sees every sample: a leaky bucket per host and
// prefix tells the few that may be flooded ("hot") from the many that are not.
// What hot ones get leaves the shard as Records for the one Tracker. It adds
// them up from the onset, the last time that the level was zero: this is a
// Poisson CUSUM whose second hypothesis is the rate observed. A flood is
// suspected when the log-likelihood ratio against a quarter of the threshold,
// and what is excused, reaches 10; that takes 8 to 14 samples. It is confirmed
// when a rate at the threshold would show as much with probability 1e-4.
// Samples that arrived together with the first say nothing of time, and at
// least 50 ms and what the threshold gives in 100 ms must have passed: less is
// a burst.
//
// # The cut
//
// One flow is seen best where most of it is seen. A host's traffic is many
// flows, on many ways: by four border routers, or by 16 spines. The sum over
// all agents counts what passes three of them three times; the most that one
// agent has may be a part. So every packet is counted where it enters what the
// agents watch: at the ports where hosts and outside peers attach. Which those
// are is learned from flows that are sampled again and again (see cut): a port
// is inside if they were sampled elsewhere before. Until ports have been
// learned the agent that sees most counts, which is right wherever one switch
// leads to the victim; and it never counts twice, because a packet enters an
// agent once. Samples taken where a packet leaves an agent count only where
// nothing is sampled where it enters.
//
// # One alert
//
// An attack is one alert: a host's includes all its ports, and the kind that
// is most of it gives the class. A prefix is under attack when no host gets
// half of it (carpet bombing); its alert ends those of its hosts. Pulses
// shorter apart than Hold are one alert that counts them.
//
// # Intervals
//
// The first report carries the exact (Garwood) interval of a Poisson rate: it
// tells how likely a flood is, and the packets of one come as they like. Updates
// tell how many packets there were in the window. Of these each is drawn with
// the chance that the pool is known for, so that the interval is narrower where
// much is sampled: by 0.5 % at 1:100, and to nothing where all is. The victim's
// packets are no known part of the pool before they are counted, which is why
// the pool's size itself makes nothing narrower.
//
// # What a sample touches
//
// Cache lines of memory that grows with what is seen, per sample, beside some 6
// KB of filters that stay near the core:
//
//	                                      nothing hot   its keys hot
//	flows seen again (cut), where it enters    1              1
//	tags and levels of host and prefix         4              4
//	entries of host and prefix                 0              4
//	the records they join                      0              4
//
// An established TCP connection's packets are counted only to, and from, what
// is hot: who is not is known by a filter, and 1 line is touched. What is
// looked at from the other end, as an answer, is asked of the filter alone
// likewise. Tags and levels of a bucket are neighbours in one page.
//
// # Memory
//
// Fixed: per shard 1.5 × Hosts places of 96 octets, 1.5 MB of hand-over, and
// 0.4 MB; in the tracker up to Victims keys of some 5 KB (more while their
// spread is followed) and 4 × Victims tracks of 3.3 KB. Sources that are
// invented per packet take no place: only destinations have one.
package flood
