package agents

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
)

// epoch0 is when tests begin.
var epoch0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// site is a registry with a clock.
type site struct {
	*Shared
	r   *Registry
	now time.Time
}

func newSite(cfg Config) *site {
	sh := NewShared(cfg)
	return &site{sh, NewRegistry(sh), epoch0}
}

// pass lets time go by, with a tick every 100 ms.
func (s *site) pass(d time.Duration) {
	for end := s.now.Add(d); s.now.Before(end); {
		s.now = s.now.Add(min(100*time.Millisecond, end.Sub(s.now)))
		s.r.Tick(s.now)
	}
}

// speaker is an agent as it sends.
type speaker struct {
	s      *site
	addr   netip.Addr
	from   netip.AddrPort
	sub    uint32
	seq    sflow.Seq
	booted time.Time
}

func (s *site) speaker(addr, from string) *speaker {
	return &speaker{s: s, addr: netip.MustParseAddr(addr), from: netip.MustParseAddrPort(from), booted: epoch0.Add(-time.Hour)}
}

func (p *speaker) arrival() *decoder.Arrival {
	p.seq++
	return &decoder.Arrival{
		At: p.s.now, From: p.from, Agent: p.addr, SubAgent: p.sub,
		Sequence: p.seq, Uptime: uint32(p.s.now.Sub(p.booted).Milliseconds()),
	}
}

// say sends an empty datagram.
func (p *speaker) say() bool { return p.s.r.Arrival(p.arrival()) }

// flow sends a flow sample and returns it as filled.
func (p *speaker) flow(f decoder.Flow) *decoder.Flow {
	f.Arrival = p.arrival()
	p.s.r.Arrival(f.Arrival)
	p.s.r.Flow(&f)
	return &f
}

// counters sends a counter sample of interface source.
func (p *speaker) counters(src sflow.DataSource, seq uint32, records ...sflow.Appender) {
	c := decoder.Counters{Arrival: p.arrival(), Sample: counterSample(src, seq, records...)}
	p.s.r.Arrival(c.Arrival)
	p.s.r.Counters(&c)
}

func counterSample(src sflow.DataSource, seq uint32, records ...sflow.Appender) sflow.CounterSample {
	s := sflow.CounterSample{Sequence: sflow.Seq(seq), Source: src, NumRecords: uint32(len(records))}
	for _, r := range records {
		s.RecordData = r.Append(s.RecordData)
	}
	return s
}

func port(index uint32) sflow.DataSource { return sflow.DataSource{Index: index} }

func bridge(index uint32) sflow.DataSource {
	return sflow.DataSource{Class: sflow.ClassEntity, Index: index}
}

func single(index uint32) sflow.Port { return sflow.Port{Value: index} }

// all returns the agents as a reader sees them now.
func (s *site) all() []*AgentInfo {
	for range 2 { // an agent that moved is forgotten at the tick after
		s.r.Tick(s.now)
	}
	s.r.Publish()
	return s.Agents()
}

func (s *site) only(t *testing.T) *AgentInfo {
	t.Helper()
	all := s.all()
	if len(all) != 1 {
		t.Fatalf("%d agents, want 1: %+v", len(all), all)
	}
	return all[0]
}

func (s *site) taken() (kinds []NoticeKind) {
	for {
		select {
		case n := <-s.Notices():
			kinds = append(kinds, n.Kind)
		default:
			return kinds
		}
	}
}

func TestAgentKeepsItsIdentityOverSourcePorts(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:40000")
	for range 50 {
		p.say()
		s.pass(time.Second)
	}
	p.from, p.seq, p.booted = netip.MustParseAddrPort("192.0.2.1:41000"), 0, s.now
	for range 50 {
		s.pass(time.Second)
		p.say()
	}
	a := s.only(t)
	if d := a.SubAgents[0].Datagrams; d.Lost != 0 || d.Received != 100 || d.Spaces != 1 || a.SubAgents[0].Restarts != 1 {
		t.Errorf("after a restart on another port: %+v", a.SubAgents[0])
	}
	if n := s.Totals(); n.LostDatagrams != 0 || n.Restarts != 1 || n.Agents != 1 {
		t.Errorf("totals %+v", n)
	}
}

