package site

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSpansJoin: of times that overlap the one counts that takes more.
func TestSpansJoin(t *testing.T) {
	type s struct {
		from, to int64
		part     float64
	}
	for _, c := range []struct {
		name string
		add  []s
		want []s
		t    int64
		lost int64
	}{
		{"one after another", []s{{0, 100, 1}, {200, 300, 0.5}}, []s{{0, 100, 1}, {200, 300, 0.5}}, 50, 100},
		{"one that grows", []s{{0, 100, 1}, {0, 200, 1}, {0, 300, 1}}, []s{{0, 300, 1}}, 100, 200},
		{"a pause within drops", []s{{0, 1000, 0.1}, {200, 400, 1}}, []s{{0, 200, 0.1}, {200, 400, 1}, {400, 1000, 0.1}}, 0, 280},
		{"drops within a pause", []s{{0, 1000, 1}, {200, 400, 0.1}}, []s{{0, 200, 1}, {200, 400, 1}, {400, 1000, 1}}, 0, 1000},
		{"drops at the end of a pause", []s{{0, 1000, 1}, {600, 1600, 0.5}}, []s{{0, 600, 1}, {600, 1000, 1}, {1000, 1600, 0.5}}, 500, 800},
		{"what comes late", []s{{500, 600, 1}, {100, 200, 1}}, []s{{100, 200, 1}, {500, 600, 1}}, 0, 200},
		{"around", []s{{500, 600, 0.5}, {100, 900, 1}}, []s{{100, 500, 1}, {500, 600, 1}, {600, 900, 1}}, 0, 800},
		{"nothing", []s{{5, 5, 1}, {9, 3, 1}}, nil, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b blindness
			for _, x := range c.add {
				b.add(span{from: x.from, to: x.to, part: x.part})
			}
			join := func(all []s) (out []s) {
				for _, x := range all {
					if n := len(out); n > 0 && out[n-1].to == x.from && out[n-1].part == x.part {
						out[n-1].to = x.to
						continue
					}
					out = append(out, x)
				}
				return out
			}
			var got []s
			for _, x := range b.spans {
				got = append(got, s{x.from, x.to, x.part})
			}
			if diff := cmp.Diff(join(c.want), join(got), cmp.AllowUnexported(s{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := b.since(c.t); got != c.lost {
				t.Errorf("since %d: %d, want %d", c.t, got, c.lost)
			}
		})
	}
	var b blindness
	for i := range int64(20000) {
		b.add(span{from: 10 * i, to: 10*i + 5, part: 1})
		if len(b.spans) > maxSpans {
			t.Fatalf("%d spans", len(b.spans))
		}
	}
	if got := b.since(199000); got != 500 {
		t.Errorf("%d ns of the last are blind, want 500", got)
	}
}

// dropsSome has a share of all datagrams dropped at our sockets, in every second.
func dropsSome(w *world, share float64, d time.Duration) {
	for range int(d / (100 * time.Millisecond)) {
		w.site.Dropped(w.now.UnixNano(), w.now.Add(100*time.Millisecond).UnixNano(), uint64(1e6*(1-share)), uint64(1e6*share))
		w.run(100 * time.Millisecond)
	}
}

// TestFewDropsDoNotBlind: while few datagrams are dropped here, all the time, a
// node that stops is found as ever; the more there are the later.
func TestFewDropsDoNotBlind(t *testing.T) {
	for _, c := range []struct {
		share  float64
		within time.Duration
	}{{0.0001, 6 * time.Second}, {0.005, 9 * time.Second}, {0.05, 15 * time.Second}} {
		rng := rand.New(rand.NewPCG(3, 4))
		w := newWorld(t)
		for range 20 {
			w.node(1).lost = func() bool { return rng.Float64() < c.share }
		}
		a := w.nodes[0]
		a.seenAt = w.nodes[1]
		dropsSome(w, c.share, 10*time.Minute)
		if got := w.lines(); len(got) > 0 {
			t.Errorf("%.2f %%: %v while all are well", 100*c.share, got)
		}
		a.up = false
		dropsSome(w, c.share, c.within)
		w.want("start node_down critical cn1")
	}
}

// TestManyDropsBlind: where most is dropped nobody is called silent, and the
// timeline of what is found afterwards says from when to when that was.
func TestManyDropsBlind(t *testing.T) {
	w := newWorld(t)
	rng, share := rand.New(rand.NewPCG(3, 4)), 0.0
	for range 5 {
		w.node(1).lost = func() bool { return rng.Float64() < share }
	}
	w.nodes[0].seenAt = w.nodes[1]
	w.run(time.Minute)
	w.nodes[0].up = false
	from := w.now
	share = 0.6
	dropsSome(w, share, 20*time.Second)
	to := w.now
	share = 0
	if got := w.lines(); len(got) > 0 {
		t.Fatalf("told %v while nothing could be", got)
	}
	w.run(8 * time.Second)
	a := w.last(NodeDown)
	i, ok := w.site.Incident(a.Incident)
	if !ok {
		t.Fatal("no incident")
	}
	found := false
	for _, s := range i.Steps {
		if strings.Contains(s.What, "silence could not be judged") {
			found = true
			if !time.Time(s.At).Equal(from) || !time.Time(s.Until).Equal(to) || s.Is != string(WhyDropped) {
				t.Errorf("blind from %v until %v: %s; want %v until %v", s.At, s.Until, s.Is, from, to)
			}
		}
	}
	if !found {
		t.Errorf("the blind interval is not in the timeline: %+v", i.Steps)
	}
}
