package packet

import (
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
)

// The packets of the tests are put together from these parts, by hand and
// without the code under test.

// hx reads hexadecimal digits with spaces between them.
func hx(s ...string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "\n", "", "\t", "").Replace(strings.Join(s, "")))
	if err != nil {
		panic(err)
	}
	return b
}

// cat joins parts.
func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

const (
	macA = "02 00 00 00 00 0a"
	macB = "02 00 00 00 00 0b"
	macC = "02 00 00 00 00 0c"
	macD = "02 00 00 00 00 0d"
)

// eth is an Ethernet header from macA to macB.
func eth(etherType string) []byte { return hx(macB, macA, etherType) }

// eth2 is an Ethernet header from macC to macD, for inner frames.
func eth2(etherType string) []byte { return hx(macD, macC, etherType) }

// ip4 puts 10.0.0.1 > 10.0.0.2 before the payload: TOS 0x10, id 0x1234, TTL 64.
func ip4(proto byte, payload []byte) []byte { return ip4n(proto, 10, 0, payload) }

// ip4n is like ip4 in network net (net.0.0.1 > net.0.0.2) with the fragment word frag.
func ip4n(proto byte, net byte, frag uint16, payload []byte) []byte {
	b := hx("45 10 0000 1234 0000 40 00 0000  00 00 00 01  00 00 00 02")
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	binary.BigEndian.PutUint16(b[6:], frag)
	b[9], b[12], b[16] = proto, net, net
	return append(b, payload...)
}

// ip6 puts 2001:db8::1 > 2001:db8::2 before the payload: class 0x20, hop limit 63.
func ip6(next byte, payload []byte) []byte {
	b := hx("62 0 00000 0000 00 3f",
		"20010db8 00000000 00000000 00000001",
		"20010db8 00000000 00000000 00000002")
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6] = next
	return append(b, payload...)
}

// tcp is 1000 > 80 SYN|ACK, seq 1, ack 2, window 3.
func tcp(payload ...byte) []byte {
	return append(hx("03e8 0050 00000001 00000002 50 12 0003 0000 0000"), payload...)
}

// udp is src > dst.
func udp(src, dst uint16, payload []byte) []byte {
	b := make([]byte, 8, 8+len(payload))
	binary.BigEndian.PutUint16(b, src)
	binary.BigEndian.PutUint16(b[2:], dst)
	binary.BigEndian.PutUint16(b[4:], uint16(8+len(payload)))
	return append(b, payload...)
}

// pay is a payload of n bytes that looks like nothing.
func pay(n int) []byte { return slices.Repeat([]byte{0x5a}, n) }
