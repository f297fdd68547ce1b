package site

import (
	"strings"
	"testing"
	"time"

	"weir/detect/site/fact"
)

// discarding plays sampled discards of a node, so many a second, for some time.
func discarding(w *world, e *polled, rate uint64, seconds int) {
	for range seconds {
		if rate > 0 {
			w.tell(fact.Fact{Kind: fact.Discards, Agent: e.number, A: rate, B: 263})
		}
		w.play(time.Second, e)
	}
}

// TestDropsRising: far more discards than before are told within five seconds, with
// their reason; what a node discards all the time is how it is, from the first on.
func TestDropsRising(t *testing.T) {
	for _, c := range []struct {
		name string
		play [][2]int // a second, seconds
		want []string
	}{
		{"none", [][2]int{{0, 600}}, nil},
		{"steady from the beginning", [][2]int{{50, 900}}, nil},
		{"steady, of many", [][2]int{{2000, 900}}, nil},
		{"a blackhole", [][2]int{{0, 120}, {300, 5}}, []string{"start drops_rising warning 10.1.0.1"}},
		{"over", [][2]int{{0, 120}, {300, 30}, {0, 40}}, []string{"start drops_rising warning 10.1.0.1", "end drops_rising warning 10.1.0.1"}},
		{"a little baseline", [][2]int{{5, 900}, {300, 5}}, []string{"start drops_rising warning 10.1.0.1"}},
		{"a baseline", [][2]int{{50, 900}, {500, 5}}, []string{"start drops_rising warning 10.1.0.1"}},
		{"a little more", [][2]int{{50, 900}, {100, 60}}, nil},
		{"a burst", [][2]int{{0, 120}, {1000, 1}, {0, 60}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			e := w.polled(21, "10.1.0.1")
			w.play(20*time.Second, e)
			for _, p := range c.play {
				discarding(w, e, uint64(p[0]), p[1])
			}
			if len(c.want) > 0 {
				if line := w.last(DropsRising).Line(); !strings.Contains(line, "cause: ") {
					t.Error(line)
				}
			}
			w.want(c.want...)
		})
	}
}

// TestInterfaceErrors: errors at every poll are told after ten seconds, and end; a
// few are not.
func TestInterfaceErrors(t *testing.T) {
	w := newWorld(t)
	e := w.polled(21, "10.1.0.1")
	e.port(3, "eth3", 3)
	errors := func(n uint64, seconds int) {
		for range seconds {
			if n > 0 {
				w.tell(fact.Fact{Kind: fact.PortErrors, Agent: 21, Index: 3, A: n, C: 1000})
			}
			w.play(time.Second, e)
		}
	}
	errors(0, 30)
	errors(100, 3)
	errors(0, 30)
	w.want()
	errors(100, 14)
	w.want("start interface_errors warning 10.1.0.1 eth3")
	errors(0, 60)
	w.want("end interface_errors warning 10.1.0.1 eth3")
}

// TestHostRestarted: a host whose uptime fell is told at once; as information where
// its agent had said that it would stop.
func TestHostRestarted(t *testing.T) {
	w := newWorld(t)
	e := w.polled(21, "10.1.0.1")
	w.play(20*time.Second, e)
	w.tell(fact.Fact{Kind: fact.HostUptime, Agent: 21, Index: 1, A: 12, B: 90000})
	w.play(200*time.Millisecond, e)
	if line := w.last(HostRestarted).Line(); !strings.Contains(line, "12s ago, unannounced") {
		t.Error(line)
	}
	w.want("start host_restarted warning 10.1.0.1", "end host_restarted warning 10.1.0.1")
	w.site.order[0].stopping, w.site.order[0].why = w.now.UnixNano()+60*second, "shutdown"
	w.tell(fact.Fact{Kind: fact.HostUptime, Agent: 21, Index: 1, A: 12, B: 90000})
	w.play(200*time.Millisecond, e)
	w.want("start host_restarted info 10.1.0.1", "end host_restarted info 10.1.0.1")
}
