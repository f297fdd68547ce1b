package flood

import (
	"weir/decoder"
	"weir/decoder/packet"
)

// Kind is what a packet counts as. The first ones, up to Kinds, are judged;
// the others tell what is usual around them.
type Kind uint8

// The kinds of packets.
const (
	SYN    Kind = iota // TCP SYN without ACK
	SYNACK             // TCP SYN and ACK: reflection, if nobody asked
	RST                // TCP RST
	Odd                // TCP flags that no stack sends: none, FIN without ACK, SYN with FIN or RST
	ACK                // TCP ACK and nothing else, no room for data
	UDP                // UDP and fragments: plain, amplified
	ICMP
	Kinds // how many are judged

	tcpIn  = Kinds     // other TCP to the victim: established connections
	tcpOut = Kinds + 1 // any TCP from the victim
	udpOut = Kinds + 2 // any UDP from the victim
	lanes  = Kinds + 3
)

// Class refines UDP.
type Class uint8

// The classes.
const (
	Plain         Class = iota
	Amplification       // from the source port of an amplifier
	Fragment
	classes
)

// Names of classes in alerts.
var kindNames = [Kinds]string{
	SYN: "syn_flood", SYNACK: "synack_reflection", RST: "rst_flood", Odd: "tcp_anomaly",
	ACK: "ack_flood", UDP: "udp_flood", ICMP: "icmp_flood",
}

// vectors are the UDP services known to answer with more than they were asked,
// by port: US-CERT alert TA14-017A and what was reported since.
var vectors = map[uint16]string{
	17: "qotd", 19: "chargen", 53: "dns", 69: "tftp", 111: "portmap", 123: "ntp", 137: "netbios",
	161: "snmp", 177: "xdmcp", 389: "cldap", 427: "slp", 500: "isakmp", 520: "rip", 623: "ipmi", 1434: "mssql",
	1604: "citrix", 1900: "ssdp", 3283: "ard", 3478: "stun", 3702: "ws_discovery", 5060: "sip", 5093: "sentinel",
	5351: "nat_pmp", 5353: "mdns", 5683: "coap", 6881: "bittorrent", 10001: "ubiquiti", 10074: "mitel", 11211: "memcached",
	20800: "call_of_duty", 27015: "steam", 32414: "plex", 37810: "dvr_dhcp", 47808: "bacnet",
}

// amplifier tells the ports of vectors without a search.
var amplifier = func() (set [65536 / 64]uint64) {
	for p := range vectors {
		set[p/64] |= 1 << (p % 64)
	}
	return set
}()

// Vector returns the name of the service at an amplifier's port, "" if it is none.
func Vector(port uint16) string { return vectors[port] }

func amplifies(port uint16) bool { return amplifier[port/64]&(1<<(port%64)) != 0 }

// Flags of TCP.
const (
	fin = 1
	syn = 2
	rst = 4
	psh = 8
	ack = 16
	urg = 32

	protoICMP   = 1
	protoTCP    = 6
	protoUDP    = 17
	protoICMPv6 = 58

	// bareV4 and bareV6 are the longest IP packets without room for data
	// beside a TCP header with timestamps and three selective
	// acknowledgements.
	bareV4 = 80
	bareV6 = 100
	// bareFrame leaves room for tags, labels and a tunnel.
	bareFrame = 256
)

// kindOf tells what a packet counts as; false if it is nothing that floods.
func kindOf(h *packet.Header, frame uint32) (Kind, Class, bool) {
	switch h.Key.Proto {
	case protoTCP:
		if h.Fragment {
			return UDP, Fragment, true
		}
		return tcpKind(h, frame), Plain, h.HasTCP || h.TCPFlags != 0
	case protoICMP, protoICMPv6:
		return ICMP, Plain, true
	case protoUDP:
		switch {
		case h.Fragment && h.FragOff > 0:
			return UDP, Fragment, true
		case h.Depth == packet.DepthTransport && amplifies(h.Key.SrcPort):
			return UDP, Amplification, true
		case h.Fragment:
			return UDP, Fragment, true
		}
		return UDP, Plain, true
	}
	return UDP, Fragment, h.Fragment
}

func tcpKind(h *packet.Header, frame uint32) Kind {
	f := h.TCPFlags & (fin | syn | rst | psh | ack | urg)
	switch {
	case f&(syn|fin) == syn|fin, f&(syn|rst) == syn|rst, f&(rst|ack) == 0 && f&syn == 0:
		return Odd
	case f&(syn|ack) == syn|ack:
		return SYNACK
	case f&syn != 0:
		return SYN
	case f&rst != 0:
		return RST
	case f == ack && h.IPLength > 0 && frame <= bareFrame && (h.IPLength <= bareV4 || h.Key.V6 && h.IPLength <= bareV6):
		return ACK
	}
	return tcpIn
}

// addressed reports whether the key has addresses: also that of a later
// fragment, which is no flow key.
func addressed(p *decoder.Packet) bool {
	h := &p.Header
	return h.HasKey || h.Fragment && h.FragOff > 0 && h.Depth >= packet.DepthNetwork
}
