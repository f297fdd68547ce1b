package neighbour

import (
	"encoding/binary"
	"net/netip"

	"weir/decoder/sflow"
)

// arp is an ARP message for IPv4 over Ethernet.
type arp struct {
	request            bool
	senderMAC          sflow.MAC
	senderIP, targetIP netip.Addr
}

var be = binary.BigEndian

// parseARP reads an ARP frame; ok is false for anything else.
func parseARP(b []byte) (a arp, ok bool) {
	const head = 14
	if len(b) < head+28 || be.Uint16(b[12:]) != etherARP {
		return a, false
	}
	p := b[head : head+28]
	op := be.Uint16(p[6:])
	if be.Uint16(p) != 1 || be.Uint16(p[2:]) != etherIPv4 || p[4] != 6 || p[5] != 4 || op != 1 && op != 2 {
		return a, false
	}
	return arp{
		request: op == 1, senderMAC: sflow.MAC(p[8:14]),
		senderIP: netip.AddrFrom4([4]byte(p[14:18])), targetIP: netip.AddrFrom4([4]byte(p[24:28])),
	}, true
}

// Types of a DHCP message that a client sends.
const (
	dhcpDiscover = 1
	dhcpRequest  = 3
)

// parseDHCP reads a DHCP message of a client: its type and hardware address.
func parseDHCP(b []byte) (kind byte, client sflow.MAC, ok bool) {
	const (
		head      = 14
		bootpLen  = 236
		cookie    = 0x63825363
		typeOf    = 53
		pad, last = 0, 255
	)
	if len(b) < head+20 || be.Uint16(b[12:]) != etherIPv4 {
		return 0, client, false
	}
	at := head + int(b[head]&0xf)*4 + 8
	if len(b) < at+bootpLen+4 || at < head+28 {
		return 0, client, false
	}
	m := b[at:]
	if m[0] != 1 || m[1] != 1 || m[2] != 6 || be.Uint32(m[bootpLen:]) != cookie {
		return 0, client, false
	}
	client = sflow.MAC(m[28:34])
	for o := m[bootpLen+4:]; len(o) > 0 && o[0] != last; {
		if o[0] == pad {
			o = o[1:]
			continue
		}
		if len(o) < 2 || int(o[1]) > len(o)-2 {
			break
		}
		if o[0] == typeOf && o[1] == 1 {
			return o[2], client, true
		}
		o = o[2+int(o[1]):]
	}
	return 0, client, false
}

// Types of a DHCPv6 message that a client sends while it has no address.
const (
	dhcp6Solicit = 1
	dhcp6Request = 3
)

// head6 is the length of Ethernet and IPv6 headers.
const head6 = 14 + 40

// parseDHCPv6 reads a DHCPv6 message of a client that asks for an address: its
// type and hardware address.
func parseDHCPv6(b []byte) (client sflow.MAC, ok bool) {
	if len(b) < head6+8+4 || be.Uint16(b[12:]) != etherIPv6 || b[14+6] != protoUDP || be.Uint16(b[head6+2:]) != serverPort6 {
		return client, false
	}
	kind := b[head6+8]
	return sflow.MAC(b[6:12]), kind == dhcp6Solicit || kind == dhcp6Request
}

// parseClaim reads the question by which a host claims an IPv6 address before it
// uses it (RFC 4862, duplicate address detection). Addresses of the link alone are
// passed over: everybody has one.
func parseClaim(b []byte) (a netip.Addr, owner sflow.MAC, ok bool) {
	if len(b) < head6+24 || be.Uint16(b[12:]) != etherIPv6 || b[14+6] != protoICMPv6 || b[head6] != solicit {
		return a, owner, false
	}
	source, target := netip.AddrFrom16([16]byte(b[14+8:])), netip.AddrFrom16([16]byte(b[head6+8:]))
	if !source.IsUnspecified() || !target.IsGlobalUnicast() || target.Is4In6() {
		return a, owner, false
	}
	return target, sflow.MAC(b[6:12]), true
}
