// Package packet reads a packet header that was cut anywhere into a flow key
// and the facts around it, without allocating and without copying.
//
// Bounds: at most four tunnels inside each other are looked into. Tags, labels
// and extension headers may be as many as the bytes hold; each consumes bytes,
// so that the cost is a few nanoseconds per byte whatever the content.
//
// Lengths: what lies behind the length that an 802.3, PPPoE or IP header names
// is padding and not read. A length of 0 in an IP header is one that the sender
// left to segmentation offload, and bounds nothing.
//
// Not looked into: ERSPAN (a mirrored frame is a copy, and its flow is counted
// where it passes), PPTP, encrypted payloads, and the packet that an ICMP error
// quotes.
package packet

import "net/netip"

// Protocol is sFlow's header_protocol.
type Protocol uint32

// Values of Protocol that are decoded.
const (
	ProtocolEthernet Protocol = 1  // ETHERNET-ISO88023
	ProtocolIPv4     Protocol = 11 // starts at the IPv4 header
	ProtocolIPv6     Protocol = 12 // starts at the IPv6 header
)

// Depth says how far into a header the bytes reached.
type Depth uint8

// The depths, in order.
const (
	DepthNone      Depth = iota // nothing readable
	DepthLink                   // MAC addresses and EtherType
	DepthNetwork                // addresses and protocol: no ports (other protocol, fragment, or cut)
	DepthTransport              // addresses, protocol and, where the protocol has them, ports
)

// Key identifies a flow. It is comparable, has no pointers, and holds IPv4
// addresses in their IPv4-mapped form. ICMP has type and code in DstPort
// (type<<8 | code) and 0 in SrcPort.
type Key struct {
	Src, Dst         [16]byte
	Domain           uint32 // 0 underlay, else a tenant network; set by the registry
	SrcPort, DstPort uint16
	Proto            uint8
	V6               bool
}

// SrcAddr returns the source address.
func (k *Key) SrcAddr() netip.Addr { return addr(k.Src, k.V6) }

// DstAddr returns the destination address.
func (k *Key) DstAddr() netip.Addr { return addr(k.Dst, k.V6) }

func addr(a [16]byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[12:16]))
}

// Tunnel is how the innermost packet was carried.
type Tunnel uint8

// The tunnels looked into.
const (
	TunnelNone Tunnel = iota
	TunnelVXLAN
	TunnelGeneve
	TunnelGRE   // key in VNI when HasVNI
	TunnelNVGRE // GRE as in RFC 7637: VSID in VNI
	TunnelIPIP  // IPv4 or IPv6 in IPv4 or IPv6
)

// Header is what a cut header tells. Where a packet is carried in a tunnel the
// facts are those of the innermost packet unless they say otherwise.
//
// The key follows the innermost packet whose addresses could be read. Where a
// tunnel's inner packet is IP but cut before (or unreadable at) its addresses,
// the packet that carries it stays the key and that tunnel is not reported:
// Key in the domain of VNI is therefore never an outer address. Where the
// inner packet is known not to be IP (ARP), the tunnel is reported, HasKey is
// false, and the carrying packet is in Outer.
//
// A non-first fragment has its addresses and protocol in Key, but HasKey is
// false: without ports it cannot be told which flow it belongs to.
//
// The order of the fields serves the fast path: what every packet has comes
// first and fills two cache lines, and neighbours are written together.
type Header struct {
	Key Key // of the innermost packet; valid when HasKey

	DstMAC, SrcMAC [6]byte // outermost Ethernet; zero without

	EtherType uint16 // of the innermost packet, the last one readable after tags and labels; 0 for LLC
	FragOff   uint16 // octets; 0 in the first fragment
	HasKey    bool   // Key holds addresses, and it is no non-first fragment
	Depth     Depth  // how far the innermost packet was read
	Fragment  bool   // a fragment, first or later
	HasTCP    bool   // the whole TCP header was read; false after SetIPv4 and SetIPv6, which set TCPFlags alone

	VLAN       uint16 // outermost VLAN id; valid when VLANTags > 0
	InnerVLAN  uint16 // innermost VLAN id of the outer frame; valid when VLANTags > 1
	VLANTags   uint8  // 802.1Q and 802.1ad tags of the outer frame, 255 for more
	MoreFrags  bool
	MPLSLabels uint8 // labels passed, 255 for more
	Tunnel     Tunnel

	MPLSLabel uint32 // outermost label; valid when MPLSLabels > 0
	ICMPType  uint8  // of ICMP and ICMPv6, when DepthTransport
	ICMPCode  uint8
	DHCP      DHCP // direction of a DHCP or DHCPv6 message
	HasVNI    bool
	VNI       uint32 // VXLAN, Geneve VNI; NVGRE VSID; GRE key: of the innermost tunnel that has one

	TCPFlags uint8 // FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128; 0 where the TCP header was cut
	TOS      uint8 // type of service, traffic class
	TTL      uint8
	PCP      uint8 // priority of the outermost tag

	IPLength  uint16 // total length (IPv4) or payload length + 40 (IPv6, at most 65535) of the innermost packet; 0 where the sender left it open
	IPID      uint16 // IPv4 identification; low 16 bits of the IPv6 fragment identification
	TCPWindow uint16
	UDPLength uint16
	TCPSeq    uint32
	TCPAck    uint32

	PayloadOffset int // of what follows the innermost header read, from the start of the header bytes; never beyond their end

	Outer                    Key     // of the outermost packet; valid when Tunnel != TunnelNone
	InnerDstMAC, InnerSrcMAC [6]byte // Ethernet inside a tunnel or an MPLS pseudowire; zero without
	ARP                      ARP     // valid when ARP.Op != 0
	ND                       ND      // valid when ND.Type != 0
}

// DHCP is the direction of a DHCP message, by its ports.
type DHCP uint8

// Directions of DHCP.
const (
	DHCPNone     DHCP = iota
	DHCPRequest       // client to server
	DHCPResponse      // server to client
)

// ARP is an ARP or RARP message (RFC 826, 903) for IPv4 over Ethernet.
type ARP struct {
	Op                   uint16 // 1 request, 2 reply, 3 RARP request, 4 RARP reply; 0 none
	SenderMAC, TargetMAC [6]byte
	SenderIP, TargetIP   [4]byte
}

// ND is a neighbour solicitation (135) or advertisement (136), RFC 4861.
type ND struct {
	Type   uint8 // ICMPv6 type; 0 none
	Target [16]byte
}
