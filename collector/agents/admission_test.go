package agents

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"weir/decoder"
)

// invented returns the i-th of many agents nobody has.
func (s *site) invented(i int) *decoder.Arrival {
	a := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 20<<24+uint32(i))))
	return &decoder.Arrival{At: s.now, Agent: a, From: netip.AddrPortFrom(a, 6343), Sequence: 1, Uptime: 1}
}

func TestInventedAgentsAreAdmittedSlowly(t *testing.T) {
	s := newSite(Config{})
	flood := func(from, n int) (in int) {
		for i := range n {
			if s.r.Arrival(s.invented(from + i)) {
				in++
			}
		}
		return in
	}
	if in := flood(0, 15000); in != 10000 {
		t.Errorf("%d of a burst admitted, want 10,000", in)
	}
	for second := range 5 {
		s.pass(time.Second)
		if in := flood(20000+1000*second, 1000); in != 100 {
			t.Errorf("second %d: %d admitted, want 100", second, in)
		}
	}
	s.pass(time.Second)
	if n := s.Totals(); n.RefusedRate != 5000+5*900 || n.Agents != 10500 || n.Datagrams != 20000 {
		t.Errorf("totals %+v", n)
	}
	if got := s.taken(); len(got) != 1 || got[0] != NoticeFlood {
		t.Errorf("notices %v, want one %s", got, NoticeFlood)
	}
}

func TestFloodDoesNotEvictRealAgents(t *testing.T) {
	s := newSite(Config{Limits: Limits{Agents: 500, AdmissionBurst: 100}})
	var real []*speaker
	for _, addr := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		real = append(real, s.speaker(addr, addr+":6343"))
	}
	n, minute := 0, 0
	for ; minute < 90; minute++ {
		for range 60 {
			s.now = s.now.Add(time.Second)
			if minute < 30 {
				for _, p := range real {
					if !p.say() {
						t.Fatalf("minute %d: %v refused", minute, p.addr)
					}
				}
			}
			for range 20 {
				n++
				s.r.Arrival(s.invented(n))
			}
			s.r.Tick(s.now)
		}
	}
	// The real ones have been silent for an hour by now, the invented ones come and go.
	for _, p := range real {
		if p.say(); s.r.cur.datagrams < 1800 {
			t.Errorf("%v was forgotten", p.addr)
		}
	}
	tt := s.Totals()
	if tt.Agents > 500 || tt.RefusedFull == 0 {
		t.Errorf("totals %+v", tt)
	}
	full := 0
	for _, k := range s.taken() {
		if k == NoticeFull {
			full++
		}
	}
	if full == 0 {
		t.Error("nobody said that the table is full")
	}
	if !s.r.Arrival(s.invented(1<<20)) && !s.full.Load() {
		t.Error("no place was found for a new agent although invented ones are silent for an hour")
	}
}

func TestKnownAgentsAreAdmittedAtOnce(t *testing.T) {
	var known []Known
	s := newSite(Config{Limits: Limits{AdmissionBurst: 1, AdmissionRate: 1}})
	for i := range 10000 {
		a := s.invented(i)
		known = append(known, Known{Agent: a.Agent, Source: a.From.Addr(), Name: "leaf", First: epoch0.Add(-time.Hour), Last: epoch0})
	}
	if n := s.LoadKnown(known); n != 10000 {
		t.Fatalf("%d taken", n)
	}
	for i := range 10000 {
		if !s.r.Arrival(s.invented(i)) {
			t.Fatalf("known agent %d refused", i)
		}
		s.r.Arrival(s.invented(100000 + i))
	}
	s.pass(100 * time.Millisecond)
	if n := s.Totals(); n.Agents != 10001 || n.Waiting != 0 || n.RefusedRate != 9999 {
		t.Errorf("totals %+v", n)
	}
	if a := s.all()[0]; !a.Known || a.Name != "leaf" || !a.FirstHeard.Equal(epoch0.Add(-time.Hour)) {
		t.Errorf("agent %+v", a)
	}
}

func TestPlacesAreKeptForKnownAgents(t *testing.T) {
	s := newSite(Config{Limits: Limits{Agents: 100}})
	var known []Known
	for i := range 60 {
		a := s.invented(i)
		known = append(known, Known{Agent: a.Agent, Source: a.Agent, Last: epoch0})
	}
	s.LoadKnown(known)
	for i := range 1000 {
		s.r.Arrival(s.invented(1000 + i))
	}
	for i := range 60 {
		if !s.r.Arrival(s.invented(i)) {
			t.Fatalf("known agent %d refused", i)
		}
	}
	s.r.Tick(s.now)
	if n := s.Totals(); n.Agents != 100 || n.RefusedFull != 960 {
		t.Errorf("totals %+v", n)
	}
}

func TestKnownIsWhoWasHeardForAWhile(t *testing.T) {
	s := newSite(Config{})
	old := Known{Agent: netip.MustParseAddr("10.0.0.1"), Source: netip.MustParseAddr("10.0.0.1"), First: epoch0.Add(-time.Hour), Last: epoch0.Add(-time.Minute)}
	s.LoadKnown([]Known{old})
	p := s.speaker("192.0.2.1", "198.51.100.1:6343")
	s.speaker("192.0.2.99", "198.51.100.9:6343").say() // once only
	for range 62 {
		p.say()
		s.pass(time.Second)
	}
	want := []Known{old, {Agent: p.addr, Source: p.from.Addr(), First: epoch0, Last: s.now.Add(-time.Second)}}
	if diff := cmp.Diff(want, s.Known(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAllowList(t *testing.T) {
	s := newSite(Config{Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}})
	for _, c := range []struct {
		agent, from string
		want        bool
	}{
		{"192.0.2.1", "192.0.2.1:6343", true},
		{"192.0.2.2", "198.51.100.1:6343", false},
		{"198.51.100.1", "192.0.2.1:6343", false},
		{"127.0.0.1", "192.0.2.1:6343", true},
		{"127.0.0.1", "198.51.100.1:6343", false},
		{"192.0.2.3", "[::ffff:192.0.2.3]:6343", true},
		{"2001:db8::7", "[2001:db8::7]:6343", true},
	} {
		if got := s.speaker(c.agent, c.from).say(); got != c.want {
			t.Errorf("%s from %s: admitted %v, want %v", c.agent, c.from, got, c.want)
		}
	}
	s.r.Tick(s.now)
	if n := s.Totals(); n.RefusedAllow != 3 || n.Agents != 4 {
		t.Errorf("totals %+v", n)
	}
	s.SetAllow([]netip.Prefix{netip.MustParsePrefix("2001:db8::/32")})
	if all := s.all(); len(all) != 1 || all[0].Agent != netip.MustParseAddr("2001:db8::7") {
		t.Errorf("after a change %d agents", len(all))
	}
	if s.speaker("192.0.2.1", "192.0.2.1:6343").say() {
		t.Error("an agent no longer allowed was admitted")
	}
}

func TestNoticesAreBounded(t *testing.T) {
	s := newSite(Config{Limits: Limits{Notices: 2}})
	for range 5 {
		s.notify(Notice{Kind: NoticeFull})
	}
	if n := s.Totals().NoticesDropped; n != 3 {
		t.Errorf("%d dropped, want 3", n)
	}
}
