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
