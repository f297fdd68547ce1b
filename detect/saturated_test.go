package detect

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// linkTest gives an engine the counters of one interface every 20 s.
type linkTest struct {
	w  *world
	at time.Duration
}

func (l *linkTest) counters(n int, bits, discards float64) {
	for range n {
		l.at += 20 * sec
		l.w.until(l.at)
		l.w.shards[0].Link(&LinkRates{
			At: epoch.Add(l.at).UnixNano(), Agent: 1, Interface: 7, Speed: 10e9,
			BitsPerSecond: [2]float64{1e9, bits}, Discards: [2]float64{-1, discards},
		})
	}
	l.w.until(l.at + 200*time.Millisecond)
}

func (l *linkTest) changes() string {
	var c []string
	for _, a := range l.w.alerts {
		if a.Kind == LinkSaturated {
			c = append(c, string(a.Change))
		}
	}
	return strings.Join(c, " ")
}

func TestLinkSaturated(t *testing.T) {
	for _, c := range []struct {
		name string
		play func(*linkTest)
		want string
	}{
		{"full for a minute", func(l *linkTest) { l.counters(4, 9.5e9, 0) }, "start"},
		{"full for less", func(l *linkTest) { l.counters(3, 9.5e9, 0); l.counters(5, 5e9, 0) }, ""},
		{"nearly full", func(l *linkTest) { l.counters(10, 8.9e9, 0) }, ""},
		{"discards of a busy link", func(l *linkTest) { l.counters(4, 6e9, 50) }, "start"},
		{"discards of an idle link", func(l *linkTest) { l.counters(10, 1e8, 50) }, ""},
		{"relieved for a minute", func(l *linkTest) { l.counters(5, 9.5e9, 0); l.counters(4, 5e9, 0) }, "start update update update update end"},
		{"hovering", func(l *linkTest) { l.counters(4, 9.5e9, 0); l.counters(5, 8.5e9, 0) }, "start update update update update update"},
		{"a dip", func(l *linkTest) { l.counters(4, 9.5e9, 0); l.counters(2, 5e9, 0); l.counters(1, 9.5e9, 0) }, "start update update update"},
		{"counters stop", func(l *linkTest) { l.counters(4, 9.5e9, 0); l.w.until(l.at + 6*time.Minute) }, "start end"},
		{"unknown rate", func(l *linkTest) { l.counters(10, -1, -1) }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := &linkTest{w: newWorld(1, tenPercent)}
			c.play(l)
			if got := l.changes(); got != c.want {
				t.Errorf("changes %q, want %q", got, c.want)
			}
			if c.name == "counters stop" && l.w.alerts[1].Reason != ReasonNoCounters {
				t.Errorf("reason %q", l.w.alerts[1].Reason)
			}
		})
	}
}

// The flows that fill the link are its evidence.
func TestLinkSaturatedNamesItsFlows(t *testing.T) {
	w := newWorld(1, tenPercent)
	l := &linkTest{w: w}
	events := generate(1, share(1, 0.6, 1, 0, 100*sec), share(2, 0.3, 1, 0, 100*sec))
	for range 4 {
		n := 0
		for n < len(events) && events[n].at < l.at+20*sec {
			n++
		}
		for i := range events[:n] {
			events[i].s.vantage.Source = 1
		}
		w.play(events[:n])
		events = events[n:]
		l.at += 20 * sec
		w.until(l.at)
		w.shards[0].Link(&LinkRates{At: epoch.Add(l.at).UnixNano(), Agent: 1, Interface: 2, Speed: 10e9, BitsPerSecond: [2]float64{0, 9.6e9}, Discards: [2]float64{0, 12}})
	}
	w.until(l.at + 200*time.Millisecond)
	var a *Alert
	for _, x := range w.alerts {
		if x.Kind == LinkSaturated {
			a = x
		}
	}
	if a == nil {
		t.Fatal("no alert")
	}
	e := a.Evidence.(*LinkEvidence)
	if len(e.Flows) != 2 || e.Flows[0].BitsPerSecond < e.Flows[1].BitsPerSecond || e.Flows[0].Flow.Src.String() != "10.0.0.1" || a.Severity != Warning {
		t.Errorf("%+v", e)
	}
	if b, err := json.Marshal(a); err != nil || !json.Valid(b) {
		t.Errorf("%s, %v", b, err)
	}
	if line := a.Line(); !strings.HasPrefix(line, "link saturated leaf1 Ethernet2 out: 9.6Gbit/s of 10Gbit/s (96 %) for 60 s, 12 discards/s; largest flow") {
		t.Errorf("line: %s", line)
	}
	if e.Flows[0].Usual || strings.Contains(e.Line(), "usual") {
		t.Errorf("usual on the first day: %s", e.Line())
	}
	for _, b := range w.engine.habits.groups { // as if it had been there on the days before
		for i := range b.hours {
			b.hours[i] *= 0b1111
		}
	}
	e = w.engine.linkEvidence(w.engine.links.links[linkKey{1, 2, true}], epoch.Add(l.at).UnixNano())
	if !e.Flows[0].Usual || !strings.HasSuffix(e.Line(), "TCP, usual at this hour") {
		t.Errorf("not usual on the fourth day: %s", e.Line())
	}
	w.engine.Close(epoch.Add(l.at), w.emit, ReasonShutdown)
	for _, x := range w.alerts {
		if x.Kind == LinkSaturated && x.Change == End && x.Reason == ReasonShutdown {
			return
		}
	}
	t.Error("Close did not end it")
}