func TestSourceAddressSeparatesAgentsThatClaimOneAddress(t *testing.T) {
	s := newSite(Config{})
	a, b := s.speaker("192.0.2.1", "198.51.100.1:6343"), s.speaker("192.0.2.1", "198.51.100.2:6343")
	b.seq = 7000
	for range 20 {
		a.say()
		b.say()
		s.pass(time.Second)
	}
	all := s.all()
	if len(all) != 2 || !all[0].Contested || !all[1].Contested {
		t.Fatalf("want two contested agents, got %+v", all)
	}
	for _, i := range all {
		if d := i.SubAgents[0].Datagrams; d.Lost != 0 || d.Received != 20 {
			t.Errorf("%v: %+v", i.Source, d)
		}
	}
	if got := s.taken(); len(got) != 1 || got[0] != NoticeContested {
		t.Errorf("notices %v, want one %s", got, NoticeContested)
	}
}

func TestLoopbackAgentsAreTheirSources(t *testing.T) {
	for _, addr := range []string{"127.0.0.1", "::1", "fe80::1"} {
		s := newSite(Config{})
		a, b := s.speaker(addr, "198.51.100.1:6343"), s.speaker(addr, "198.51.100.2:6343")
		for range 20 {
			a.say()
			s.pass(30 * time.Second)
		}
		for range 20 {
			b.say()
			s.pass(30 * time.Second)
		}
		if all := s.all(); len(all) != 2 || all[0].Contested {
			t.Errorf("%s: %d agents, want 2 that do not contest it", addr, len(all))
		}
		if got := s.taken(); len(got) != 0 {
			t.Errorf("%s: notices %v, want none", addr, got)
		}
	}
}

func TestUnspecifiedAgentIsItsSource(t *testing.T) {
	s := newSite(Config{})
	s.speaker("0.0.0.0", "198.51.100.1:6343").say()
	if a := s.only(t); a.Agent != netip.MustParseAddr("198.51.100.1") {
		t.Errorf("agent %v, want its source", a.Agent)
	}
}

// TestAgentMovesToAnotherSource moves an agent between two shards.
func TestAgentMovesToAnotherSource(t *testing.T) {
	s := newSite(Config{})
	r2 := NewRegistry(s.Shared)
	p := s.speaker("192.0.2.1", "198.51.100.1:6343")
	for range 60 {
		p.say()
		s.pass(time.Second)
	}
	s.r.Publish()
	first := s.Agents()[0]
	p.from = netip.MustParseAddrPort("198.51.100.2:6343")
	p.seq += 20 // sent on the way
	for range 20 {
		s.now = s.now.Add(time.Second)
		r2.Arrival(p.arrival())
		s.r.Tick(s.now)
		r2.Tick(s.now)
	}
	r2.Publish()
	a := s.only(t)
	if a.Source != p.from.Addr() || !a.FirstHeard.Equal(first.FirstHeard) || !a.LastHeard.Equal(s.now) || a.Contested {
		t.Errorf("after the move: %+v, want heard from %v", a, first.FirstHeard)
	}
	if n := s.Totals(); n.LostDatagrams != 0 || n.Restarts != 0 || n.Agents != 1 {
		t.Errorf("totals %+v", n)
	}
	if addr, _ := s.Agent(first.Number); addr != a.Agent {
		t.Errorf("the old number finds %v", addr)
	}
	if src := s.find(first.Number).source; src != a.Source {
		t.Errorf("the old number finds source %v", src)
	}
	if got := s.taken(); len(got) != 1 || got[0] != NoticeMoved {
		t.Errorf("notices %v, want one %s", got, NoticeMoved)
	}
}

func TestManyAgentsBehindOneSourceAreOneWarning(t *testing.T) {
	s := newSite(Config{})
	var all []*speaker
	for i := range 50 {
		all = append(all, s.speaker(fmt.Sprintf("10.9.0.%d", i+1), fmt.Sprintf("203.0.113.7:%d", 5000+i)))
	}
	for range 20 {
		for _, p := range all {
			if !p.say() {
				t.Fatalf("%v refused", p.addr)
			}
		}
		s.pass(time.Second)
	}
	select {
	case n := <-s.Notices():
		if n.Kind != NoticeSharedSource || n.Count != 50 || n.Source != all[0].from.Addr() || len(n.Agents) != 8 || n.Agents[7] != all[7].addr {
			t.Errorf("notice %+v", n)
		}
	default:
		t.Error("no notice")
	}
	if got := s.taken(); len(got) != 0 {
		t.Errorf("more notices: %v", got)
	}
	if n := len(s.all()); n != 50 {
		t.Errorf("%d agents, want 50", n)
	}
}

