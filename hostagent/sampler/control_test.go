package sampler

import (
	"math"
	"sync/atomic"
	"testing"
	"time"

	"weir/decoder/sflow"
)

// dhcp is a client's message to a server.
func dhcp() []byte {
	return ethernet(0x800, ipv4(17, udp(68, 67, make([]byte, 300)))...)
}

// dhcp6 is the same of IPv6.
func dhcp6() []byte {
	return ethernet(0x86dd, ipv6(17, udp(546, 547, make([]byte, 60)))...)
}

// claim6 is a neighbour solicitation from an address that begins with from: that
// of one who claims an address is zero.
func claim6(from uint16) []byte {
	b := ethernet(0x86dd, ipv6(58, append([]byte{135}, make([]byte, 23)...))...)
	for i := range 16 {
		b[14+8+i] = 0
	}
	b[14+8], b[14+9] = byte(from>>8), byte(from)
	return b
}

func arp() []byte {
	return ethernet(0x806, append([]byte{0, 1, 8, 0, 6, 4, 0, 1}, make([]byte, 20)...)...)
}

func TestIsControl(t *testing.T) {
	fragment := dhcp()
	fragment[14+7] = 1
	options := append(append(dhcp()[:34:34], 1, 1, 1, 0), dhcp()[34:]...)
	options[14] = 0x46
	for _, c := range []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"ARP", arp(), true},
		{"DHCP", dhcp(), true},
		{"DHCP behind an IP option", options, true},
		{"DHCP to a client", ethernet(0x800, ipv4(17, udp(67, 68, nil))...), false},
		{"TCP to the port", ethernet(0x800, ipv4(6, tcp(1, 67, nil))...), false},
		{"fragment", fragment, false},
		{"IPv6", ethernet(0x86dd, make([]byte, 60)...), false},
		{"IPv6, cut", ethernet(0x86dd, make([]byte, 40)...), false},
		{"DHCPv6", dhcp6(), true},
		{"DHCPv6 to a client", ethernet(0x86dd, ipv6(17, udp(547, 546, nil))...), false},
		{"address claimed", claim6(0), true},
		{"neighbour asked for", claim6(0xfe80), false},
		{"echo request", ethernet(0x86dd, ipv6(58, append([]byte{128}, make([]byte, 23)...))...), false},
		{"cut", arp()[:13], false},
		{"cut in IP", dhcp()[:30], false},
	} {
		if got := isControl(c.frame); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// The kernel's filter lets the same frames pass as isControl names, and nothing
// else undrawn.
func TestControlPassesUndrawn(t *testing.T) { each(t, controlPassesUndrawn) }

func controlPassesUndrawn(t *testing.T, m Method) {
	w := newWire(t)
	near := w.index("near")
	var heard, wrong atomic.Int64
	s := w.run(Config{Method: m, Emit: func(*sflow.FlowSample) {}, Control: func(i uint32, b []byte) {
		heard.Add(1)
		if i != near || !isControl(b) {
			wrong.Add(1)
		}
	}}, Interface{Index: near, Name: "near", Rate: maxRate, Control: true})
	back := w.socket("near")
	for range 20 {
		w.send(w.fd, arp(), 1)
		w.send(w.fd, dhcp(), 1)
		w.send(w.fd, dhcp6(), 1)
		w.send(w.fd, claim6(0), 1)
		w.send(w.fd, claim6(0xfe80), 5)
		w.send(w.fd, ethernet(0x800, ipv4(17, udp(68, 53, make([]byte, 300)))...), 5)
		w.send(w.fd, ethernet(0x86dd, make([]byte, 60)...), 5)
		w.send(back, arp(), 5) // leaves
	}
	w.Eventually(patience, "all heard", func() bool { return heard.Load() >= 80 })
	time.Sleep(50 * time.Millisecond)
	if samples, _ := s.Totals(); heard.Load() != 80 || wrong.Load() != 0 || samples > 1 {
		t.Errorf("%d control frames, %d wrong, %d samples; want 80, 0 and hardly one", heard.Load(), wrong.Load(), samples)
	}
	if st := s.States(); len(st) != 1 || !st[0].Controls {
		t.Errorf("state %+v", st)
	}
}

// A flood of ARP is not listened to in full, and neither biases the samples nor
// inflates the pool.
func TestControlFloodIsNoBias(t *testing.T) { each(t, controlFloodIsNoBias) }

func controlFloodIsNoBias(t *testing.T, m Method) {
	w := newWire(t)
	near := w.index("near")
	const packets, rate = 100_000, 10
	var heard atomic.Int64
	var pool atomic.Uint32
	s := w.run(Config{
		Method:  m,
		Emit:    func(f *sflow.FlowSample) { pool.Store(f.SamplePool) },
		Control: func(uint32, []byte) { heard.Add(1) },
	}, Interface{Index: near, Name: "near", Rate: rate, Control: true})
	other := ethernet(0x800, ipv4(17, udp(1, 9, make([]byte, 58)))...)
	for range packets / 100 {
		w.send(w.fd, arp(), 90)
		w.send(w.fd, other, 10)
	}
	// What is still in the ring when it is closed is not read.
	for quiet, last := 0, [3]uint64{}; quiet < 4; time.Sleep(50 * time.Millisecond) {
		samples, dropped := s.Totals()
		now := [3]uint64{samples, dropped, uint64(heard.Load())}
		if quiet++; now != last {
			quiet, last = 0, now
		}
	}
	s.Set(nil)
	w.Eventually(patience, "stopped", func() bool { return len(s.States()) == 0 })
	samples, dropped := s.Totals()
	estimate := float64(samples+dropped) * rate
	standard := math.Sqrt(packets * (rate - 1))
	t.Logf("%d packets: %d control frames heard, %d samples, %d drops, estimate %.0f: %+.2f standard errors, pool %d",
		packets, heard.Load(), samples, dropped, estimate, (estimate-packets)/standard, pool.Load())
	// Before the flood is noticed, what is lost can only be divided by what was
	// not: a tenth more is allowed for that.
	if math.Abs(estimate-packets) > 5*standard+packets/10 {
		t.Errorf("estimate %.0f of %d packets", estimate, packets)
	}
	if heard.Load() > packets/2 {
		t.Errorf("%d control frames of a flood were heard", heard.Load())
	}
}

// FuzzIsControl holds that no bytes make it fail.
func FuzzIsControl(f *testing.F) {
	f.Add(arp())
	f.Add(dhcp())
	f.Fuzz(func(t *testing.T, b []byte) {
		if isControl(b) && len(b) < 14 {
			t.Error("a frame without a link header")
		}
	})
}
