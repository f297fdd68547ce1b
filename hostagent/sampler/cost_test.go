package sampler

import (
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
)

// TestCostOfForwardedPacket measures what sampling adds to a packet that is
// forwarded from one sampled tap to another: processor time of the thread that
// sends, in which the kernel forwards as well. Packets take turns on two equal
// paths of which one is sampled; what else runs on the machine makes a round
// dearer and never cheaper, so the cheapest tenth of each counts. What a program
// costs that returns at once is the kernel's and the machine's: the bound, for
// WEIR_TEST_FULL=1, is on what the default method adds to that.
func TestCostOfForwardedPacket(t *testing.T) {
	const bound = 60 // nanoseconds
	var floor float64
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
		{"eBPF that returns at once", MethodTCX, 0, Ingress, false, false},
		{"packet 1:10", MethodPacket, 10, Ingress, false, false},
		{"packet 1:100", MethodPacket, 100, Ingress, false, false},
		{"packet 1:400", MethodPacket, 400, Ingress, false, false},
		{"packet 1:400, with ARP and DHCP", MethodPacket, 400, Ingress, false, true},
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
		empty := func() {}
		if c.method == MethodTCX && c.rate == 0 {
			empty = w.emptyProgram("near", "near2")
		}
		s := w.run(Config{Method: c.method, Emit: func(*sflow.FlowSample) {}, Control: func(uint32, []byte) {}}, list...)
		time.Sleep(50 * time.Millisecond)
		var with, without []float64
		for range rounds {
			without = append(without, w.sendCost(other, frame, packets))
			with = append(with, w.sendCost(w.fd, frame, packets))
		}
		s.Set(nil)
		w.Eventually(patience, "stopped", func() bool { return len(s.States()) == 0 })
		samples, _ := s.Totals()
		empty()
		base, cost := cheap(without), cheap(with)
		if c.method == MethodTCX && c.rate == 0 {
			floor = cost - base
		}
		t.Logf("%s: %+.0f ns a packet, %.0f ns without", c.name, cost-base, base)
		if samples == 0 && c.rate > 0 {
			t.Errorf("%s: no samples", c.name)
		}
		if full() && c.held && cost-base > floor+bound {
			t.Errorf("%s: %.0f ns a packet, %.0f of which are any program's; want at most %d more", c.name, cost-base, floor, bound)
		}
	}
}

// emptyProgram attaches an eBPF program that does nothing to interfaces, and
// returns what takes it off.
func (w *wire) emptyProgram(names ...string) (end func()) {
	w.t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, tcxNext), asm.Return()}})
	if err != nil {
		w.t.Fatal(err)
	}
	var links []link.Link
	for _, name := range names {
		index := int(w.index(name))
		w.In(w.ns, func() {
			l, err := link.AttachTCX(link.TCXOptions{Interface: index, Program: p, Attach: ebpf.AttachTCXIngress})
			if err != nil {
				w.t.Error(err)
				return
			}
			links = append(links, l)
		})
	}
	return func() {
		for _, l := range links {
			_ = l.Close()
		}
		_ = p.Close()
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
