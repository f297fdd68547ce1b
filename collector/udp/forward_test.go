package udp

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sink is a further collector.
func furtherCollector(t testing.TB, at string) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func addrOf(c *net.UDPConn) netip.AddrPort {
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

func forwarder(t testing.TB, cfg ForwardConfig) *Forwarder {
	t.Helper()
	f, err := NewForwarder(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// expect reads one datagram.
func expect(t *testing.T, c *net.UDPConn) ([]byte, netip.AddrPort) {
	t.Helper()
	b := make([]byte, 1<<16)
	_ = c.SetReadDeadline(time.Now().Add(patience))
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// counted waits until every target has sent n: it counts after the kernel has
// delivered.
func counted(f *Forwarder, n uint64) []ForwardStats {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		all := f.Stats()
		if !slices.ContainsFunc(all, func(s ForwardStats) bool { return s.Sent < n }) {
			break
		}
	}
	return f.Stats()
}

func TestForwarderSendsUnchangedToEveryTarget(t *testing.T) {
	haveIPv6(t)
	one, two := furtherCollector(t, "127.0.0.1:0"), furtherCollector(t, "[::1]:0")
	f := forwarder(t, ForwardConfig{To: []netip.AddrPort{addrOf(one), addrOf(two)}, Shards: 2})
	from := netip.MustParseAddrPort("192.0.2.7:40000")
	long := append(datagram("192.0.2.7", 0), bytes.Repeat([]byte{7}, 9000)...)
	payloads := [][]byte{datagram("192.0.2.7", 100), long, nil}
	for i, p := range payloads {
		scratch := bytes.Clone(p)
		f.Put(i%2, []Message{{Payload: scratch, From: from}})
		clear(scratch) // Put has copied it
	}
	for _, c := range []*net.UDPConn{one, two} {
		seen := map[string]bool{}
		for range payloads {
			b, _ := expect(t, c)
			seen[string(b)] = true
		}
		for i, p := range payloads {
			if !seen[string(p)] {
				t.Errorf("payload %d did not arrive unchanged", i)
			}
		}
	}
	for _, s := range counted(f, 3) {
		if s.Sent != 3 || s.Dropped+s.Failed != 0 {
			t.Errorf("%+v", s)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var none *Forwarder
	none.Put(0, []Message{{}})
	if none.Stats() != nil || none.Close() != nil {
		t.Error("no forwarder does something")
	}
}

// TestForwarderIsBoundedAndNeverWaits has a sender that is held up: nothing
// takes from the queue.
func TestForwarderIsBoundedAndNeverWaits(t *testing.T) {
	to := &target{queues: make([]forwardQueue, 1), wake: make(chan struct{}, 1), capacity: 10_000}
	f := &Forwarder{targets: []*target{to}}
	batch := make([]Message, batchSize)
	for i := range batch {
		batch[i] = Message{Payload: make([]byte, 1000)}
	}
	for range 1000 { // which would never end, did it wait
		f.Put(0, batch)
	}
	if n := len(to.queues[0].fill.items); n != 10 || to.dropped.Load() != 64_000-10 {
		t.Errorf("%d wait, %d dropped, want 10 and the rest", n, to.dropped.Load())
	}
	for i := range batch {
		batch[i].Payload = nil
	}
	for range 1000 {
		f.Put(0, batch)
	}
	if n := len(to.queues[0].fill.items); n != forwardItems {
		t.Errorf("%d empty datagrams wait, want %d", n, forwardItems)
	}
}

func TestForwarderPutDoesNotAllocate(t *testing.T) {
	c := furtherCollector(t, "127.0.0.1:0")
	f := forwarder(t, ForwardConfig{To: []netip.AddrPort{addrOf(c)}, Shards: 1, Queue: 1 << 20})
	defer f.Close()
	batch := []Message{{Payload: make([]byte, 1000), From: netip.MustParseAddrPort("192.0.2.7:1")}}
	for range 5000 { // both buffers have grown to their bound
		f.Put(0, batch)
	}
	time.Sleep(50 * time.Millisecond)
	for range 5000 {
		f.Put(0, batch)
	}
	if n := testing.AllocsPerRun(1000, func() { f.Put(0, batch) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestForwarderRefusesItself(t *testing.T) {
	for _, c := range []struct {
		listen, to string
		want       bool
	}{
		{"[::]:6343", "127.0.0.1:6343", true},
		{"[::]:6343", "127.0.0.1:6344", false},
		{"192.0.2.1:6343", "192.0.2.1:6343", true},
		{"192.0.2.1:6343", "192.0.2.2:6343", false},
		{"[::]:6343", "203.0.113.9:6343", false},
	} {
		_, err := NewForwarder(ForwardConfig{To: []netip.AddrPort{netip.MustParseAddrPort(c.to)}, Listen: []netip.AddrPort{netip.MustParseAddrPort(c.listen)}, Shards: 1})
		if got := err != nil && strings.Contains(err.Error(), "would come back for ever"); got != c.want {
			t.Errorf("listening at %s, forwarding to %s: %v", c.listen, c.to, err)
		}
	}
}

// namespaces makes two network namespaces joined by a cable, and calls near
// and far in one each.
func namespaces(t *testing.T, near, far func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, for network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip: apt-get install iproute2")
	}
	names := [2]string{fmt.Sprintf("weirfwd%da", os.Getpid()), fmt.Sprintf("weirfwd%db", os.Getpid())}
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	for _, n := range names {
		run("netns", "add", n)
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n).Run() })
	}
	run("-n", names[0], "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", names[1])
	for i, n := range names {
		v := fmt.Sprintf("v%d", i)
		run("-n", n, "addr", "add", fmt.Sprintf("10.0.0.%d/24", i+1), "dev", v)
		run("-n", n, "addr", "add", fmt.Sprintf("fd00::%d/64", i+1), "dev", v, "nodad")
		run("-n", n, "link", "set", v, "up")
		run("-n", n, "link", "set", "lo", "up")
		for _, d := range []string{"0.0.0.0/0", "::/0"} { // the way to the exporters
			run("-n", n, "route", "add", d, "dev", v)
		}
	}
	for i, f := range []func(){near, far} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
			fd, err := unix.Open("/run/netns/"+names[i], unix.O_RDONLY|unix.O_CLOEXEC, 0)
			if err == nil {
				err = unix.Setns(fd, unix.CLONE_NEWNET)
				_ = unix.Close(fd)
			}
			if err != nil {
				t.Error(err)
				return
			}
			f()
		}()
		<-done
	}
}

// TestForwarderKeepsTheSource sends over a real cable to another machine.
func TestForwarderKeepsTheSource(t *testing.T) {
	var f *Forwarder
	var v4, v6 *net.UDPConn
	namespaces(t, func() {
		f = forwarder(t, ForwardConfig{To: []netip.AddrPort{netip.MustParseAddrPort("10.0.0.2:6343"), netip.MustParseAddrPort("[fd00::2]:6343")}, Shards: 1})
	}, func() {
		v4, v6 = furtherCollector(t, "10.0.0.2:6343"), furtherCollector(t, "[fd00::2]:6343")
	})
	if t.Failed() {
		return
	}
	defer f.Close()
	long := append(datagram("192.0.2.7", 0), bytes.Repeat([]byte{7}, 5000)...) // goes in fragments
	for _, c := range []struct {
		name       string
		from       string
		payload    []byte
		want4, own string // source the IPv4 target sees, and the IPv6 target
	}{
		{"an IPv4 exporter", "192.0.2.7:40000", datagram("192.0.2.7", 80), "192.0.2.7", "fd00::1"},
		{"a long datagram", "192.0.2.7:40000", long, "192.0.2.7", "fd00::1"},
		{"an IPv6 exporter", "[2001:db8::7]:40000", datagram("2001:db8::7", 80), "10.0.0.1", "2001:db8::7"},
		{"this machine", "127.0.0.1:40000", datagram("192.0.2.8", 80), "10.0.0.1", "fd00::1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.Put(0, []Message{{Payload: c.payload, From: netip.MustParseAddrPort(c.from)}})
			for conn, want := range map[*net.UDPConn]string{v4: c.want4, v6: c.own} {
				b, from := expect(t, conn)
				if from.Addr().String() != want || !bytes.Equal(b, c.payload) {
					t.Errorf("%d octets from %v, want %d from %s", len(b), from, len(c.payload), want)
				}
			}
		})
	}
	for _, s := range counted(f, 4) {
		own := uint64(2)
		if s.To.Addr().Is6() {
			own = 3
		}
		if !s.KeepsSource || s.Sent != 4 || s.OwnSource != own || s.Failed+s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestForwarderWithoutTheCapability sends with its own address.
func TestForwarderWithoutTheCapability(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have a capability to give up")
	}
	c := furtherCollector(t, "127.0.0.1:0")
	var f *Forwarder
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // capabilities are the thread's; it ends with them
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var none [2]unix.CapUserData
		if err := unix.Capset(&hdr, &none[0]); err != nil {
			t.Error(err)
			return
		}
		f = forwarder(t, ForwardConfig{To: []netip.AddrPort{addrOf(c)}, Shards: 1})
	}()
	<-done
	if t.Failed() {
		return
	}
	defer f.Close()
	f.Put(0, []Message{{Payload: datagram("192.0.2.7", 0), From: netip.MustParseAddrPort("192.0.2.7:1")}})
	if _, from := expect(t, c); from.Addr().String() != "127.0.0.1" {
		t.Errorf("from %v", from)
	}
	if s := counted(f, 1)[0]; s.KeepsSource || s.OwnSource != 1 {
		t.Errorf("%+v", s)
	}
}

// TestForwarderOutlivesATarget that nobody can reach.
func TestForwarderOutlivesATarget(t *testing.T) {
	c := furtherCollector(t, "127.0.0.1:0")
	nobody := furtherCollector(t, "127.0.0.1:0")
	gone := addrOf(nobody)
	nobody.Close()
	f := forwarder(t, ForwardConfig{To: []netip.AddrPort{gone, addrOf(c)}, Shards: 1})
	defer f.Close()
	for i := range 50 {
		f.Put(0, []Message{{Payload: []byte{byte(i)}, From: netip.MustParseAddrPort("192.0.2.7:1")}})
		if b, _ := expect(t, c); len(b) != 1 || b[0] != byte(i) {
			t.Fatalf("datagram %d arrived as %v", i, b)
		}
	}
}

// BenchmarkDrainForward is [BenchmarkDrain] with none, one and two targets that
// take what they are sent, and one that is held up: CPU of the receiving thread
// per datagram, the median of several runs taken in turns. The sending is
// another thread's.
func BenchmarkDrainForward(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var to []netip.AddrPort
	for range 2 {
		to = append(to, addrOf(furtherCollector(b, "127.0.0.1:0"))) // whose buffer overflows: that is theirs
	}
	held := &Forwarder{targets: []*target{{queues: make([]forwardQueue, 1), wake: make(chan struct{}, 1), capacity: defaultForwardQueue}}}
	with := []struct {
		name string
		f    *Forwarder
	}{
		{"no", nil},
		{"one", forwarder(b, ForwardConfig{To: to[:1], Shards: 1})},
		{"two", forwarder(b, ForwardConfig{To: to, Shards: 1})},
		{"held", held},
	}
	defer with[1].f.Close()
	defer with[2].f.Close()
	took := make([][]float64, len(with))
	for range drainRuns {
		for i, w := range with {
			took[i] = append(took[i], drain(b, func(r *Receiver) int {
				msgs, err := r.Read(time.Time{})
				if err != nil {
					b.Fatal(err)
				}
				w.f.Put(0, msgs)
				return len(msgs)
			}))
		}
	}
	for b.Loop() { // nothing: the measurement is above
	}
	b.ReportMetric(0, "ns/op")
	for i, w := range with {
		slices.Sort(took[i])
		b.ReportMetric(took[i][drainRuns/2], w.name+"-ns/datagram")
	}
}
