package fact

import (
	"encoding/binary"
	"testing"
	"time"

	"weir/decoder/sflow"
)

// wayFrame is a TCP packet between two MAC addresses, with a VLAN tag unless that is 0.
func wayFrame(from, to byte, src, dst [4]byte, vlan uint16, flags byte) []byte {
	b := make([]byte, 12, 64)
	copy(b, []byte{0xfa, 0x16, 0x3e, 0, 0, to, 0xfa, 0x16, 0x3e, 0, 0, from})
	if vlan != 0 {
		b = binary.BigEndian.AppendUint16(append(b, 0x81, 0), vlan)
	}
	b = append(b, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0)
	b = append(append(b, src[:]...), dst[:]...)
	tcp := make([]byte, 20)
	tcp[1], tcp[3], tcp[12], tcp[13] = 80, 80, 5<<4, flags
	return append(b, tcp...)
}

func (f *feed) sampled(in, out uint32, header []byte, more ...sflow.Appender) {
	f.sampledTo(in, sflow.Port{Value: out}, header, more...)
}

func (f *feed) sampledTo(in uint32, out sflow.Port, header []byte, more ...sflow.Appender) {
	f.send(func(b *sflow.Builder) {
		b.FlowSample(&sflow.FlowSample{Sequence: 1, Source: sflow.DataSource{Index: in}, SamplingRate: 10, Input: sflow.Port{Value: in}, Output: out},
			false, append([]sflow.Appender{&sflow.SampledHeader{Protocol: 1, FrameLength: 64, Stripped: 4, Header: header}}, more...)...)
	})
}

// TestNextHopIsWhoGetsPacketsForTwoNetworks: what an instance sends to a
// neighbour in its own network, whatever it sends, makes no router of it.
func TestNextHopIsWhoGetsPacketsForTwoNetworks(t *testing.T) {
	f := newFeed(t)
	f.send(func(b *sflow.Builder) {
		counters(b, 3, "tap1", 3, 1000, 1000)
		counters(b, 4, "tap2", 3, 1000, 1000)
		counters(b, 9, "eth0", 3, 1000, 1000)
	})
	f.tick(time.Second)
	own, near, far, farther := [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}, [4]byte{192, 0, 2, 1}, [4]byte{198, 51, 100, 1}
	f.sampled(3, 9, wayFrame(1, 2, own, near, 0, tcpSYN))
	f.sampled(4, 3, wayFrame(2, 1, near, own, 0, tcpSYN|tcpACK)) // of the same node
	f.sampled(3, 9, wayFrame(1, 2, own, near, 0, tcpACK))
	f.sampled(3, 9, wayFrame(1, 5, own, far, 0, tcpPSH|tcpACK))
	w := find(t, f.tick(time.Second), PortWays)
	if a := UnpackPortAfar(w.C); w.A != 0 || w.B != 0 || a.Asks != 2 || a.Afar != 0 {
		t.Fatalf("before it is known: %+v %+v", w, a)
	}
	f.sampled(3, 9, wayFrame(1, 5, own, farther, 0, tcpACK))
	f.sampled(9, 3, wayFrame(5, 1, far, own, 0, tcpACK))
	f.sampled(9, 3, wayFrame(7, 1, near, own, 0, tcpACK))
	w = find(t, f.tick(time.Second), PortWays)
	if a := UnpackPortAfar(w.C); w.A != 0xfa163e000005 || w.B != 1<<32|1 || a.Afar != 1 || a.Asks != 0 {
		t.Errorf("%+v %+v", w, a)
	}
}

