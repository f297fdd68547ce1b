package fact

import (
	"testing"
	"time"

	"weir/decoder/sflow"
)

// tapped is a feed that knows an instance's port and its addresses.
func tapped(t *testing.T, tap, uplink uint32) *feed {
	f := newFeed(t)
	f.send(func(b *sflow.Builder) {
		counters(b, tap, "tap1", 3, 0, 0)
		counters(b, uplink, "eth1", 3, 0, 0)
	})
	for range 3 {
		f.sampled(tap, uplink, wayFrame(1, 2, [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}, 0, tcpACK))
	}
	f.tick(2 * time.Second)
	return f
}

// TestPortOpened: an answer at a TCP port is told where it was tried in vain before.
func TestPortOpened(t *testing.T) {
	const tap, uplink = 3, 9
	own, peer := [4]byte{10, 0, 0, 1}, [4]byte{10, 0, 0, 2}
	for _, c := range []struct {
		name    string
		tries   int
		others  int // SYN to so many other ports after them
		answers int
		want    uint64 // SYN before, as told; 0 nothing is
	}{
		{"tried five times, then it answers", 5, 0, 1, 5},
		{"it answers again", 5, 0, 3, 5},
		{"tried never", 0, 0, 1, 0},
		{"tried seldom among many ports", 2, 150, 1, 0},
		{"tried often among many ports", 40, 15, 1, 39},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := tapped(t, tap, uplink)
			syn := func(port byte) {
				frame := wayFrame(2, 1, peer, own, 0, tcpSYN)
				frame[37] = port
				f.sampled(uplink, tap, frame)
			}
			for range c.tries {
				syn(22)
			}
			for k := range c.others {
				syn(byte(50 + k))
			}
			f.tick(70 * time.Second)
			var told []Fact
			for range c.answers {
				frame := wayFrame(1, 2, own, peer, 0, tcpSYN|tcpACK)
				frame[35] = 22
				f.sampled(tap, uplink, frame)
				for _, x := range f.tick(2 * time.Second) {
					if x.Kind == PortOpened {
						told = append(told, x)
					}
				}
			}
			if c.want == 0 {
				if len(told) > 0 {
					t.Errorf("told %+v", told)
				}
				return
			}
			if len(told) != 1 || told[0].A != 22 || told[0].B != c.want || told[0].C < uint64(70*second) {
				t.Errorf("told %+v, want port 22 once, tried %d times", told, c.want)
			}
		})
	}
}

// TestPortStrange: whose addresses are strange at an instance's port, and whether
// they were let through.
func TestPortStrange(t *testing.T) {
	const tap, uplink, own = 3, 9, 1
	out := sflow.Port{Value: uplink}
	for _, c := range []struct {
		name   string
		mac    byte
		ip     [4]byte
		output sflow.Port
		group  bool // to which it is sent
		want   [2]uint64
	}{
		{"its own", own, [4]byte{10, 0, 0, 1}, out, false, [2]uint64{}},
		{"another address, let through", own, [4]byte{192, 0, 2, 7}, out, false, [2]uint64{1, 0}},
		{"another address, dropped", own, [4]byte{192, 0, 2, 7}, sflow.Port{Format: sflow.PortDiscarded, Value: 256}, false, [2]uint64{0, 1}},
		{"another address, and where it went is not known", own, [4]byte{192, 0, 2, 7}, sflow.Port{}, false, [2]uint64{}},
		{"another address, to a group", own, [4]byte{192, 0, 2, 7}, sflow.Port{Format: sflow.PortMultiple, Value: 5}, true, [2]uint64{1, 0}},
		{"another MAC address", 7, [4]byte{10, 0, 0, 1}, out, false, [2]uint64{1, 0}},
		{"another MAC address, to a group: a bridge of the node", 7, [4]byte{10, 0, 0, 1}, sflow.Port{Format: sflow.PortMultiple, Value: 5}, true, [2]uint64{}},
		{"it has none yet", own, [4]byte{}, out, false, [2]uint64{}},
		{"link local", own, [4]byte{169, 254, 1, 1}, out, false, [2]uint64{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := tapped(t, tap, uplink)
			frame := wayFrame(c.mac, 2, c.ip, [4]byte{10, 0, 0, 2}, 0, tcpACK)
			if c.group {
				copy(frame, []byte{0x33, 0x33, 0, 0, 0, 2})
			}
			f.sampledTo(tap, c.output, frame)
			var got [2]uint64
			for _, x := range f.tick(2 * time.Second) {
				if x.Kind == PortStrange {
					got[0], got[1] = got[0]+x.A, got[1]+x.B
				}
			}
			if got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestOwnAddressIsTheUsual: an instance's first sample may have another's address.
func TestOwnAddressIsTheUsual(t *testing.T) {
	const tap, uplink = 3, 9
	own, other, peer := [4]byte{10, 0, 0, 1}, [4]byte{192, 0, 2, 7}, [4]byte{10, 0, 0, 2}
	f := newFeed(t)
	f.send(func(b *sflow.Builder) {
		counters(b, tap, "tap1", 3, 0, 0)
		counters(b, uplink, "eth1", 3, 0, 0)
	})
	f.sampled(tap, 0, wayFrame(1, 2, other, peer, 0, tcpACK))
	for range 20 {
		f.sampled(tap, uplink, wayFrame(1, 2, own, peer, 0, tcpACK))
	}
	f.tick(2 * time.Second)
	f.sampled(tap, uplink, wayFrame(1, 2, own, peer, 0, tcpACK))
	f.sampled(tap, uplink, wayFrame(1, 2, other, peer, 0, tcpACK))
	if x := find(t, f.tick(2*time.Second), PortStrange); x.A != 1 || x.B != 0 {
		t.Errorf("%d let through and %d dropped, want the other's alone", x.A, x.B)
	}
}
