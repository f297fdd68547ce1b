package sampler

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// TestCostOfForwardedPacket measures what sampling adds to a packet that is
// forwarded from one sampled tap to another: processor time of the thread that
// sends, in which the kernel forwards as well. Packets take turns on two equal
// paths of which one is sampled; what else runs on the machine makes a round
// dearer and never cheaper, so the cheapest tenth of each counts. The bound holds
// for WEIR_TEST_FULL=1.
func TestCostOfForwardedPacket(t *testing.T) {
	const bound = 60 // nanoseconds
	packets, rounds := 500, 10
	if full() {
		packets, rounds = 500, 1000
	}
	w := newWire(t)
	path := func(bridge, near, near2 string) {
		w.IP("-n", w.ns, "link", "add", bridge, "type", "bridge")
		w.IP("-n", w.ns, "link", "set", bridge, "up")
		for _, name := range []string{near, near2} {
			if name != "near" { // newWire has made it
				w.IP("-n", w.ns, "link", "add", name, "type", "veth", "peer", "name", "f"+name)
				w.IP("-n", w.ns, "link", "set", "f"+name, "up")
			}
			w.IP("-n", w.ns, "link", "set", name, "master", bridge, "up")
		}
	}
	path("br0", "near", "near2")
	path("br1", "plain", "plain2")
	other := w.socket("fplain")
	frame := ethernet(0x800, ipv4(17, udp(1, 9, make([]byte, 58)))...)
	for _, c := range []struct {
		name   string
		method Method
		rate   uint32
		dirs   Direction
		held   bool
		arp    bool
	}{
		{"nothing sampled", MethodPacket, 0, Ingress, false, false},
		{"packet 1:10", MethodPacket, 10, Ingress, true, false},
		{"packet 1:100", MethodPacket, 100, Ingress, true, false},
		{"packet 1:400", MethodPacket, 400, Ingress, true, false},
		{"packet 1:400, with ARP and DHCP", MethodPacket, 400, Ingress, true, true},
		{"packet 1:400, both directions", MethodPacket, 400, Ingress | Egress, false, false},
		{"tcx 1:10", MethodTCX, 10, Ingress, true, false},
		{"tcx 1:100", MethodTCX, 100, Ingress, true, false},
		{"tcx 1:400", MethodTCX, 400, Ingress, true, false},
		{"tcx 1:400, with ARP and DHCP", MethodTCX, 400, Ingress, true, true},
		{"tcx 1:400, both directions", MethodTCX, 400, Ingress | Egress, false, false},
	} {
		var list []Interface
		for _, name := range []string{"near", "near2"} {
			if c.rate > 0 {
				list = append(list, Interface{Index: w.index(name), Name: name, Rate: c.rate, Directions: c.dirs, Control: c.arp})
			}
		}
		s := w.run(Config{Method: c.method, Emit: func(*sflow.FlowSample) {}, Control: func(uint32, []byte) {}}, list...)
		time.Sleep(50 * time.Millisecond)
		var with, without []float64
		for range rounds {
			without = append(without, w.sendCost(other, frame, packets))
			with = append(with, w.sendCost(w.fd, frame, packets))
		}
		samples, _ := s.Totals()
		s.Set(nil)
		w.Eventually(time.Second, "stopped", func() bool { return len(s.States()) == 0 })
		base, cost := cheap(without), cheap(with)
		t.Logf("%s: %+.0f ns a packet, %.0f ns without", c.name, cost-base, base)
		if samples == 0 && c.rate > 0 {
			t.Errorf("%s: no samples", c.name)
		}
		if full() && c.held && cost-base > bound {
			t.Errorf("%s: %.0f ns a packet, want at most %d", c.name, cost-base, bound)
		}
	}
}

// cheap returns the mean of the cheapest tenth.
func cheap(list []float64) (mean float64) {
	slices.Sort(list)
	n := max(1, len(list)/10)
	for _, v := range list[:n] {
		mean += v / float64(n)
	}
	return mean
}

// sendCost returns the processor time in nanoseconds of sending a packet.
func (w *wire) sendCost(fd int, frame []byte, n int) float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	used := func() int64 {
		var t unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
			w.t.Fatal(err)
		}
		return t.Nano()
	}
	before := used()
	w.send(fd, frame, n)
	return float64(used()-before) / float64(n)
}
