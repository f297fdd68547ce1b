package fact

import (
	"slices"
	"testing"
	"time"

	"weir/decoder/sflow"
)

// frame is an Ethernet frame between 02::to and 02::from: UDP, or an ARP request.
func frame(to, from byte, arp bool) []byte {
	head := []byte{2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from}
	if arp {
		return slices.Concat(head, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, from, 10, 0, 0, from, 0, 0, 0, 0, 0, 0, 10, 0, 0, to}, make([]byte, 18))
	}
	return slices.Concat(head, []byte{8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 0, to, 0, 7, 0, 7, 0, 8, 0, 0})
}

// TestTowards: what counts as unicast to an instance. ARP does not: who cannot be
// reached is asked so.
func TestTowards(t *testing.T) {
	const tap, uplink, own, peer = 3, 4, 1, 9
	for _, c := range []struct {
		name    string
		to      byte
		from    byte
		arp     bool
		output  uint32
		towards uint16
	}{
		{"UDP, by its port", own, peer, false, tap, 1},
		{"UDP, by a port that is not said", own, peer, false, 0, 1},
		{"UDP to somebody else, flooded", 7, peer, false, tap, 0},
		{"ARP by unicast", own, peer, true, tap, 0},
		{"its own, to itself", own, own, false, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			sample := func(in, out uint32, header []byte) {
				f.send(func(b *sflow.Builder) {
					b.FlowSample(&sflow.FlowSample{Sequence: f.seq, Source: sflow.DataSource{Index: 1}, SamplingRate: 10, Input: sflow.Port{Value: in}, Output: sflow.Port{Value: out}}, false,
						&sflow.SampledHeader{Protocol: 1, FrameLength: 64, Stripped: 4, Header: header})
				})
			}
			f.send(func(b *sflow.Builder) {
				counters(b, tap, "tap1", 3, 0, 0)
				counters(b, uplink, "eth1", 3, 0, 0)
			})
			sample(tap, uplink, frame(peer, own, false))
			f.tick(2 * time.Second)
			sample(uplink, c.output, frame(c.to, c.from, c.arp))
			var got uint16
			for _, x := range f.tick(2 * time.Second) {
				if x.Kind == PortActive {
					got += UnpackPortMoves(x.A).Towards
				}
			}
			if got != c.towards {
				t.Errorf("%d samples towards it, want %d", got, c.towards)
			}
		})
	}
}

// TestAcknowledged: what tells that an instance was heard is a TCP packet to it that
// carries nothing but an acknowledgement.
func TestAcknowledged(t *testing.T) {
	const tap, uplink = 3, 9
	own, peer := [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}
	for _, c := range []struct {
		name   string
		flags  byte
		octets uint16 // of the IP packet
		want   PortMoves
	}{
		{"acknowledgement", tcpACK, 52, PortMoves{Towards: 1, Acked: 1}},
		{"a full segment without PSH", tcpACK, 1500, PortMoves{Towards: 1}},
		{"data", tcpACK | tcpPSH, 60, PortMoves{Towards: 1, Asked: 1}},
		{"refusal", tcpACK | tcpRST, 40, PortMoves{Towards: 1}},
		{"of unknown length", tcpACK, 0, PortMoves{Towards: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			f.send(func(b *sflow.Builder) {
				counters(b, tap, "tap1", 3, 0, 0)
				counters(b, uplink, "eth1", 3, 0, 0)
			})
			f.sampled(tap, uplink, wayFrame(1, 2, own, peer, 0, tcpACK))
			f.tick(2 * time.Second)
			frame := wayFrame(2, 1, peer, own, 0, c.flags)
			frame[16], frame[17] = byte(c.octets>>8), byte(c.octets)
			f.sampled(uplink, tap, frame)
			got := UnpackPortMoves(find(t, f.tick(2*time.Second), PortActive).A)
			if got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestPortMoves: packed and unpacked it is the same.
func TestPortMoves(t *testing.T) {
	want := PortMoves{Sent: 1<<16 - 1, Towards: 1<<16 - 2, Asked: 3, Acked: 7}
	if got := UnpackPortMoves(want.Pack()); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
