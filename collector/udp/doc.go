// Package udp receives sFlow datagrams from the network on Linux (4.12 or
// newer), and sends them again from a file.
//
// A [Group] has one [Receiver] per shard, meant for one goroutine each. A
// receiver owns one socket per listen address, all bound with SO_REUSEPORT; a
// classic BPF program chooses the shard by sFlow agent address and IP source
// address, so that everything one agent sends meets the same shard whatever
// its source port is.
//
// Memory is fixed when the group is opened: 64 buffers of 64 KiB per receiver
// (4 MiB, of which only the pages that datagrams reach become resident), and
// in the kernel at most twice [Group.Granted] octets per socket.
package udp
