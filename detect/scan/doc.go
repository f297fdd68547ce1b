// Package scan finds sources that try many targets: port scans (many ports of
// few hosts), host sweeps (many hosts, few ports) and spreaders (both).
//
// # What counts
//
// A probe is a TCP SYN, or flags that no stack sends, an ICMP echo request, or
// a small UDP packet. What the source does beside tells scanners from clients:
// who opens connections sends more packets of TCP in them than SYNs, and gets
// UDP and ICMP answered. RST does not count as such: a scanner's own stack
// refuses what it did not ask for.
//
// # When it is decided
//
// Sampling hides most targets, and what is left is no fraction of them: of a
// scan that tries each once, every sample shows another one. So the number of
// samples that show different targets is what is judged: MinTargets, 40 by
// default, within a minute. The estimate of all targets follows from how often
// the samples repeat one another (package distinct). A source with that many
// probes to one host at the rate of a flood is left to that detector.
//
// # Memory
//
// Fixed: a place of 0.5 KB per source and protocol. A flood with an invented
// source in every packet churns the places of sources seen once; one that was
// seen more often keeps its place.
package scan
