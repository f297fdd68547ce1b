// Package traffic invents the sFlow of a network: links, hosts, flows, and the
// agents on their way, each sampling one packet in N at random and reporting
// its counters. The same Config gives the same datagrams, byte for byte.
//
// Time is simulated in short ticks. In each, every active flow sends the whole
// packets that its rate has earned; at every agent on its path they enter the
// pool of a data source, the counters of two ports, and, by a geometric skip,
// now and then a flow sample. So sample_pool, interface counters and the true
// octets of a flow are exact and agree; only the choice of samples is random.
//
// Nothing saturates: a link carries whatever its flows send.
package traffic
