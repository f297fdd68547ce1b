package packet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderDecode(t *testing.T) {
	for _, c := range headerCases() {
		t.Run(c.name, func(t *testing.T) {
			var got Header
			if d := got.Decode(c.proto, c.b); d != c.want.Depth {
				t.Errorf("depth %d, want %d", d, c.want.Depth)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("header (-want +got)\n%s", diff)
			}
		})
	}
}

// TestHeaderInventsNothing cuts every case at every byte. What a cut header
// tells is what the whole one tells of the same packet, or nothing.
func TestHeaderInventsNothing(t *testing.T) {
	for _, c := range headerCases() {
		t.Run(c.name, func(t *testing.T) {
			longer := c.want
			for n := len(c.b) - 1; n >= 0; n-- {
				var h Header
				h.Decode(c.proto, slices.Clip(c.b[:n]))
				if err := checkHeader(&h, n); err != nil {
					t.Fatalf("cut to %d: %v", n, err)
				}
				if err := subset(&h, &longer); err != nil {
					t.Fatalf("cut to %d: %v", n, err)
				}
				longer = h
			}
			if longer != (Header{}) {
				t.Errorf("no bytes give %+v", longer)
			}
		})
	}
}

// checkHeader is what holds for every header.
func checkHeader(h *Header, n int) error {
	switch {
	case h.PayloadOffset < 0 || h.PayloadOffset > n:
		return fmt.Errorf("payload offset %d in %d bytes", h.PayloadOffset, n)
	case h.HasKey && h.Depth < DepthNetwork:
		return fmt.Errorf("a key at depth %d", h.Depth)
	case h.HasKey && h.FragOff != 0:
		return fmt.Errorf("a key of a fragment at %d", h.FragOff)
	case !h.HasKey && h.Depth == DepthTransport:
		return fmt.Errorf("no key at depth %d", h.Depth)
	case h.Depth < DepthNetwork && h.Key != Key{}:
		return fmt.Errorf("key %v at depth %d", h.Key, h.Depth)
	case h.Depth < DepthTransport && (h.HasTCP || h.Key.SrcPort|h.Key.DstPort|h.UDPLength != 0 || h.ICMPType|h.ICMPCode != 0):
		return fmt.Errorf("transport facts at depth %d", h.Depth)
	case !h.HasTCP && (h.TCPFlags != 0 || h.TCPSeq|h.TCPAck != 0 || h.TCPWindow != 0):
		return fmt.Errorf("TCP facts without TCP")
	case h.Tunnel == TunnelNone && (h.HasVNI || h.Outer != Key{}):
		return fmt.Errorf("tunnel facts without tunnel")
	case h.Tunnel == TunnelNone && h.MPLSLabels == 0 && (h.InnerDstMAC != [6]byte{} || h.InnerSrcMAC != [6]byte{}):
		return fmt.Errorf("inner MACs without tunnel")
	case !h.HasVNI && h.VNI != 0, h.MPLSLabels == 0 && h.MPLSLabel != 0, h.VLANTags == 0 && h.VLAN|h.InnerVLAN != 0:
		return fmt.Errorf("a value whose validity is not set")
	case h.ARP.Op == 0 && h.ARP != ARP{}, h.ND.Type == 0 && h.ND != ND{}:
		return fmt.Errorf("half an ARP or ND")
	case h.Key.Domain != 0 || h.Outer.Domain != 0:
		return fmt.Errorf("a domain")
	}
	return nil
}

