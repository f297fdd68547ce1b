package lldp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/sflow"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

func tlv(kind int, v ...byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(kind<<9|len(v))), v...)
}

func named(kind int, sub byte, text string) []byte { return tlv(kind, append([]byte{sub}, text...)...) }

// frame builds what a switch sends.
func frame(ttl byte, chassis, port string, more ...[]byte) []byte {
	b := append(group[:len(group):len(group)], 2, 0, 0, 0, 0, 1, 0x88, 0xcc)
	b = slices.Concat(b, named(1, 7, chassis), named(2, 5, port), tlv(3, 0, ttl))
	for _, m := range more {
		b = append(b, m...)
	}
	return append(b, 0, 0)
}

func TestParse(t *testing.T) {
	mac := append([]byte{4}, 1, 2, 3, 4, 5, 6)
	head := frame(0, "", "")[:14]
	for _, c := range []struct {
		name  string
		frame []byte
		want  neighbour
		err   error
	}{
		{"names", frame(120, "leaf1", "Ethernet7", tlv(4, []byte("to cn7")...), tlv(5, []byte("leaf1.dc")...), tlv(6, []byte("ignored")...), tlv(127, 0, 1, 2)),
			neighbour{"leaf1", "Ethernet7", "to cn7", "leaf1.dc", 2 * time.Minute}, nil},
		{"addresses", slices.Concat(head, tlv(1, mac...), tlv(2, 4, 1, 10, 0, 0, 1), tlv(3, 0, 9), tlv(0)),
			neighbour{chassis: "01:02:03:04:05:06", port: "10.0.0.1", ttl: 9 * time.Second}, nil},
		{"hostile text", frame(1, "a\x00\x1b[31m\xff", "p"), neighbour{chassis: "a??[31m?", port: "p", ttl: time.Second}, nil},
		{"not LLDP", make([]byte, 60), neighbour{}, errNoLLDP},
		{"cut", frame(120, "leaf1", "Ethernet7")[:20], neighbour{}, errShort},
		{"order", slices.Concat(head, named(2, 5, "p"), named(1, 7, "c"), tlv(3, 0, 1)), neighbour{}, errOrder},
		{"twice", slices.Concat(head, named(1, 7, "c"), named(2, 5, "p"), tlv(3, 0, 1), named(1, 7, "d")), neighbour{chassis: "c", port: "p", ttl: time.Second}, errOrder},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(c.frame)
			if !errors.Is(err, c.err) || err == nil && got != c.want {
				t.Errorf("%+v, %v, want %+v, %v", got, err, c.want, c.err)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(frame(120, "leaf1", "Ethernet7", tlv(4, []byte("to cn7")...)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parse(b)
		if err == nil && len(n.chassis)+len(n.port) > 2*4*512 {
			t.Error("more text than a TLV holds")
		}
	})
}

type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) Emit(e source.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, fmt.Sprintf("%s %s %s>%s", e.Name, e.Subject, e.Before, e.After))
}

func (*heard) Push(*source.Snapshot) {}

func (h *heard) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.list)
}

// On a plain card, a member of a bridge, and one that Open vSwitch would take.
func TestSwitchesAreHeard(t *testing.T) {
	l := lab.NewBare(t)
	ns := l.Namespace("node")
	l.IP("-n", ns, "link", "add", "br0", "type", "bridge")
	for _, c := range []string{"nic0", "nic1"} {
		l.IP("-n", ns, "link", "add", c, "type", "veth", "peer", "name", "sw-"+c)
		l.IP("-n", ns, "link", "set", c, "up")
		l.IP("-n", ns, "link", "set", "sw-"+c, "up")
	}
	l.IP("-n", ns, "link", "set", "nic1", "master", "br0")
	l.IP("-n", ns, "link", "set", "br0", "up")
	table := link.NewTable()
	s := New(table)
	s.kind = link.Veth // no network card can be made here
	h := &heard{}
	ctx, cancel := context.WithCancel(context.Background())
	done := l.Go(ns, func() {
		if err := s.Run(ctx, h); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); <-done })
	l.Eventually(3*time.Second, "listening", func() bool { // on both cards and their other ends
		return strings.Count(l.Exec(ns, "cat", "/proc/net/packet"), " 88cc ") == 4
	})
	send := func(card string, frames ...[]byte) {
		t.Helper()
		i, ok := table.Named("sw-" + card)
		if !ok {
			t.Fatalf("no sw-%s", card)
		}
		l.In(ns, func() {
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer unix.Close(fd)
			for _, b := range frames {
				if err := unix.Sendto(fd, b, 0, &unix.SockaddrLinklayer{Ifindex: int(i.Index)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	want := func(lines ...string) {
		t.Helper()
		l.Eventually(lookEvery+2*time.Second, fmt.Sprintf("%q", lines), func() bool { return slices.Equal(h.all(), lines) })
		h.mu.Lock()
		h.list = nil
		h.mu.Unlock()
	}
	send("nic0", frame(120, "leaf1", "Ethernet7", tlv(5, []byte("leaf1.dc")...)))
	want("lldp_changed nic0 >leaf1/Ethernet7")
	send("nic0", frame(120, "leaf1", "Ethernet7"))
	send("nic1", frame(120, "leaf2", "Ethernet7"))
	want("lldp_changed nic1 >leaf2/Ethernet7")
	send("nic0", frame(120, "leaf1", "Ethernet8"))
	want("lldp_changed nic0 leaf1/Ethernet7>leaf1/Ethernet8")
	var snap source.Snapshot
	if err := s.Collect(time.Now(), &snap); err != nil {
		t.Error(err)
	}
	var states []string
	for v := range snap.All() {
		var m sflow.RTMetric
		if err := m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: v.Bytes[8:]}); err != nil {
			t.Fatal(err)
		}
		line := string(m.DataSource)
		for p := range m.Metrics.All() {
			line += " " + string(p.Text)
		}
		states = append(states, strings.TrimSpace(line))
	}
	slices.Sort(states)
	if w := []string{"weir/lldp/nic0 leaf1 Ethernet8", "weir/lldp/nic1 leaf2 Ethernet7"}; !slices.Equal(states, w) {
		t.Errorf("states %q, want %q", states, w)
	}
	send("nic0", frame(0, "leaf1", "Ethernet8"))
	want("lldp_changed nic0 leaf1/Ethernet8>")
	send("nic1", frame(1, "leaf2", "Ethernet7"))
	want("lldp_changed nic1 leaf2/Ethernet7>")

	many := make([][]byte, 5000) // far more than there is room for, and than is read meanwhile
	for i := range many {
		many[i] = frame(120, "leaf1", "Ethernet7")
	}
	send("nic0", many...)
	l.Eventually(4*lookEvery, "lost frames told", func() bool {
		var told source.Telling
		s.Tell(&told)
		return told.FramesLost > 0 && told.FramesLost < uint64(len(many))
	})
}