// TestSegmentsOfAddresses: a watched address's VLAN is told where its frames are
// tagged, its virtual network where they are tunnelled or said to be.
func TestSegmentsOfAddresses(t *testing.T) {
	const mac = 0xfa163e000001
	own, far := [4]byte{10, 0, 0, 1}, [4]byte{192, 0, 2, 1}
	for _, c := range []struct {
		name  string
		frame []byte
		more  []sflow.Appender
		want  Segment
		told  bool
	}{
		{"tagged", wayFrame(1, 5, own, far, 100, tcpACK), nil, Segment{false, 100}, true},
		{"priority tag alone", wayFrame(1, 5, own, far, 0, tcpACK), nil, Segment{}, false},
		{"of the switch's port", wayFrame(1, 5, own, far, 0, tcpACK), []sflow.Appender{&sflow.ExtendedSwitch{SrcVLAN: 200}}, Segment{false, 200}, true},
		{"taken out of a tunnel", wayFrame(1, 5, own, far, 0, tcpACK), []sflow.Appender{&sflow.ExtendedVNIIngress{VNI: 4711}}, Segment{true, 4711}, true},
		{"nobody's", wayFrame(2, 5, own, far, 100, tcpACK), nil, Segment{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			f.g.SetWatch(NewWatchlist([]uint64{mac}, nil, nil))
			f.tick(time.Second)
			f.sampled(9, 3, c.frame, c.more...)
			facts := f.tick(time.Second)
			if !c.told {
				if n := count(facts, Carried); n != 0 {
					t.Errorf("told %d", n)
				}
				return
			}
			if w := find(t, facts, Carried); w.A != mac || UnpackSegment(w.B) != c.want {
				t.Errorf("%+v, want %+v", UnpackSegment(w.B), c.want)
			}
			f.sampled(9, 3, c.frame, c.more...)
			if n := count(f.tick(time.Second), Carried); n != 0 {
				t.Errorf("told again")
			}
			f.now = f.now.Add(time.Minute)
			f.sampled(9, 3, c.frame, c.more...)
			if n := count(f.tick(time.Second), Carried); n != 1 {
				t.Errorf("told %d times after a minute", n)
			}
		})
	}
}

// vxlanFrame carries a frame from one node to another.
func vxlanFrame(vni uint32, inner []byte) []byte {
	b := []byte{2, 0, 0, 0, 9, 2, 2, 0, 0, 0, 9, 1, 8, 0, 0x45, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(36+len(inner)))
	b = append(b, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2)
	b = binary.BigEndian.AppendUint16(append(b, 0xc0, 1), 4789)
	b = binary.BigEndian.AppendUint16(b, uint16(16+len(inner)))
	b = append(b, 0, 0, 8, 0, 0, 0)
	return append(binary.BigEndian.AppendUint32(b, vni<<8), inner...)
}

// TestTunnelsLeadToInstances: what comes to an instance by a tunnel is seen where
// the node's own interface is sampled; Open vSwitch samples it twice, which counts
// once.
func TestTunnelsLeadToInstances(t *testing.T) {
	own, near := [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}
	for _, c := range []struct {
		name string
		ovs  bool
		want uint32
	}{
		{"sampled by the host agent", false, 1},
		{"sampled by Open vSwitch", true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			f.send(func(b *sflow.Builder) {
				counters(b, 3, "tap1", 3, 1000, 1000)
				if c.ovs {
					counters(b, 9, "eth0", 3, 1000, 1000)
				}
			})
			f.tick(time.Second)
			f.sampled(3, 0, wayFrame(1, 2, own, near, 0, tcpSYN))
			f.tick(time.Second)
			f.sampled(9, 0, vxlanFrame(4711, wayFrame(2, 1, near, own, 0, tcpPSH|tcpACK)))
			f.sampled(9, 0, vxlanFrame(4711, wayFrame(2, 5, near, own, 0, tcpPSH|tcpACK))) // of nobody here
			f.sampled(3, 0, wayFrame(1, 2, own, near, 0, tcpSYN))
			if a := UnpackPortAfar(find(t, f.tick(time.Second), PortWays).C); a.Afar != c.want || a.Asks != 1 {
				t.Errorf("%+v, want %d from afar", a, c.want)
			}
		})
	}
}
