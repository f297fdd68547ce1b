package neighbour

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

// line is an event in short.
func line(e source.Event) string {
	s := e.Name + " " + e.Subject
	for _, p := range e.More {
		if p.Type == sflow.MetricString {
			s += " " + p.Text
		} else {
			s += fmt.Sprintf(" %d", p.Bits)
		}
	}
	return s
}

// dhcpFrame is what a client sends, from a MAC address that ends in n.
func dhcpFrame(kind, n byte) []byte {
	m := make([]byte, 236)
	m[0], m[1], m[2] = 1, 1, 6
	copy(m[28:], []byte{2, 0, 0, 0, 0, n})
	m = append(m, 0x63, 0x82, 0x53, 0x63, 0, 12, 2, 'v', 'm', 53, 1, kind, 255)
	u := []byte{0, 68, 0, 67}
	u = append(binary.BigEndian.AppendUint16(u, uint16(8+len(m))), 0, 0)
	ip := []byte{0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255}
	binary.BigEndian.PutUint16(ip[2:], uint16(20+8+len(m)))
	return slices.Concat([]byte{255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, n, 8, 0}, ip, u, m)
}

// arpFrame is a request or reply between 10.0.0.from and 10.0.0.to; from 0 is an
// address probe.
func arpFrame(op, from, to byte) []byte {
	mac := []byte{2, 0, 0, 0, 0, from}
	b := slices.Concat([]byte{255, 255, 255, 255, 255, 255}, mac, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, op}, mac)
	if from == 0 {
		b = append(b, 0, 0, 0, 0)
	} else {
		b = append(b, 10, 0, 0, from)
	}
	return append(b, 0, 0, 0, 0, 0, 0, 10, 0, 0, to)
}

// dhcp6Frame is what a client sends by IPv6.
func dhcp6Frame(kind, n byte) []byte {
	m := []byte{kind, 1, 2, 3, 0, 8, 0, 2, 0, 0}
	return ip6Frame(n, 17, []byte{0xfe, 0x80}, append(append([]byte{2, 34, 2, 35}, 0, byte(8+len(m)), 0, 0), m...))
}

// claim6Frame claims an address by asking for it.
func claim6Frame(n byte, from, address string) []byte {
	source := net.ParseIP(from).To16()
	return ip6Frame(n, 58, source, slices.Concat([]byte{135, 0, 0, 0, 0, 0, 0, 0}, net.ParseIP(address).To16()))
}

func ip6Frame(n, proto byte, source, payload []byte) []byte {
	ip := make([]byte, 40)
	ip[0], ip[5], ip[6], ip[7], ip[24] = 0x60, byte(len(payload)), proto, 255, 0xff
	copy(ip[8:], source)
	return slices.Concat([]byte{0x33, 0x33, 0, 1, 0, 2, 2, 0, 0, 0, 0, n, 0x86, 0xdd}, ip, payload)
}

