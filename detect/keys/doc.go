// Package keys says which keys are counted: definitions made of the fields of a
// sampled packet, such as "dst,dst_port", each with its own heavy.Summary.
//
// # Vocabulary
//
//	src dst               addresses of the innermost packet
//	src/24 dst/24         IPv4 prefixes; an IPv6 packet has no such field
//	src/48 dst/48         IPv6 prefixes (longer than 32)
//	src/24/48 dst/24/48   the one or the other
//	inner_src inner_dst   src and dst of packets in a tunnel only
//	outer_src outer_dst   of the outermost packet of a tunnel, in the underlay
//	src_port dst_port     of TCP, UDP, UDP-Lite, DCCP and SCTP; beside proto of
//	                      all (0 where there are none, ICMP type·256+code in
//	                      dst_port)
//	proto                 of the innermost packet
//	tcp_flags             of TCP packets
//	dscp                  of the innermost packet
//	mac_src mac_dst       of the outermost Ethernet header
//	vlan                  of the outermost tag, or what the switch says
//	vni                   of the innermost tunnel, or what the switch says
//	domain                0 in the underlay, else the tenant's network
//	agent                 agent address
//	input output          ifIndex; agent is part of the key
//	instance              the virtual machine at whose port the packet was
//	                      sampled, by its UUID
//	src_as dst_as         of the gateway record; the router's own where it has none
//	next_hop              of the router record, else of the gateway's
//
// Prefixes may follow every address (outer_dst/24). Keys with an address of
// the innermost packet always have its domain: equal addresses of two tenants
// are two keys. The order in which fields are written does not matter.
//
// The instance is that of the port where the packet was sampled, as it entered
// by it or left by it, else that of the port at its other end: of a packet from
// one instance to another on the same node, sampled where it entered, the
// sender. Which ports are instances' is for Instances to say. Packets of no
// known instance have the empty instance, shown as "-", in what a Set counts;
// for a Reader they have no key, because an alert about all of them says nothing.
//
// A sample that lacks one of the fields is no key of that definition, and
// counted as Missing. A later fragment has addresses but no ports.
//
// # Values
//
// "bytes" (frame length × sampling rate) or "packets" (sampling rate), and
// with "distinct(src)" the number of distinct values of other fields, in
// packets unless bytes are named.
//
// # Memory
//
// One Summary per definition and shard: see Definition.Bytes.
package keys
