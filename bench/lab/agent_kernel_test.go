package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// plainNode is a namespace with weir-agent and a collector's ear in it: nothing
// but the kernel's own.
type plainNode struct {
	*Lab
	t     *testing.T
	ns    string
	ear   *heard
	agent *Process
	since time.Time
}

// newPlainNode makes one; under is a command that the agent is run by.
func newPlainNode(t *testing.T, config string, under []string, needs ...string) *plainNode {
	t.Helper()
	n := &plainNode{Lab: NewBare(t, needs...), t: t}
	n.ns = n.Namespace("plain")
	n.Collector = n.ns
	n.IP("-n", n.ns, "addr", "add", CollectorAddr+"/32", "dev", "lo")
	n.ear = hear(t, n.Lab)
	binary, file := filepath.Join(n.dir, "weir-agent"), filepath.Join(n.dir, "weir-agent.yaml")
	build := exec.Command("go", "build", "-o", binary, "weir/cmd/weir-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	config = "collectors: [" + CollectorAddr + "]\nnode: plain\nstate_dir: " + n.dir + "\n" + config
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	n.agent = n.Start(n.ns, nil, append(under, binary, "run", "--config", file)...)
	n.Eventually(10*time.Second, "a heartbeat", func() bool { _, ok := n.ear.state(witness.ClassHeartbeat, "plain"); return ok })
	n.since = time.Now()
	return n
}

// check ends a test: the heartbeat has never stopped, and everything could be
// read.
func (n *plainNode) check() {
	n.t.Helper()
	if d := n.ear.beats(n.since); d > maxBeats {
		n.t.Errorf("%v without a heartbeat", d)
	}
	if n.ear.gaps > 0 {
		n.t.Errorf("%d gaps in the datagrams' sequence", n.ear.gaps)
	}
	for _, u := range n.ear.unread {
		n.t.Errorf("not readable: %s", u)
	}
}

// TestKernelEventsOnTheWire measures from before a command is started to the
// arrival of the event's datagram. WEIR_TEST_FULL=1 holds the slowest of a
// hundred against the bound; else, on a machine that does other things, the
// fastest tenth.
func TestKernelEventsOnTheWire(t *testing.T) {
	n := newPlainNode(t, "", nil, "nft", "iptables-legacy")
	n.IP("-n", n.ns, "link", "add", "br0", "type", "bridge")
	n.Exec(n.ns, "nft", "add", "table", "inet", "guard")
	n.Exec(n.ns, "nft", "add", "chain", "inet", "guard", "in")
	n.Exec(n.ns, "iptables-legacy", "-A", "INPUT", "-j", "ACCEPT")
	time.Sleep(1500 * time.Millisecond)
	for _, s := range []struct {
		what    string
		do      [2][]string
		event   [2]string
		subject string
		times   int
		bound   time.Duration
	}{
		{"link", [2][]string{{"ip", "link", "set", "br0", "up"}, {"ip", "link", "set", "br0", "down"}},
			[2]string{witness.LinkUp, witness.LinkDown}, "br0", 100, 50 * time.Millisecond},
		{"nftables", [2][]string{{"nft", "add", "rule", "inet", "guard", "in", "accept"}, {"nft", "flush", "chain", "inet", "guard", "in"}},
			[2]string{witness.RulesChanged, witness.RulesFlushed}, "root/nft/inet guard", 100, 50 * time.Millisecond},
		{"legacy iptables", [2][]string{{"iptables-legacy", "-A", "INPUT", "-j", "DROP"}, {"iptables-legacy", "-D", "INPUT", "-j", "DROP"}},
			[2]string{witness.RulesChanged, witness.RulesChanged}, "root/iptables/filter", 8, time.Second},
	} {
		var delays []time.Duration
		for i := range s.times {
			time.Sleep(20 * time.Millisecond)
			since := time.Now()
			n.Exec(n.ns, s.do[i%2]...)
			e := n.ear.event(n.Lab, s.event[i%2], s.subject, since, soon)
			if e.at.IsZero() {
				return
			}
			delays = append(delays, e.at.Sub(since))
		}
		held := rank(delays, 10)
		if os.Getenv("WEIR_TEST_FULL") == "1" {
			held = rank(delays, 99)
		}
		t.Logf("%s: from the command to the collector: %s", s.what, distribution(delays))
		if held > s.bound {
			t.Errorf("%s: %v, want at most %v", s.what, held, s.bound)
		}
	}
	n.check()
}

// samples returns the flow samples heard of an interface since a time.
func (h *heard) samples(ifIndex uint32) (n int, last sflow.FlowSample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.datagrams {
		var d sflow.Datagram
		if d.Decode(b) != nil {
			continue
		}
		for smp, err := range d.Samples() {
			var s sflow.FlowSample
			if err == nil && s.Decode(smp) == nil && s.Source == (sflow.DataSource{Index: ifIndex}) {
				n, last = n+1, s
			}
		}
	}
	return n, last
}

// TestSamplingSurvives takes interfaces down, away and apart while they are
// sampled: the others' samples and the heartbeat go on.
func TestSamplingSurvives(t *testing.T) {
	n := newPlainNode(t, "sampling: { interfaces: [\"p*\"], rate: 10 }\n", nil)
	const pairs = 6
	index := map[string]uint32{}
	fds := map[string]int{}
	for i := range pairs {
		near, far := fmt.Sprintf("p%d", i), fmt.Sprintf("x%d", i)
		n.IP("-n", n.ns, "link", "add", near, "type", "veth", "peer", "name", far)
		n.IP("-n", n.ns, "link", "set", near, "up")
		n.IP("-n", n.ns, "link", "set", far, "up")
		for _, name := range []string{near, far} {
			var x uint32
			if _, err := fmt.Sscan(n.Exec(n.ns, "cat", "/sys/class/net/"+name+"/ifindex"), &x); err != nil {
				t.Fatal(err)
			}
			index[name] = x
		}
		n.In(n.ns, func() {
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
			if err == nil {
				err = unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: int(index[far])})
			}
			if err != nil {
				t.Error(err)
			}
			fds[near] = fd
		})
		t.Cleanup(func() { _ = unix.Close(fds[near]) })
	}
	frame := append(make([]byte, 12), 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17)
	frame = append(frame, make([]byte, 36)...)
	flows := func(name string) {
		t.Helper()
		before, _ := n.ear.samples(index[name])
		n.Eventually(5*time.Second, "samples of "+name, func() bool {
			for range 100 {
				_, _ = unix.Write(fds[name], frame)
			}
			now, last := n.ear.samples(index[name])
			return now > before && last.SamplingRate == 10 && last.SamplePool >= 10
		})
	}
	for i := range pairs {
		flows(fmt.Sprintf("p%d", i))
	}
	since := time.Now()
	n.IP("-n", n.ns, "link", "set", "p0", "down")
	flows("p5")
	n.IP("-n", n.ns, "link", "set", "p0", "up")
	flows("p0")
	n.IP("-n", n.ns, "link", "del", "p1")
	flows("p5")
	away := n.Namespace("away")
	n.IP("-n", n.ns, "link", "set", "p2", "netns", away)
	flows("p5")
	n.IP("-n", n.ns, "link", "set", "p3", "down")
	n.IP("-n", n.ns, "link", "set", "p3", "name", "p9")
	n.IP("-n", n.ns, "link", "set", "p9", "up")
	flows("p3") // by its number
	for _, e := range []struct{ event, subject string }{
		{witness.LinkDown, "p0"}, {witness.LinkUp, "p0"}, {witness.LinkRemoved, "p1"}, {witness.LinkRemoved, "p2"}, {witness.LinkRenamed, "p9"},
	} {
		n.ear.event(n.Lab, e.event, e.subject, since, soon)
	}
	// A new name is taken from the next list of interfaces, at most 3 s old, and
	// told with the heartbeat after.
	n.Eventually(6*time.Second, "p9 in the heartbeat", func() bool {
		s, _ := n.ear.state(witness.ClassHeartbeat, "plain")
		return s.value[witness.Sampling] == "p0=10,p9=10,p4=10,p5=10"
	})
	if s, _ := n.ear.state(witness.ClassHeartbeat, "plain"); !strings.Contains(s.value[witness.Modules], "sampling=ok") {
		t.Errorf("modules %q, want sampling=ok", s.value[witness.Modules])
	}
	n.check()
}