func TestTracker(t *testing.T) {
	const tap1, tap2, nic = 1, 2, 9
	type step struct {
		at    time.Duration
		on    uint32
		frame []byte
	}
	many := func(n int, s step, every time.Duration) (list []step) {
		for range n {
			list = append(list, s)
			s.at += every
		}
		return list
	}
	known := []step{{0, tap1, arpFrame(1, 5, 1)}} // instance 5 uses 10.0.0.5
	for _, c := range []struct {
		name              string
		steps             []step
		want              []string
		requests, answers uint64 // of tap1
	}{
		{"asks and gets", []step{{0, tap1, dhcpFrame(1, 5)}, {100 * time.Millisecond, tap1, dhcpFrame(3, 5)}, {time.Second, tap1, arpFrame(1, 5, 5)}},
			[]string{"dhcp_request 02:00:00:00:00:05 tap1 1", "dhcp_answered 02:00:00:00:00:05 tap1 10.0.0.5 2"}, 0, 0},
		{"asks in vain", many(3, step{0, tap1, dhcpFrame(1, 5)}, 4*time.Second),
			[]string{"dhcp_request 02:00:00:00:00:05 tap1 1", "dhcp_request 02:00:00:00:00:05 tap1 2", "dhcp_request 02:00:00:00:00:05 tap1 3"}, 0, 0},
		{"asks by IPv6 and gets", []step{{0, tap1, claim6Frame(5, "::", "fe80::5")}, {0, tap1, dhcp6Frame(1, 5)}, {time.Second, tap1, dhcp6Frame(3, 5)}, {2 * time.Second, tap1, claim6Frame(5, "::", "2001:db8::5")}, {3 * time.Second, tap1, dhcp6Frame(1, 5)}},
			[]string{"dhcp_request 02:00:00:00:00:05 tap1 1", "dhcp_request 02:00:00:00:00:05 tap1 2", "dhcp_answered 02:00:00:00:00:05 tap1 2001:db8::5 2"}, 0, 0},
		{"asks by IPv6 in vain", many(3, step{0, tap1, dhcp6Frame(1, 5)}, 4*time.Second),
			[]string{"dhcp_request 02:00:00:00:00:05 tap1 1", "dhcp_request 02:00:00:00:00:05 tap1 2", "dhcp_request 02:00:00:00:00:05 tap1 3"}, 0, 0},
		{"asks by IPv6 although it has an address", append(known, many(3, step{0, tap1, dhcp6Frame(1, 5)}, 4*time.Second)...), nil, 0, 0},
		{"renews by IPv6", []step{{0, tap1, dhcp6Frame(5, 5)}, {0, nic, dhcp6Frame(1, 5)}}, nil, 0, 0},
		{"a probe is no use of an address", []step{{0, tap1, dhcpFrame(1, 5)}, {time.Second, tap1, arpFrame(1, 0, 5)}},
			[]string{"dhcp_request 02:00:00:00:00:05 tap1 1"}, 0, 0},
		{"a flood of requests is told once a second", many(1000, step{0, tap1, dhcpFrame(1, 5)}, time.Millisecond),
			[]string{"dhcp_request 02:00:00:00:00:05 tap1 1"}, 0, 0},
		{"DHCP of others is nobody's", []step{{0, nic, dhcpFrame(1, 5)}}, nil, 0, 0},
		{"a release is no request", []step{{0, tap1, dhcpFrame(7, 5)}}, nil, 0, 0},
		{"answers", append(known, step{0, nic, arpFrame(1, 7, 5)}, step{0, tap1, arpFrame(2, 5, 7)}, step{time.Second, tap2, arpFrame(1, 8, 5)}, step{time.Second, tap1, arpFrame(2, 5, 8)}), nil, 2, 2},
		{"answers nobody", append(known, many(4, step{0, nic, arpFrame(1, 7, 5)}, time.Second)...),
			[]string{"arp_unanswered 02:00:00:00:00:05 tap1 10.0.0.5 3 3 0"}, 4, 0},
		{"answers nobody, who go on asking", append(known, many(30, step{0, nic, arpFrame(1, 7, 5)}, time.Second)...), []string{
			"arp_unanswered 02:00:00:00:00:05 tap1 10.0.0.5 3 3 0", "arp_unanswered 02:00:00:00:00:05 tap1 10.0.0.5 6 6 0",
			"arp_unanswered 02:00:00:00:00:05 tap1 10.0.0.5 12 12 0", "arp_unanswered 02:00:00:00:00:05 tap1 10.0.0.5 24 24 0",
		}, 30, 0},
		{"asked for fast, and no more before it could have answered", append(known, many(9, step{0, nic, arpFrame(1, 7, 5)}, 10*time.Millisecond)...), nil, 9, 0},
		{"asked twice only", append(known, many(2, step{0, nic, arpFrame(1, 7, 5)}, 2*time.Second)...), nil, 2, 0},
		{"an address nobody used is nobody's", many(5, step{0, nic, arpFrame(1, 7, 5)}, time.Second), nil, 0, 0},
		{"a claim of another's address", append(known, append([]step{{0, tap2, arpFrame(1, 5, 1)}}, many(4, step{0, nic, arpFrame(1, 7, 5)}, time.Second)...)...),
			[]string{"arp_unanswered 02:00:00:00:00:05 tap1 10.0.0.5 3 3 0"}, 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTracker()
			tr.set(map[uint32]string{tap1: "tap1", tap2: "tap2"})
			var got []string
			emit := func(e source.Event) { got = append(got, line(e)) }
			start := time.Unix(1000, 0)
			now := start
			for _, s := range c.steps {
				now = start.Add(s.at)
				tr.frame(s.on, s.frame, now, emit)
			}
			tr.check(now, emit)
			tr.check(now, emit)
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("events (-want +got)\n%s", d)
			}
			if p := tr.ports[tap1]; p.requests != c.requests || p.answers != c.answers {
				t.Errorf("%d requests, %d answers, want %d and %d", p.requests, p.answers, c.requests, c.answers)
			}
		})
	}
}

