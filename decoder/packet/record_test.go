package packet

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderSetRecords(t *testing.T) {
	src, dst := [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}
	k6 := key6(0, 0, 0)
	for _, c := range []struct {
		name string
		set  func(*Header)
		want Header
	}{
		{"Ethernet", func(h *Header) { h.SetEthernet(mac(0xa), mac(0xb), 0x88cc) }, header(wantLink(0x88cc))},
		{"Ethernet with a length", func(h *Header) { h.SetEthernet(mac(0xa), mac(0xb), 64) }, header(wantLink(0))},
		{"IPv4 TCP", func(h *Header) { h.SetIPv4(src, dst, 6, 1000, 80, 0x12, 0x10, 1500) }, header(func(h *Header) {
			h.Key, h.HasKey, h.Depth, h.EtherType = k10TCP, true, DepthTransport, 0x0800
			h.TCPFlags, h.TOS, h.IPLength = 0x12, 0x10, 1500
		})},
		{"IPv4 UDP has no flags", func(h *Header) { h.SetIPv4(src, dst, 17, 5000, 53, 0x12, 0, 60) }, header(func(h *Header) {
			h.Key, h.HasKey, h.Depth, h.EtherType, h.IPLength = key(10, 17, 5000, 53), true, DepthTransport, 0x0800, 60
		})},
		{"IPv4 ICMP has no ports", func(h *Header) { h.SetIPv4(src, dst, 1, 7, 7, 0, 0, 84) }, header(func(h *Header) {
			h.Key, h.HasKey, h.Depth, h.EtherType, h.IPLength = key(10, 1, 0, 0), true, DepthNetwork, 0x0800, 84
		})},
		{"IPv6 longer than 64 KiB", func(h *Header) { h.SetIPv6(k6.Src, k6.Dst, 6, 1000, 80, 2, 0x20, 1<<20) }, header(func(h *Header) {
			h.Key, h.HasKey, h.Depth, h.EtherType = k6TCP, true, DepthTransport, 0x86dd
			h.TCPFlags, h.TOS, h.IPLength = 2, 0x20, 65535
		})},
		{"Ethernet and IPv4", func(h *Header) {
			h.SetEthernet(mac(0xa), mac(0xb), 0x8100)
			h.SetIPv4(src, dst, 6, 1000, 80, 0, 0, 40)
		}, header(wantLink(0x0800), func(h *Header) { h.Key, h.HasKey, h.Depth, h.IPLength = k10TCP, true, DepthTransport, 40 })},
		{"IPv4 and Ethernet", func(h *Header) {
			h.SetIPv4(src, dst, 6, 1000, 80, 0, 0, 40)
			h.SetEthernet(mac(0xa), mac(0xb), 0x8100)
		}, header(wantLink(0x0800), func(h *Header) { h.Key, h.HasKey, h.Depth, h.IPLength = k10TCP, true, DepthTransport, 40 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, before := range headerCases() {
				var h Header
				h.Decode(before.proto, before.b)
				h.Reset()
				c.set(&h)
				if diff := cmp.Diff(c.want, h); diff != "" {
					t.Fatalf("header after %s (-want +got)\n%s", before.name, diff)
				}
				// and nothing of the record is left by the next Decode
				h.Decode(before.proto, before.b)
				if h != before.want {
					t.Fatalf("%s afterwards (-want +got)\n%s", before.name, cmp.Diff(before.want, h))
				}
			}
		})
	}
}

func TestKeyAddresses(t *testing.T) {
	k4, k6 := key(10, 6, 1, 2), key6(6, 1, 2)
	if got := k4.SrcAddr().String() + " " + k4.DstAddr().String(); got != "10.0.0.1 10.0.0.2" {
		t.Errorf("IPv4 key: %s", got)
	}
	if got := k6.SrcAddr().String() + " " + k6.DstAddr().String(); got != "2001:db8::1 2001:db8::2" {
		t.Errorf("IPv6 key: %s", got)
	}
}
