package sampler

import (
	"testing"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// BenchmarkSample is what a sample costs between ring and packer.
func BenchmarkSample(b *testing.B) {
	s, err := New(Config{Emit: func(*sflow.FlowSample) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer s.shut()
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"udp", ethernet(0x800, ipv4(17, udp(1, 2, secret))...)},
		{"vxlan", ethernet(0x800, ipv4(17, udp(5, 4789, vxlan(1, ethernet(0x800, ipv4(6, tcp(1, 2, secret))...))))...)},
	} {
		b.Run(c.name, func(b *testing.B) {
			t := &tap{Interface: Interface{Index: 3}, rate: 10}
			f := frame{data: c.frame, hardware: unix.ARPHRD_ETHER, status: unix.TP_STATUS_VLAN_VALID, tci: 5, length: 1500}
			b.ReportAllocs()
			for b.Loop() {
				s.emit(t, &f)
			}
		})
	}
}
