package collector

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/collector/sink/route"
	"weir/detect"
	"weir/detect/site"
)

// selfWorld runs a selfWatch second by second and notes what it raises.
type selfWorld struct {
	w   selfWatch
	now time.Time
	h   health
	got []string
	all []*detect.Alert
}

func newSelfWorld() *selfWorld {
	return &selfWorld{w: newSelfWatch("noc1", "fra1"), now: time.Unix(1772366400, 0), h: health{agents: 3}}
}

// pass lets seconds pass in which so many datagrams come and are dropped.
func (s *selfWorld) pass(seconds int, datagrams, dropped uint64) {
	for range seconds {
		s.now = s.now.Add(time.Second)
		s.h.datagrams += datagrams
		s.h.dropped += dropped
		for _, a := range s.w.second(s.now, s.h) {
			s.all = append(s.all, a)
			s.got = append(s.got, fmt.Sprintf("%d %s %s %s", s.now.Unix()-1772366400, a.Change, a.Kind, a.Evidence.Line()))
		}
	}
}

func (s *selfWorld) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, s.got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	s.got = nil
}

func TestCollectorIsDeaf(t *testing.T) {
	s := newSelfWorld()
	s.pass(660, 100, 0)
	s.expect(t)
	s.pass(20, 0, 0)
	s.expect(t, "666 start collector_deaf no datagram of 3 known agents for 6s")
	s.pass(5, 10, 0)
	s.expect(t, "681 end collector_deaf datagrams arrive again after 21s")
	a, b := s.all[0], s.all[1]
	if a.Key != b.Key || a.ID != b.ID || a.Severity != detect.Critical || a.State != detect.Confirmed || b.State != detect.Resolved || b.Seq != 2 {
		t.Errorf("%+v, %+v", a, b)
	}
	if onset := a.Onset().Unix() - 1772366400; onset != 660 {
		t.Errorf("onset %d, want when it was last heard", onset)
	}
}

// Where only counters come, every half minute, pauses are no silence.
func TestCollectorLearnsUsualPauses(t *testing.T) {
	s := newSelfWorld()
	for range 30 {
		s.pass(1, 5, 0)
		s.pass(29, 0, 0)
	}
	s.expect(t)
	s.pass(100, 0, 0)
	s.expect(t, "961 start collector_deaf no datagram of 3 known agents for 1m30s")
}

func TestCollectorIsDeafFromTheStart(t *testing.T) {
	s := newSelfWorld()
	s.pass(70, 0, 0)
	s.expect(t, "61 start collector_deaf no datagram of 3 known agents for 1m0s, since the start")
	s = newSelfWorld()
	s.h.agents = 0
	s.pass(3600, 0, 0)
	s.expect(t)
}

func TestCollectorIsOverloaded(t *testing.T) {
	s := newSelfWorld()
	s.pass(20, 1000, 0)
	s.pass(1, 1000, 50) // half a percent of ten seconds
	s.pass(20, 1000, 0)
	s.expect(t)
	s.pass(5, 1000, 300)
	s.expect(t, "42 start collector_overloaded the kernel dropped 300 datagrams of ours in 10 s, 2.9 % of what came: what is detected is too little")
	s.pass(60, 1000, 0)
	s.expect(t, "85 end collector_overloaded all is heard again; it was not from 12:00:41.000 to 12:00:46.000 UTC (5s): datagrams were dropped at its sockets")
}

func TestPagersFail(t *testing.T) {
	s := newSelfWorld()
	s.h.pagers, s.h.failing, s.h.why = 2, 1, "pagerduty: connection refused"
	s.pass(1000, 1, 0)
	s.h.failing = 2
	s.pass(200, 1, 0)
	s.h.failing = 1
	s.pass(1, 1, 0)
	s.h.failing = 2
	s.pass(300, 1, 0)
	s.expect(t)
	s.pass(10, 1, 0)
	s.expect(t, "1502 start pagers_failing no pager can be reached: pagerduty: connection refused")
	s.h.failing = 0
	s.pass(1, 1, 0)
	s.expect(t, "1512 end pagers_failing a pager works again")
}

func TestOwnAlertsNameTheCollector(t *testing.T) {
	s := newSelfWorld()
	s.pass(1, 1, 0)
	s.pass(60, 0, 0)
	if line := s.all[0].Line(); !strings.HasPrefix(line, "collector deaf weir on noc1: ") {
		t.Errorf("line %q", line)
	}
}

// What keeps silence from being judged is told with its interval, whatever it is.
func TestCollectorSaysWhenItIsBlind(t *testing.T) {
	s := newSelfWorld()
	s.pass(100, 1000, 0)
	at := func(sec, ms int) time.Time { return s.now.Add(time.Duration(sec*1000+ms) * time.Millisecond) }
	s.h.blinds = []site.Span{{From: at(0, 0), To: at(0, 900), Why: site.WhyHeldUp, Part: 1}, {From: at(1, 0), To: at(9, 0), Why: site.WhyDropped, Part: 0.2}}
	s.pass(20, 1000, 0)
	s.expect(t) // neither for long, nor all of it
	from := at(0, 0)
	s.h.blinds = []site.Span{{From: from, To: at(1, 500), Why: site.WhyShard, Part: 1}, {From: at(1, 500), To: at(2, 500), Why: site.WhyHeldUp, Part: 1}}
	s.pass(3, 1000, 0)
	s.h.blinds = append(s.h.blinds, site.Span{From: from.Add(4 * time.Second), To: from.Add(5 * time.Second), Why: site.WhyFacts, Part: 1})
	s.pass(60, 1000, 0)
	s.expect(t,
		"121 start collector_overloaded silence could not be judged from 12:02:00.000 to 12:02:02.500 UTC (2.5s): a part of its intake was held up; what was detected meanwhile is too little",
		"166 end collector_overloaded all is heard again; it was not from 12:02:00.000 to 12:02:05.000 UTC (5s): a part of its intake was held up")
	e := s.all[1].Evidence.(*route.Says)
	if !time.Time(e.From).Equal(from) || !time.Time(e.To).Equal(from.Add(5*time.Second)) {
		t.Errorf("from %v to %v", e.From, e.To)
	}
	if onset := s.all[0].Onset(); onset.Unix() != from.Unix() {
		t.Errorf("onset %v, want %v", onset, from)
	}
}

// A start that takes long is none of that.
func TestCollectorStartIsNotBlind(t *testing.T) {
	s := newSelfWorld()
	s.h.blinds = []site.Span{{From: s.now, To: s.now.Add(5 * time.Second), Why: site.WhyHeldUp, Part: 1}}
	s.pass(60, 1000, 0)
	s.expect(t)
}

// Nobody who speaks by himself is heard, though something arrives: then silence is
// not judged, and that is told.
func TestCollectorIsDeafToAllThatBeat(t *testing.T) {
	s := newSelfWorld()
	s.pass(700, 100, 0)
	s.h.deaf = s.now.Add(-6 * time.Second)
	s.pass(3, 100, 0)
	s.h.deaf = time.Time{}
	s.pass(3, 100, 0)
	s.expect(t, "701 start collector_deaf nothing is heard of any agent that speaks by itself for 7s, though something arrives", "704 end collector_deaf datagrams arrive again after 1s")
}