func TestFilterKeepsWhatIsWanted(t *testing.T) {
	vm, err := bpf.NewVM(filter)
	if err != nil {
		t.Fatal(err)
	}
	toClient := dhcpFrame(1, 5)
	toClient[14+20+3] = 68
	options := slices.Insert(dhcpFrame(1, 5), 34, 1, 1, 1, 0) // an IP option
	options[14] = 0x46
	fragment := dhcpFrame(1, 5)
	fragment[14+7] = 1
	toClient6 := dhcp6Frame(1, 5)
	toClient6[14+40+3] = 34
	tcp := dhcpFrame(1, 5)
	tcp[23] = 6
	for _, c := range []struct {
		name  string
		frame []byte
		want  bool
	}{
		{"ARP", arpFrame(1, 1, 2), true}, {"DHCP to a server", dhcpFrame(1, 5), true}, {"with an IP option", options, true},
		{"DHCP to a client", toClient, false}, {"fragment", fragment, false}, {"TCP", tcp, false}, {"IPv6", append(make([]byte, 12), 0x86, 0xdd, 0, 0), false},
		{"DHCPv6 to a server", dhcp6Frame(1, 5), true}, {"DHCPv6 to a client", toClient6, false}, {"UDP by IPv6, cut", dhcp6Frame(1, 5)[:56], false},
		{"address claimed", claim6Frame(5, "::", "2001:db8::5"), true}, {"neighbour asked for", claim6Frame(5, "fe80::5", "2001:db8::5"), false},
		{"cut", arpFrame(1, 1, 2)[:13], false},
	} {
		if n, err := vm.Run(c.frame); n > 0 != c.want || err != nil {
			t.Errorf("%s: %d octets kept (%v), want some: %v", c.name, n, err, c.want)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add(dhcpFrame(1, 5))
	f.Add(arpFrame(1, 1, 2))
	f.Add(dhcp6Frame(1, 5))
	f.Add(claim6Frame(5, "::", "2001:db8::5"))
	f.Fuzz(func(t *testing.T, b []byte) {
		tr := newTracker()
		tr.set(map[uint32]string{1: "tap1"})
		tr.frame(1, b, time.Unix(1, 0), func(source.Event) {})
	})
}

// The own interface of a bridge of a userspace datapath is a tap, and what the
// bridge floods comes in there before anybody's address is known.
func TestBridgeIsNoInstance(t *testing.T) {
	l := lab.NewBare(t)
	ns := l.Namespace("node")
	for _, name := range []string{"br0", "tap1"} {
		l.IP("-n", ns, "tuntap", "add", "dev", name, "mode", "tap")
	}
	s := New(link.NewTable())
	s.Nobody(func() map[string]bool { return map[string]bool{"br0": true} })
	h := &heard{}
	ctx, cancel := context.WithCancel(context.Background())
	done := l.Go(ns, func() {
		if err := s.Run(ctx, h); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); <-done })
	index := map[string]uint32{}
	l.Eventually(3*time.Second, "listening", func() bool {
		s.links.Each(func(i *link.Info) bool {
			index[i.Name] = i.Index
			return true
		})
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(index) == 3 && len(s.tracker.ports) > 0 // lo is the third
	})
	s.Frame(index["br0"], arpFrame(1, 5, 1))
	s.Frame(index["tap1"], arpFrame(1, 5, 1))
	for range 3 {
		s.Frame(index["br0"], arpFrame(1, 7, 5))
	}
	l.Eventually(5*time.Second, "told of the instance's tap", func() bool {
		s.Frame(index["br0"], arpFrame(1, 7, 5))
		return h.has("arp_unanswered 02:00:00:00:00:05 tap1 10.0.0.5 ")
	})
}

type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) Emit(e source.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, line(e))
}