// TestAgentWithoutPrivilege runs the agent without any capability: what cannot be
// seen is named in the heartbeat and once in the log, and the rest goes on.
func TestAgentWithoutPrivilege(t *testing.T) {
	n := newPlainNode(t, "polling: { default: 1s }\nsampling: { interfaces: [\"p*\"] }\n",
		[]string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}, "setpriv")
	n.IP("-n", n.ns, "link", "add", "p0", "type", "veth", "peer", "name", "x0")
	since := time.Now()
	n.IP("-n", n.ns, "link", "set", "p0", "up")
	n.ear.event(n.Lab, witness.LinkChanged, "p0", since, soon)
	for _, want := range []string{"filter=error:", "sampling=error:p0: packet socket", "linkevent=ok", "link=ok", "host=ok"} {
		n.Eventually(5*time.Second, want+" in the heartbeat", func() bool {
			s, _ := n.ear.state(witness.ClassHeartbeat, "plain")
			return strings.Contains(s.value[witness.Modules], want)
		})
	}
	time.Sleep(4 * time.Second) // several polls and attempts
	log := n.agent.Stderr.String()
	for _, module := range []string{"filter", "sampling"} {
		lines := 0
		for line := range strings.Lines(log) {
			if strings.Contains(line, `"module":"`+module+`"`) {
				lines++
			}
		}
		if lines != 1 {
			t.Errorf("%d lines about %s in the log, want 1:\n%s", lines, module, log)
		}
	}
	n.check()
}

