package link

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/bench/lab"
	"weir/hostagent/source"
)

func TestPatternsSelect(t *testing.T) {
	l, ns, s, table := node(t)
	s.cfg.Names, s.cfg.Except = []string{"v*", "br0"}, []string{"vx*"}
	got := collect(t, l, ns, s, time.Now())
	var names []string
	table.Each(func(i *Info) bool {
		if got.counters(i.Index) != nil {
			names = append(names, i.Name)
		}
		return true
	})
	if diff := cmp.Diff([]string{"br0", "v1", "v0"}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestMostAreBounded(t *testing.T) {
	l, ns, s, _ := node(t)
	s.cfg.Max = 2
	var snap source.Snapshot
	l.In(ns, func() {
		if err := s.Collect(time.Now(), &snap); err == nil {
			t.Error("nothing says that interfaces are left out")
		}
	})
	if got := read(t, &snap); len(got.samples) != 2 {
		t.Errorf("%d interfaces told, want 2", len(got.samples))
	}
}

// TestPollAllocatesLittle keeps a poll of every second cheap.
func TestPollAllocatesLittle(t *testing.T) {
	l, ns, s, _ := node(t)
	var snap source.Snapshot
	at := time.Now()
	l.In(ns, func() {
		poll := func() {
			at = at.Add(time.Second)
			snap.Reset()
			if err := s.Collect(at, &snap); err != nil {
				t.Fatal(err)
			}
		}
		poll()
		poll()
		if n := testing.AllocsPerRun(50, poll); n > 8 {
			t.Errorf("%v allocations a poll", n)
		}
	})
}

// BenchmarkPoll measures one poll of 300 interfaces, as a node with a hundred
// instances has them.
func BenchmarkPoll(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root")
	}
	l := lab.NewBare(b)
	ns := l.Namespace("node")
	for i := range 150 {
		l.IP("-n", ns, "link", "add", fmt.Sprintf("v%d", i), "type", "veth", "peer", "name", fmt.Sprintf("w%d", i))
	}
	s := New(Config{Names: []string{"*"}, Fast: []Kind{Veth}, Slow: 10 * time.Second, Max: 1000}, NewTable())
	var snap source.Snapshot
	l.In(ns, func() {
		b.ReportAllocs()
		at := time.Now()
		for b.Loop() {
			at = at.Add(time.Second)
			snap.Reset()
			if err := s.Collect(at, &snap); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(snap.Len()), "samples")
	})
}