// subset compares h with what one more byte gave.
func subset(h, longer *Header) error {
	if h.Tunnel != longer.Tunnel || h.Outer != longer.Outer || h.HasVNI != longer.HasVNI || h.VNI != longer.VNI {
		// The byte held the end of an inner address (or said that the inner
		// packet is no IP): the key falls back to the packet outside.
		if h.Tunnel == TunnelNone && h.Key != longer.Outer {
			return fmt.Errorf("falls back to key %v, not to the outer %v", h.Key, longer.Outer)
		}
		if h.Depth < DepthNetwork || !h.HasKey {
			return fmt.Errorf("falls back to depth %d", h.Depth)
		}
		return nil
	}
	if h.Tunnel == TunnelIPIP && h.Key != longer.Key && h.Key.Proto == 4 && h.HasKey {
		return nil // the same, from a tunnel of the same kind inside another
	}
	for _, f := range []struct {
		name       string
		has, whole any
		none       any
	}{
		{"SrcMAC", h.SrcMAC, longer.SrcMAC, [6]byte{}},
		{"DstMAC", h.DstMAC, longer.DstMAC, [6]byte{}},
		{"InnerSrcMAC", h.InnerSrcMAC, longer.InnerSrcMAC, [6]byte{}},
		{"InnerDstMAC", h.InnerDstMAC, longer.InnerDstMAC, [6]byte{}},
		{"VLAN", h.VLAN, longer.VLAN, uint16(0)},
		{"PCP", h.PCP, longer.PCP, uint8(0)},
		{"MPLSLabel", h.MPLSLabel, longer.MPLSLabel, uint32(0)},
		{"Src", h.Key.Src, longer.Key.Src, [16]byte{}},
		{"Dst", h.Key.Dst, longer.Key.Dst, [16]byte{}},
		{"SrcPort", h.Key.SrcPort, longer.Key.SrcPort, uint16(0)},
		{"DstPort", h.Key.DstPort, longer.Key.DstPort, uint16(0)},
		{"V6", h.Key.V6, longer.Key.V6, false},
		{"IPLength", h.IPLength, longer.IPLength, uint16(0)},
		{"TOS", h.TOS, longer.TOS, uint8(0)},
		{"TTL", h.TTL, longer.TTL, uint8(0)},
		{"IPID", h.IPID, longer.IPID, uint16(0)},
		{"FragOff", h.FragOff, longer.FragOff, uint16(0)},
		{"Fragment", h.Fragment, longer.Fragment, false},
		{"MoreFrags", h.MoreFrags, longer.MoreFrags, false},
		{"TCPFlags", h.TCPFlags, longer.TCPFlags, uint8(0)},
		{"TCPSeq", h.TCPSeq, longer.TCPSeq, uint32(0)},
		{"TCPAck", h.TCPAck, longer.TCPAck, uint32(0)},
		{"TCPWindow", h.TCPWindow, longer.TCPWindow, uint16(0)},
		{"UDPLength", h.UDPLength, longer.UDPLength, uint16(0)},
		{"ICMPType", h.ICMPType, longer.ICMPType, uint8(0)},
		{"ICMPCode", h.ICMPCode, longer.ICMPCode, uint8(0)},
		{"DHCP", h.DHCP, longer.DHCP, DHCPNone},
		{"ARP", h.ARP, longer.ARP, ARP{}},
		{"ND", h.ND, longer.ND, ND{}},
	} {
		if f.has != f.none && f.has != f.whole {
			return fmt.Errorf("%s is %v, with one byte more %v", f.name, f.has, f.whole)
		}
	}
	// These are "the last one that could be read" and change along a chain.
	if h.EtherType != longer.EtherType && h.EtherType != 0 && !passed(h.EtherType) {
		return fmt.Errorf("EtherType %#x, with one byte more %#x", h.EtherType, longer.EtherType)
	}
	if p := h.Key.Proto; p != longer.Key.Proto && !extension(p) {
		return fmt.Errorf("protocol %d, with one byte more %d", p, longer.Key.Proto)
	}
	if h.Depth > longer.Depth || h.VLANTags > longer.VLANTags || h.MPLSLabels > longer.MPLSLabels ||
		h.HasTCP && !longer.HasTCP || h.PayloadOffset > longer.PayloadOffset {
		return fmt.Errorf("more is known than with one byte more")
	}
	if h.HasKey && !longer.HasKey && !longer.Fragment {
		return fmt.Errorf("a key, with one byte more none")
	}
	return nil
}