// TestInstanceOnATap writes what an instance sends into a real tap: its DHCP
// requests and its addresses are told by the socket that samples it.
func TestInstanceOnATap(t *testing.T) {
	n := newPlainNode(t, "polling: { default: 1s }\n", nil, "/dev/net/tun")
	var fd int
	n.In(n.ns, func() {
		var err error
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
			t.Error(err)
			return
		}
		r, err := unix.NewIfreq("tapvm")
		if err == nil {
			r.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, r)
		}
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { _ = unix.Close(fd) })
	n.IP("-n", n.ns, "link", "set", "tapvm", "up")
	n.Eventually(5*time.Second, "tapvm sampled", func() bool {
		s, _ := n.ear.state(witness.ClassHeartbeat, "plain")
		return strings.HasPrefix(s.value[witness.Sampling], "tapvm=")
	})
	send := func(frame []byte) {
		t.Helper()
		if _, err := unix.Write(fd, frame); err != nil {
			t.Fatal(err)
		}
	}
	mac := []byte{2, 0, 0, 0, 0, 5}
	head := append([]byte{255, 255, 255, 255, 255, 255}, mac...)
	dhcp6 := slices.Concat([]byte{0x33, 0x33, 0, 1, 0, 2}, mac, []byte{0x86, 0xdd, 0x60, 0, 0, 0, 0, 12, 17, 255, 0xfe, 0x80}, make([]byte, 13), []byte{5, 0xff, 2}, make([]byte, 14),
		[]byte{2, 34, 2, 35, 0, 12, 0, 0, 1, 7, 7, 7})
	dhcp := slices.Concat(head, []byte{8, 0, 0x45, 0, 1, 12, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 68, 0, 67, 0, 248, 0, 0, 1, 1, 6},
		make([]byte, 25), mac, make([]byte, 202), []byte{0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255})
	arp := slices.Concat(head, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1}, mac, []byte{10, 0, 0, 5}, make([]byte, 6), []byte{10, 0, 0, 1})
	time.Sleep(1500 * time.Millisecond) // the sampler's socket has taken over
	since := time.Now()
	send(dhcp6)
	e := n.ear.event(n.Lab, witness.DHCPRequest, "02:00:00:00:00:05", since, soon)
	if e.value[witness.Port] != "tapvm" || e.value[witness.Reason] != "DHCPv6" {
		t.Errorf("event %v, want DHCPv6 on port tapvm", e.value)
	}
	time.Sleep(1100 * time.Millisecond) // requests are told once a second
	since = time.Now()
	send(dhcp)
	e = n.ear.event(n.Lab, witness.DHCPRequest, "02:00:00:00:00:05", since, soon)
	if e.value[witness.Port] != "tapvm" {
		t.Errorf("event %v, want port tapvm", e.value)
	}
	send(arp)
	e = n.ear.event(n.Lab, witness.DHCPAnswered, "02:00:00:00:00:05", since, soon)
	if e.value[witness.Address] != "10.0.0.5" {
		t.Errorf("event %v, want address 10.0.0.5", e.value)
	}
	if all := n.ear.events("", "02:00:00:00:00:05", since); len(all) != 2 {
		t.Errorf("%d events about the instance, want 2: each was heard once", len(all))
	}
	n.check()
}
