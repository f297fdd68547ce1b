// Package agents is the registry of who speaks: agents, their sub-agents, data
// sources, interfaces and hosts; what was lost on the way, how much a sample
// stands for, and in which network an address is.
//
// A Registry belongs to one shard and one goroutine and takes no lock per
// datagram. What all registries have in common (numbers, admission, who claims
// which address, labels) is in Shared, which any goroutine may use. Time is
// an argument everywhere.
//
// # Identity
//
// An agent is an agent address; sub-agents are parts of it with sequences of
// their own. The source address of its datagrams separates only agents that
// claim the same address: those in networks where an address names nobody
// (127.0.0.0/8 and the like) from the start, others once two sources were heard
// side by side. The source port never matters.
//
// # Memory
//
// An agent takes about 1.2 KB; an interface with its data source, counters,
// flow samples, name and the copy for readers about 1.0 KB; with the default
// [Limits] that is at most 20 MB for agents and 1.1 GB for interfaces
// (TestRegistryMemoryIsBounded). A sender that interleaves sequences on purpose
// takes 0.4 KB more for each tracker and pool of a data source.
package agents
