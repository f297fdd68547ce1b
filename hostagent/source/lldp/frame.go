package lldp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"
)

// neighbour is what one frame says.
type neighbour struct {
	chassis, port, portDesc, system string
	ttl                             time.Duration // 0: it says goodbye
}

// Types of TLVs.
const (
	tlvEnd         = 0
	tlvChassis     = 1
	tlvPort        = 2
	tlvTTL         = 3
	tlvPortDesc    = 4
	tlvSystem      = 5
	etherType      = 0x88cc
	etherHeaderLen = 14
)

var (
	errNoLLDP = errors.New("no LLDP frame")
	errShort  = errors.New("LLDP frame is cut")
	errOrder  = errors.New("LLDP frame does not begin with chassis, port and TTL")
)

// parse reads an Ethernet frame.
func parse(b []byte) (n neighbour, err error) {
	be := binary.BigEndian
	if len(b) < etherHeaderLen || be.Uint16(b[12:]) != etherType {
		return n, errNoLLDP
	}
	b = b[etherHeaderLen:]
	for i := 0; ; i++ {
		if len(b) < 2 {
			if i > 3 {
				return n, nil // cut behind what is needed
			}
			return n, errShort
		}
		head := be.Uint16(b)
		kind, size := head>>9, int(head&0x1ff)
		if size > len(b)-2 {
			return n, errShort
		}
		v := b[2 : 2+size]
		b = b[2+size:]
		// The first three are mandatory, once each and in this order.
		if i < 3 && int(kind) != i+1 || i >= 3 && (kind >= tlvChassis && kind <= tlvTTL) {
			return n, errOrder
		}
		switch kind {
		case tlvEnd:
			return n, nil
		case tlvChassis:
			n.chassis = identifier(v, 4, 5)
		case tlvPort:
			n.port = identifier(v, 3, 4)
		case tlvTTL:
			if size < 2 {
				return n, errShort
			}
			n.ttl = time.Duration(be.Uint16(v)) * time.Second
		case tlvPortDesc:
			n.portDesc = printable(v)
		case tlvSystem:
			n.system = printable(v)
		}
	}
}

// identifier returns the text of a chassis or port ID, whose subtypes for MAC and
// network addresses differ.
func identifier(v []byte, mac, network byte) string {
	if len(v) < 2 {
		return ""
	}
	kind, v := v[0], v[1:]
	switch {
	case kind == mac && len(v) == 6:
		return net.HardwareAddr(v).String()
	case kind == network && len(v) == 5 && v[0] == 1:
		return netip.AddrFrom4([4]byte(v[1:])).String()
	case kind == network && len(v) == 17 && v[0] == 2:
		return netip.AddrFrom16([16]byte(v[1:])).String()
	}
	return printable(v)
}

// printable returns v as text, with anything in it that is none as a question
// mark.
func printable(v []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '?'
		}
		return r
	}, strings.TrimRight(string(v), "\x00 "))
}
