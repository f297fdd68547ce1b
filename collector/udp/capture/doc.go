// Package capture reads the UDP datagrams of a capture file: the other intake
// beside the network.
//
// It reads pcap and pcapng of Ethernet, Linux cooked v1 and v2, raw IP and
// loopback, with IPv4 and IPv6 and their fragments put together. Memory is
// bounded whatever the file says: one packet of at most [MaxPacket] octets, and
// at most 8 MiB of fragments that wait for the rest of their datagram.
//
// Classic files are read by gopacket's pcapgo. Its pcapng reader is not used:
// it keeps 8 of the 16 bits of a link type (cooked v2 is 276), takes a file cut
// in a packet for one that ends there, reserves as much memory as a packet
// claims to be long, and divides by zero at some time stamp resolutions.
package capture
