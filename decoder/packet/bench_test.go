package packet

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func BenchmarkDecode(b *testing.B) {
	cases := []struct {
		name string
		b    []byte
	}{
		{"IPv4TCP", cat(eth("0800"), ip4(6, tcp(pay(74)...)))},
		{"IPv4TCP54", cat(eth("0800"), ip4(6, tcp()))},
		{"IPv4UDP", cat(eth("0800"), ip4(17, udp(5000, 53, pay(86))))},
		{"VLANIPv4TCP", cat(eth("8100 0064 0800"), ip4(6, tcp(pay(70)...)))},
		{"QinQIPv4TCP", cat(eth("88a8 0064 8100 0065 0800"), ip4(6, tcp(pay(70)...)))},
		{"IPv6TCP", cat(eth("86dd"), ip6(6, tcp(pay(54)...)))},
		{"IPv6UDP", cat(eth("86dd"), ip6(17, udp(5000, 53, pay(66))))},
		{"VXLAN", cat(eth("0800"), ip4(17, udp(5000, 4789, cat(hx("08000000 00002a00"), eth2("0800"), ip4n(6, 172, 0, tcp(pay(24)...))))))},
		{"GRE", cat(eth("0800"), ip4(47, cat(hx("2000 0800 0000002a"), ip4n(6, 172, 0, tcp(pay(46)...)))))},
		{"ARP", cat(eth("0806"), hx("0001 0800 06 04 0001", macA, "0a000001", "000000000000", "0a000002"), pay(18))},
		{"ICMP", cat(eth("0800"), ip4(1, cat(hx("0800 0000 0001 0001"), pay(56))))},
	}
	for _, c := range cases {
		b.Run(c.name, func(b *testing.B) {
			var h Header
			b.ReportAllocs()
			for b.Loop() {
				h.Decode(ProtocolEthernet, c.b)
			}
		})
	}
}

// BenchmarkDecodeStream reads headers that are not in the cache, in order and
// of kinds that no branch predictor can learn.
func BenchmarkDecodeStream(b *testing.B) {
	const slot = 128
	kinds := [][]byte{
		cat(eth("0800"), ip4(6, tcp(pay(74)...))),
		cat(eth("0800"), ip4(17, udp(5000, 53, pay(86)))),
		cat(eth("8100 0064 0800"), ip4(6, tcp(pay(70)...))),
		cat(eth("86dd"), ip6(6, tcp(pay(54)...))),
	}
	for _, c := range []struct {
		name  string
		kinds int
	}{{"IPv4TCP", 1}, {"Mixed", len(kinds)}} {
		b.Run(c.name, func(b *testing.B) {
			buf := make([]byte, 64<<20)
			r := rand.New(rand.NewPCG(1, 2))
			for at := 0; at < len(buf); at += slot {
				copy(buf[at:], kinds[r.IntN(c.kinds)])
			}
			var h Header
			at := 0
			b.ReportAllocs()
			for b.Loop() {
				h.Decode(ProtocolEthernet, buf[at:at+slot])
				at = (at + slot) & (len(buf) - 1)
			}
		})
	}
}

// BenchmarkDecodeWorst is the content that makes the parser work most per
// byte; MB/s must stay above 100, which is 10 ns per byte.
func BenchmarkDecodeWorst(b *testing.B) {
	for _, c := range worstCases(8192) {
		b.Run(c.name, func(b *testing.B) {
			var h Header
			b.ReportAllocs()
			b.SetBytes(int64(len(c.b)))
			for b.Loop() {
				h.Decode(ProtocolEthernet, c.b)
			}
		})
	}
}

type namedBytes struct {
	name string
	b    []byte
}

// worstCases are headers of about n bytes that are all structure.
func worstCases(n int) []namedBytes {
	var ipip []byte
	for len(ipip) < min(n, 60000) {
		ipip = ip4(4, ipip)
	}
	vx := ip4(6, tcp())
	for len(vx) < min(n, 60000) {
		vx = ip4(17, udp(1, 4789, cat(hx("08000000 00002a00"), eth2("0800"), vx)))
	}
	pw := []byte{}
	for range n / 22 {
		pw = append(pw, hx("00001 1 40", "00000000", macD, macC, "8847")...)
	}
	return []namedBytes{
		{"VLAN", cat(eth("8100"), slices.Repeat(hx("0001 8100"), n/4))},
		{"MPLS", cat(eth("8847"), slices.Repeat(hx("00010 0 40"), n/4))},
		{"Pseudowires", cat(eth("8847"), pw)},
		{"PPPoE", cat(eth("8864"), slices.Repeat(hx("11 00 0001 ffff 0281 00001 1 40", "00000000", macD, macC, "8864"), n/30))},
		{"LLC", cat(eth("05dc"), slices.Repeat(hx("aaaa03 000000 8100 0001 05dc"), min(n, 1500)/12))},
		{"Extensions", cat(eth("86dd"), ip6(0, slices.Repeat(hx("00 00 0000 00000000"), n/8)))},
		{"Fragments", cat(eth("86dd"), ip6(44, slices.Repeat(hx("2c 00 0001 00000000"), n/8)))},
		{"IPIP", cat(eth("0800"), ipip)},
		{"VXLAN", cat(eth("0800"), vx)},
		{"ShortVLAN", cat(eth("8100"), hx("0001 0800"), pay(2))},
		{"Short", pay(20)},
	}
}