func passed(etherType uint16) bool {
	switch etherType {
	case 0x8100, 0x88a8, 0x9100, 0x8847, 0x8848, 0x8864:
		return true
	}
	return false
}

func extension(proto uint8) bool {
	switch proto {
	case 0, 43, 44, 51, 60:
		return true
	}
	return false
}

// TestHeaderReuse decodes every case after every other into one struct.
func TestHeaderReuse(t *testing.T) {
	cases := headerCases()
	for _, first := range cases {
		for _, second := range cases {
			var h Header
			h.Decode(first.proto, first.b)
			h.Decode(second.proto, second.b)
			if h != second.want {
				t.Errorf("%s after %s (-want +got)\n%s", second.name, first.name, cmp.Diff(second.want, h))
			}
		}
	}
}

// TestHeaderFastPath holds the fast path to what the general one reads, for
// every case and every byte of it changed.
func TestHeaderFastPath(t *testing.T) {
	for _, c := range headerCases() {
		b := slices.Clone(c.b)
		for i := range b {
			for _, x := range []byte{0x00, 0x01, 0x20, 0x40, 0x45, 0x60, 0x80, 0xff} {
				old := b[i]
				b[i] = x
				var fast, general Header
				fast.Decode(c.proto, b)
				general.walk(c.proto, b)
				if fast != general {
					t.Fatalf("%s, byte %d is %#x (-general +fast)\n%s", c.name, i, x, cmp.Diff(general, fast))
				}
				b[i] = old
			}
		}
	}
}

func TestHeaderKeepsNothingOfTheBytes(t *testing.T) {
	for _, c := range headerCases() {
		b := slices.Clone(c.b)
		var h Header
		h.Decode(c.proto, b)
		for i := range b {
			b[i] = 0xee
		}
		if h != c.want {
			t.Errorf("%s changed with its bytes", c.name)
		}
	}
}

func TestHeaderDecodeAllocates0(t *testing.T) {
	cases := headerCases()
	var h Header
	if n := testing.AllocsPerRun(10, func() {
		for i := range cases {
			h.Decode(cases[i].proto, cases[i].b)
		}
	}); n != 0 {
		t.Errorf("%v allocations for %d headers", n, len(cases))
	}
}

// TestHeaderCostIsLinear decodes content that is all structure and takes the
// best of several runs. The promise is 10 ns per byte; packets shorter than a
// frame may cost what 64 bytes do.
func TestHeaderCostIsLinear(t *testing.T) {
	for _, n := range []int{256, 65000} {
		for _, c := range worstCases(n) {
			var h Header
			best := time.Hour
			runs := 1 + 50_000/len(c.b)
			for range 20 {
				start := time.Now()
				for range runs {
					h.Decode(ProtocolEthernet, c.b)
				}
				best = min(best, time.Since(start))
			}
			if per := float64(best.Nanoseconds()) / float64(runs) / float64(max(len(c.b), 64)); per > 10*slowdown {
				t.Errorf("%s of %d bytes: %.1f ns per byte", c.name, len(c.b), per)
			}
		}
	}
}

func TestHeaderTagsAndLabelsSaturate(t *testing.T) {
	var h Header
	h.Decode(ProtocolEthernet, cat(eth("8100"), slices.Repeat(hx("0001 8100"), 999), hx("0002 0800"), ip4(6, tcp())))
	if h.VLANTags != 255 || h.VLAN != 1 || h.InnerVLAN != 2 || h.Key != k10TCP {
		t.Errorf("1000 tags: %d tags, %d and %d, key %v", h.VLANTags, h.VLAN, h.InnerVLAN, h.Key)
	}
	h.Decode(ProtocolEthernet, cat(eth("8847"), slices.Repeat(hx("00010 0 40"), 999), hx("00011 1 40"), ip4(6, tcp())))
	if h.MPLSLabels != 255 || h.MPLSLabel != 16 || h.Key != k10TCP {
		t.Errorf("1000 labels: %d labels, %d, key %v", h.MPLSLabels, h.MPLSLabel, h.Key)
	}
}