func (*heard) Push(*source.Snapshot) {}

func (h *heard) has(prefix string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.list, func(s string) bool { return strings.HasPrefix(s, prefix) })
}

// Two instances behind a bridge whose kernels really ask and answer.
func TestInstancesAreWatched(t *testing.T) {
	l := lab.NewBare(t)
	ns := l.Namespace("node")
	l.IP("-n", ns, "link", "add", "br0", "type", "bridge")
	l.IP("-n", ns, "link", "set", "br0", "up")
	var vms []string
	for i := 1; i <= 2; i++ {
		vm := l.Namespace(fmt.Sprintf("vm%d", i))
		tap := fmt.Sprintf("tap%d", i)
		l.IP("-n", ns, "link", "add", tap, "type", "veth", "peer", "name", "eth0", "address", fmt.Sprintf("02:00:00:00:00:%02x", i), "netns", vm)
		l.IP("-n", ns, "link", "set", tap, "master", "br0", "up")
		l.IP("-n", vm, "addr", "add", fmt.Sprintf("10.0.0.%d/24", i), "dev", "eth0")
		l.IP("-n", vm, "link", "set", "eth0", "up")
		vms = append(vms, vm)
	}
	table := link.NewTable()
	s := New(table)
	s.taps = link.Veth // instances of the lab have no real tap
	h := &heard{}
	ctx, cancel := context.WithCancel(context.Background())
	done := l.Go(ns, func() {
		if err := s.Run(ctx, h); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); <-done })
	l.Eventually(3*time.Second, "listening", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.tracker.ports) == 2
	})
	talk := func(from int, to string) {
		l.In(vms[from-1], func() {
			c, err := net.Dial("udp", to+":9")
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = c.Write([]byte("hello"))
			_ = c.Close()
		})
	}
	counts := func() (requests, answers uint64) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, p := range s.tracker.ports {
			if p.name == "tap1" {
				return p.requests, p.answers
			}
		}
		return 0, 0
	}
	talk(1, "10.0.0.2")
	l.Eventually(3*time.Second, "10.0.0.1 known", func() bool { // what comes in elsewhere may be heard before it
		s.mu.Lock()
		defer s.mu.Unlock()
		_, ok := s.tracker.owners[netip.MustParseAddr("10.0.0.1")]
		return ok
	})
	l.Eventually(3*time.Second, "a request and its answer", func() bool {
		if r, _ := counts(); r == 0 {
			l.Exec(vms[1], "ip", "neigh", "flush", "all")
			talk(2, "10.0.0.1")
		}
		r, a := counts()
		return r > 0 && r == a
	})
	if h.has(witness.ARPUnanswered) {
		t.Error("told unanswered although it was")
	}
	l.Exec(vms[0], "ip", "link", "set", "eth0", "arp", "off") // answers no more
	l.Exec(vms[1], "ip", "neigh", "flush", "all")
	l.Eventually(10*time.Second, "told unanswered", func() bool {
		talk(2, "10.0.0.1")
		return h.has("arp_unanswered 02:00:00:00:00:01 tap1 10.0.0.1 ")
	})
	const many = 5000 // far more than there is room for, and than is read meanwhile
	l.In(vms[0], func() {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		i, err := net.InterfaceByName("eth0")
		for range many {
			if err == nil {
				err = unix.Sendto(fd, dhcpFrame(1, 1), 0, &unix.SockaddrLinklayer{Ifindex: i.Index})
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
	l.Eventually(3*time.Second, "DHCP told", func() bool { return h.has("dhcp_request 02:00:00:00:00:01 tap1 1") })
	l.Eventually(10*time.Second, "lost frames told", func() bool {
		var told source.Telling
		s.Tell(&told)
		return told.FramesLost > 0 && told.FramesLost < many
	})
}
