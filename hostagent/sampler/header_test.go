package sampler

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

func TestHeaderIsCutBehindTransport(t *testing.T) {
	inner := ethernet(0x800, ipv4(6, tcp(80, 1024, secret))...)
	arp := ethernet(0x806, append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, make([]byte, 20)...)...)
	for _, c := range []struct {
		name    string
		frame   []byte
		payload int
		want    int
	}{
		{"udp", ethernet(0x800, ipv4(17, udp(1, 2, secret))...), 0, 14 + 20 + 8},
		{"tcp with options", ethernet(0x800, ipv4(6, tcp(80, 1024, secret))...), 0, 14 + 20 + 32},
		{"vxlan", ethernet(0x800, ipv4(17, udp(5, 4789, vxlan(7, inner)))...), 0, 14 + 20 + 8 + 8 + 14 + 20 + 32},
		{"arp", arp, 0, 14 + 28},
		{"protocol without ports", ethernet(0x800, ipv4(50, secret)...), 0, 14 + 20},
		{"unknown EtherType", ethernet(0x88b5, secret...), 0, 14},
		{"payload wanted", ethernet(0x800, ipv4(17, udp(1, 2, secret))...), 4, 14 + 20 + 8 + 4},
		{"payload wanted beyond the end", ethernet(0x800, ipv4(17, udp(1, 2, []byte{1, 2}))...), 64, 14 + 20 + 8 + 2},
		{"three octets", []byte{1, 2, 3}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cut := cutter{payload: c.payload, limit: DefaultHeader}
			f := frame{data: c.frame, length: uint32(len(c.frame)), hardware: unix.ARPHRD_ETHER}
			var got sflow.SampledHeader
			cut.header(&f, &got)
			want := sflow.SampledHeader{Protocol: 1, FrameLength: uint32(len(c.frame)) + 4, Stripped: 4, Header: c.frame[:c.want]}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
			if c.payload == 0 && bytes.Contains(got.Header, secret[:4]) {
				t.Error("payload left the node")
			}
		})
	}
}

func TestHeaderWithoutLink(t *testing.T) {
	cut := cutter{limit: DefaultHeader}
	p := ipv4(17, udp(1, 2, secret))
	var got sflow.SampledHeader
	cut.header(&frame{data: p, length: uint32(len(p)), hardware: unix.ARPHRD_NONE}, &got)
	want := sflow.SampledHeader{Protocol: 11, FrameLength: uint32(len(p)), Header: p[:28]}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	p[0] = 0x60
	cut.header(&frame{data: p, hardware: unix.ARPHRD_NONE}, &got)
	if got.Protocol != 12 {
		t.Errorf("protocol %d of an IPv6 packet, want 12", got.Protocol)
	}
}

// FuzzHeader holds that no bytes of a packet make the cutter fail, or send more
// than was captured.
func FuzzHeader(f *testing.F) {
	f.Add(ethernet(0x800, ipv4(6, tcp(80, 1024, secret))...), uint16(1), uint32(1), 0)
	f.Add(ethernet(0x800, ipv4(17, udp(5, 4789, vxlan(7, secret)))...), uint16(65534), uint32(0), 20)
	f.Fuzz(func(t *testing.T, data []byte, hardware uint16, status uint32, payload int) {
		cut := cutter{payload: max(0, payload%1000), limit: DefaultHeader}
		var h sflow.SampledHeader
		cut.header(&frame{data: data, hardware: hardware, status: status, length: uint32(len(data))}, &h)
		if len(h.Header) > len(data)+4 || len(h.Header) > DefaultHeader {
			t.Errorf("%d octets out of %d", len(h.Header), len(data))
		}
	})
}
