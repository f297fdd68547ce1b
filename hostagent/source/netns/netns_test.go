package netns

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/sflow"
	"weir/hostagent/source"
)

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

func (h *heard) has(line string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.list, line)
}

func start(t *testing.T, s *Source) *heard {
	t.Helper()
	h := &heard{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

func sources(t *testing.T, s *Source) (names []string) {
	t.Helper()
	var snap source.Snapshot
	if err := s.Collect(time.Time{}, &snap); err != nil {
		t.Error(err)
	}
	for v := range snap.All() {
		var m sflow.RTMetric
		if err := m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: v.Bytes[8:]}); err != nil {
			t.Fatal(err)
		}
		names = append(names, string(m.DataSource))
	}
	return names
}

func TestNamespacesAreLookedInto(t *testing.T) {
	l := lab.NewBare(t, "nft")
	a, b, other := l.Namespace("qrouter-a"), l.Namespace("qrouter-b"), l.Namespace("dhcp")
	rules := func(ns string, cmds ...string) {
		t.Helper()
		for _, c := range cmds {
			l.Exec(ns, strings.Fields("nft "+c)...)
		}
	}
	for _, ns := range []string{a, b, other} {
		rules(ns, "add table ip filter", "add chain ip filter c", "add rule ip filter c accept")
	}
	s := New(Config{Names: []string{strings.TrimSuffix(a, "a") + "*"}, Cycle: 200 * time.Millisecond})
	h := start(t, s)
	want := []string{"weir/filter/" + a + "/ip", "weir/conntrack/" + a, "weir/filter/" + b + "/ip", "weir/conntrack/" + b}
	l.Eventually(3*time.Second, fmt.Sprintf("telling %q", want), func() bool { return slices.Equal(sources(t, s), want) })
	rules(a, "add rule ip filter c accept")
	l.Eventually(3*time.Second, "change told", func() bool { return h.has("rules_changed " + a + "/nft/ip filter 1>2") })
	rules(b, "flush ruleset")
	l.Eventually(3*time.Second, "flush told", func() bool { return h.has("rules_flushed " + b + "/nft/ip filter 1>0") })

	// One that goes, and comes again with other rules, is no flush.
	l.IP("netns", "del", a)
	l.Eventually(3*time.Second, "forgotten", func() bool { return !slices.Contains(sources(t, s), want[0]) })
	l.IP("netns", "add", a)
	l.Eventually(3*time.Second, "seen again", func() bool { return slices.Contains(sources(t, s), "weir/conntrack/"+a) })
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) != 2 {
		t.Errorf("told %q, want two events", h.list)
	}
}

func TestNoPermissionIsNamed(t *testing.T) {
	l := lab.NewBare(t)
	ns := l.Namespace("qrouter")
	s := New(Config{Names: []string{ns}, Cycle: 50 * time.Millisecond})
	<-l.Go(ns, func() {
		if err := unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &make([]unix.CapUserData, 2)[0]); err != nil {
			t.Error(err)
		}
		s.visit(ns, &heard{})
	})
	err := s.Collect(time.Time{}, &source.Snapshot{})
	if err == nil || !strings.HasPrefix(err.Error(), ns+": ") || !strings.Contains(err.Error(), "not permitted") {
		t.Errorf("error %v", err)
	}
}

// TestCost prints what going round costs (WEIR_NETNS=100 or 500, each with a
// Neutron router's rules in legacy or nftables form).
func TestCost(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("WEIR_NETNS"))
	if err != nil {
		n = 10
	}
	l := lab.NewBare(t, "nft")
	for i := range n {
		ns := l.Namespace(fmt.Sprintf("qrouter-%d", i))
		var b strings.Builder
		b.WriteString("table ip nat {\n chain c {\n")
		for k := range 30 {
			fmt.Fprintf(&b, "ip saddr 10.0.%d.0/24 accept\n", k)
		}
		b.WriteString("}\n}\n")
		l.Exec(ns, "sh", "-c", "printf '%s' '"+b.String()+"' | nft -f -")
	}
	cycle := 2 * time.Second
	if n > 10 {
		cycle = 10 * time.Second
	}
	s := New(Config{Names: []string{"weirlab-*qrouter-*"}, Cycle: cycle})
	h := start(t, s)
	used := func() time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
			t.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	l.Eventually(2*cycle, "once round", func() bool { return s.seen() >= uint64(n) })
	before, began, visits := used(), time.Now(), s.seen()
	l.Eventually(2*cycle, "round again", func() bool { return s.seen() >= visits+uint64(n) })
	took, cpu, visited := time.Since(began), used()-before, s.seen()-visits
	t.Logf("%d namespaces, %d visits in %v: %v of processor time, %.0f µs a visit", n, visited, took.Round(time.Millisecond), cpu,
		float64(cpu.Microseconds())/float64(max(visited, 1)))
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) != 0 {
		t.Errorf("told %q without a change", h.list)
	}
}

func (s *Source) seen() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.visits
}