func TestSubAgentsHaveSequencesOfTheirOwn(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	seqs := [3]sflow.Seq{5, 900, 100000}
	for range 100 {
		for i := range seqs {
			p.sub, p.seq = uint32(i), seqs[i]
			p.say()
			seqs[i]++
		}
		s.now = s.now.Add(50 * time.Millisecond)
	}
	for _, sub := range s.only(t).SubAgents {
		if sub.Datagrams.Lost != 0 || sub.Datagrams.Received != 100 || sub.Datagrams.Spaces != 1 {
			t.Errorf("%+v", sub)
		}
	}
}

func TestEpochIsNoLossAndNoMove(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	f := func() *decoder.Flow {
		return &decoder.Flow{Sample: sflow.FlowSample{Sequence: p.seq, Source: port(1), SamplingRate: 100, SamplePool: uint32(p.seq) * 200}}
	}
	for range 200 {
		p.flow(*f())
		s.pass(100 * time.Millisecond)
	}
	if got := p.flow(*f()).Est.SamplingRate; got != 200 {
		t.Fatalf("rate %d, want 200 by the pool", got)
	}
	for _, jump := range []time.Duration{5000 * time.Hour, -9000 * time.Hour} {
		s.now = s.now.Add(jump)
		s.r.Epoch(s.now)
		p.booted, p.seq = s.now.Add(-time.Minute), p.seq+50
		if got := p.flow(*f()).Est.SamplingRate; got != 100 {
			t.Errorf("rate %d, want what is sent until the pool is known anew", got)
		}
		for range 20 {
			s.pass(time.Second)
			p.flow(*f())
		}
	}
	if n := s.Totals(); n.LostDatagrams != 0 || n.LostFlowSamples != 0 || n.Restarts != 0 || n.Agents != 1 {
		t.Errorf("totals %+v", n)
	}
	if got := s.taken(); len(got) != 0 {
		t.Errorf("notices %v", got)
	}
}

// TestInterleavedSpacesOfOneAgent lets two line cards speak under one agent,
// sub-agent and data source, with sequences, uptimes and pools of their own, at
// random and losing one per cent. 40,000 datagrams with one sample each: the
// standard error of the loss is 0.05 %.
func TestInterleavedSpacesOfOneAgent(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	s := newSite(Config{})
	cards := [2]*speaker{s.speaker("192.0.2.1", "192.0.2.1:6343"), s.speaker("192.0.2.1", "192.0.2.1:6343")}
	cards[0].seq, cards[1].seq = 24489, 18300
	cards[1].booted = cards[1].booted.Add(45 * time.Second)
	samples := [2]int{1 << 20, 1 << 28}
	pools := [2]uint32{1 << 31, 1<<32 - 1000}
	wrong := 0
	for i := range 40_000 {
		s.now = s.now.Add(time.Duration(rng.IntN(20)) * time.Millisecond)
		k := rng.IntN(2)
		samples[k]++
		pools[k] += 250
		if rng.IntN(100) == 0 {
			cards[k].seq++
			continue
		}
		f := flowSample(samples[k], port(1), single(1), single(2))
		f.Sample.SamplePool = pools[k]
		if got := cards[k].flow(f).Est.SamplingRate; got != 250 && i > 1000 {
			wrong++
		}
	}
	a := s.only(t)
	for what, d := range map[string]SequenceInfo{"datagrams": a.SubAgents[0].Datagrams, "flow samples": a.Sources[0].Flows} {
		if l := d.LossRatio(); l < 0.008 || l > 0.012 || d.Spaces != 2 {
			t.Errorf("%s: loss %.3f %%, want 0.8 to 1.2, in 2 spaces: %+v", what, 100*l, d)
		}
	}
	if wrong > 0 || a.SubAgents[0].Restarts > 0 {
		t.Errorf("%d samples with a wrong rate, %d restarts", wrong, a.SubAgents[0].Restarts)
	}
}
