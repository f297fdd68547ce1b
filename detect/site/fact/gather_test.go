package fact

import (
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
	"weir/decoder/witness"
)

var start = time.Unix(1_700_000_000, 0)

// feed decodes datagrams into a Gatherer, as a shard does.
type feed struct {
	t       testing.TB
	g       *Gatherer
	decoder decoder.Decoder
	now     time.Time
	seq     sflow.Seq
	facts   []Fact
}

func newFeed(t testing.TB) *feed { return &feed{t: t, g: NewGatherer(Keys{}), now: start} }

func (f *feed) Arrival(a *decoder.Arrival)   { f.g.Arrival(a, 1) }
func (f *feed) Counters(c *decoder.Counters) { f.g.Counters(c) }
func (f *feed) Discard(d *decoder.Discard)   { f.g.Discard(d) }
func (f *feed) Metrics(m *decoder.Metrics)   { f.g.Metrics(m) }
func (f *feed) Flow(s *decoder.Flow) {
	s.Est.Vantage = decoder.Vantage{Agent: 1, Source: 2}
	f.g.Flow(s)
}

// send is one datagram made by fill.
func (f *feed) send(fill func(*sflow.Builder)) {
	f.t.Helper()
	f.seq++
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: f.seq, Uptime: uint32(f.now.Sub(start).Milliseconds()) + 1000})
	fill(&b)
	if err := f.decoder.Decode(b.Bytes(), netip.MustParseAddrPort("192.0.2.1:6343"), f.now, f); err != nil {
		f.t.Fatal(err)
	}
}

// tick lets time pass and takes what was told.
func (f *feed) tick(d time.Duration) []Fact {
	f.now = f.now.Add(d)
	f.g.Tick(f.now)
	f.facts, _ = f.g.Take(f.facts[:0])
	return f.facts
}

func count(facts []Fact, k Kind) (n int) {
	for i := range facts {
		if facts[i].Kind == k {
			n++
		}
	}
	return n
}

func find(t *testing.T, facts []Fact, k Kind) *Fact {
	t.Helper()
	for i := range facts {
		if facts[i].Kind == k {
			return &facts[i]
		}
	}
	t.Fatalf("no fact of kind %d among %d", k, len(facts))
	return nil
}

func counters(b *sflow.Builder, index uint32, name string, status uint32, in, out uint64) {
	b.CounterSample(&sflow.CounterSample{Sequence: 1, Source: sflow.DataSource{Index: index}}, false,
		&sflow.IfCounters{Index: index, Type: 6, Speed: 1e10, Status: status, InOctets: sflow.Counter64(in), OutOctets: sflow.Counter64(out), InUcastPkts: sflow.Counter32(in / 100), OutUcastPkts: sflow.Counter32(out / 100)},
		&sflow.PortName{Name: sflow.Text(name)}, &sflow.OFPort{DatapathID: 7, PortNo: index})
}

// TestFactsAreOfChanges: what is polled again and again is told once, its
// change at once, its end after three polls.
func TestFactsAreOfChanges(t *testing.T) {
	f := newFeed(t)
	poll := func(status uint32, both bool) []Fact {
		f.send(func(b *sflow.Builder) {
			counters(b, 3, "tap1", status, uint64(f.seq)*1000, uint64(f.seq)*1000)
			if both {
				counters(b, 4, "eth1", 3, uint64(f.seq)*1000, uint64(f.seq)*1000)
			}
		})
		return f.tick(time.Second)
	}
	first := poll(3, true)
	if count(first, Sender) != 1 || count(first, Port) != 2 || count(first, Alive) != 1 {
		t.Fatalf("%+v", first)
	}
	if d := find(t, first, Port).Detail; d.Name != "tap1" || !d.Instance || d.Status != 3 || d.Was != StatusNew || d.Datapath != 7 {
		t.Errorf("%+v", d)
	}
	for range 20 {
		if got := poll(3, true); len(got) != 1 || got[0].Kind != Alive {
			t.Fatalf("%+v, want that it lives", got)
		}
	}
	down := poll(1, true)
	if d := find(t, down, Port).Detail; d.Status != 1 || d.Was != 3 {
		t.Errorf("%+v", d)
	}
	gone := 0
	for i := range 6 {
		got := poll(1, false)
		if n := count(got, PortGone); n > 0 {
			gone += n
			if i < 2 || i > 4 || find(t, got, PortGone).Index != 4 {
				t.Errorf("gone after %d polls: %+v", i+1, got)
			}
		}
	}
	if gone != 1 {
		t.Errorf("gone %d times", gone)
	}
	if back := poll(1, true); find(t, back, Port).Index != 4 {
		t.Errorf("%+v", back)
	}
}

// TestAllOnesAreUnknown: the counters of a port whose device has vanished are no
// values.
func TestAllOnesAreUnknown(t *testing.T) {
	f := newFeed(t)
	f.send(func(b *sflow.Builder) { counters(b, 3, "tap1", 3, 1000, 1000) })
	f.tick(time.Second)
	f.send(func(b *sflow.Builder) {
		b.CounterSample(&sflow.CounterSample{Source: sflow.DataSource{Index: 3}}, false, &sflow.IfCounters{
			Index: 3, InOctets: 1<<64 - 1, OutOctets: 1<<64 - 1, InUcastPkts: 1<<32 - 1, OutUcastPkts: 1<<32 - 1, InErrors: 1<<32 - 1, OutErrors: 1<<32 - 1, InDiscards: 1<<32 - 1, OutDiscards: 1<<32 - 1,
		}, &sflow.PortName{Name: sflow.Text("tap1")}, &sflow.OFPort{DatapathID: 7, PortNo: 3})
	})
	got := f.tick(time.Second)
	if d := find(t, got, Port).Detail; !d.Unknown || d.Status != 0 {
		t.Errorf("%+v", d)
	}
	if count(got, PortErrors)+count(got, PortFlat) > 0 {
		t.Errorf("%+v", got)
	}
}

// counting returns what polls tap1 each second, after so many octets in and out, and
// what lets its counters begin anew.
func (f *feed) counting() (step func(dIn, dOut uint64) []Fact, restart func()) {
	in, out := uint64(0), uint64(0)
	return func(dIn, dOut uint64) []Fact {
		in, out = in+dIn, out+dOut
		f.send(func(b *sflow.Builder) { counters(b, 3, "tap1", 3, in, out) })
		return f.tick(time.Second)
	}, func() { in, out = 0, 0 }
}

// TestStillnessIsLearned: a port that always answers and no longer does is told
// after two polls; one that often does not is not.
func TestStillnessIsLearned(t *testing.T) {
	f := newFeed(t)
	step, _ := f.counting()
	for range 20 {
		step(1000, 1000)
	}
	if got := step(0, 1000); count(got, PortFlat) != 0 {
		t.Errorf("told after one poll")
	}
	p := find(t, step(0, 1000), PortFlat)
	if p.A != 0 || p.B>>32 != 2000 || p.B&0xffffffff != 20 || p.C < 5000 {
		t.Errorf("direction %d, %d ms, %d packets, %d", p.A, p.B>>32, p.B&0xffffffff, p.C)
	}
	if p := find(t, step(1000, 1000), PortFlat); p.B != 0 {
		t.Errorf("moves again: %+v", p)
	}
}

// TestStillnessOutlivesARestart: counters that begin anew end what was told of
// a port when it moves, and what is usual for it stays known.
func TestStillnessOutlivesARestart(t *testing.T) {
	f := newFeed(t)
	step, restart := f.counting()
	for range 20 {
		step(1000, 1000)
	}
	step(0, 1000)
	find(t, step(0, 1000), PortFlat)
	restart()
	step(0, 0)
	if p := find(t, step(1000, 1000), PortFlat); p.B != 0 {
		t.Errorf("moves again: %+v", p)
	}
	step(0, 1000)
	if p := find(t, step(0, 1000), PortFlat); p.B>>32 != 2000 {
		t.Errorf("still again: %+v", p)
	}
}

// TestBridgeByItsType: of an interface of type 209 it is told that it is a bridge.
func TestBridgeByItsType(t *testing.T) {
	for _, c := range []struct {
		name   string
		ifType uint32
		want   bool
	}{{"bridge", 209, true}, {"ethernetCsmacd", 6, false}} {
		t.Run(c.name, func(t *testing.T) {
			f := newFeed(t)
			f.send(func(b *sflow.Builder) {
				b.CounterSample(&sflow.CounterSample{Source: sflow.DataSource{Index: 3}}, false, &sflow.IfCounters{Index: 3, Type: c.ifType, Status: 3}, &sflow.PortName{Name: sflow.Text("brq1")})
			})
			if d := find(t, f.tick(time.Second), Port).Detail; d.Bridge != c.want || d.Name != "brq1" {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestEventsAreToldOnce: an event is sent three times, a state at every poll.
func TestEventsAreToldOnce(t *testing.T) {
	f := newFeed(t)
	say := func(class, entity string, pairs ...witness.Pair) []Fact {
		var st witness.Statement
		st.Begin(class, entity)
		st.Add(pairs...)
		f.send(func(b *sflow.Builder) { b.Sample(st.Metric()) })
		return f.tick(time.Second)
	}
	event := []witness.Pair{witness.String(witness.ID, "1-2-3"), witness.String(witness.Subject, "eth0")}
	for i, want := range []int{1, 0, 0} {
		if got := count(say(witness.ClassEvent, witness.LinkDown, event...), Said); got != want {
			t.Errorf("sending %d told %d times", i, got)
		}
	}
	link := func(oper string) []witness.Pair {
		return []witness.Pair{witness.Gauge32(witness.IfIndex, 3), witness.String(witness.Oper, oper)}
	}
	for i, c := range []struct {
		oper string
		want int
	}{{"up", 1}, {"up", 0}, {"up", 0}, {"down", 1}, {"down", 0}} {
		if got := count(say(witness.ClassLink, "a/b", link(c.oper)...), Said); got != c.want {
			t.Errorf("state %d told %d times", i, got)
		}
	}
	got := say(witness.ClassLink, "a/b", link("up")...)
	if d := find(t, got, Said).Detail; d.Entity != "a/b" || d.Topic != witness.ClassLink || d.Text(witness.Oper) != "up" {
		t.Errorf("%+v", d)
	}
}

// TestFactsAreBounded: what does not fit is dropped and counted, here and to who
// takes the facts.
func TestFactsAreBounded(t *testing.T) {
	f := newFeed(t)
	f.send(func(b *sflow.Builder) { counters(b, 3, "tap1", 3, 0, 0) })
	for range MaxFacts + 10 {
		f.g.tell(Fact{Kind: Seen})
	}
	f.g.Tick(f.now)
	facts, dropped := f.g.Take(nil)
	if len(facts) != MaxFacts || dropped == 0 {
		t.Errorf("%d facts, %d dropped", len(facts), dropped)
	}
}

// TestGathererAllocatesNothing: while nothing changes.
func TestGathererAllocatesNothing(t *testing.T) {
	f := newFeed(t)
	var b sflow.Builder
	fill := func() []byte {
		f.seq++
		b.Reset(b.Buffer()[:0], &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: f.seq, Uptime: uint32(f.seq) * 10})
		counters(&b, 3, "tap1", 3, uint64(f.seq)*1000, uint64(f.seq)*1000)
		for range 4 {
			b.FlowSample(&sflow.FlowSample{Sequence: f.seq, Source: sflow.DataSource{Index: 3}, SamplingRate: 100, Input: sflow.Port{Value: 3}, Output: sflow.Port{Value: 4}}, false,
				&sflow.SampledHeader{Protocol: 1, FrameLength: 1500, Stripped: 4, Header: sflowtest.Header()})
		}
		return b.Bytes()
	}
	var payloads [][]byte
	for range 600 {
		payloads = append(payloads, append([]byte(nil), fill()...))
	}
	from := netip.MustParseAddrPort("192.0.2.1:6343")
	i := 0
	one := func() {
		f.now = f.now.Add(10 * time.Millisecond)
		if err := f.decoder.Decode(payloads[i%len(payloads)], from, f.now, f); err != nil {
			t.Fatal(err)
		}
		if i++; i%10 == 0 {
			f.g.Tick(f.now)
			f.facts, _ = f.g.Take(f.facts[:0])
		}
	}
	f.g.SetWatch(NewWatchlist([]uint64{1, 2, 3}, nil, nil))
	for range 500 {
		one()
	}
	if n := testing.AllocsPerRun(400, one); n > 0 {
		t.Errorf("%v allocations for a datagram", n)
	}
}

func BenchmarkFlow(b *testing.B) {
	f := newFeed(b)
	var sb sflow.Builder
	sb.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.1"), Sequence: 1})
	for range 7 {
		sb.FlowSample(&sflow.FlowSample{Sequence: 1, Source: sflow.DataSource{Index: 3}, SamplingRate: 100, Input: sflow.Port{Value: 3}, Output: sflow.Port{Value: 4}}, false,
			&sflow.SampledHeader{Protocol: 1, FrameLength: 1500, Stripped: 4, Header: sflowtest.Header()})
	}
	var flows []decoder.Flow
	from := netip.MustParseAddrPort("192.0.2.1:6343")
	keep := &keeper{f: f, flows: &flows}
	if err := f.decoder.Decode(sb.Bytes(), from, start, keep); err != nil {
		b.Fatal(err)
	}
	macs := make([]uint64, 50000)
	for i := range macs {
		macs[i] = uint64(0xfa163e000000 + i)
	}
	f.g.watch = NewWatchlist(macs, nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		for i := range flows {
			f.g.Flow(&flows[i])
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(flows)), "ns/sample")
}

type keeper struct {
	f     *feed
	flows *[]decoder.Flow
}

func (k *keeper) Arrival(a *decoder.Arrival) { k.f.g.Arrival(a, 1) }
func (k *keeper) Counters(*decoder.Counters) {}
func (k *keeper) Discard(*decoder.Discard)   {}
func (k *keeper) Metrics(*decoder.Metrics)   {}
func (k *keeper) Flow(s *decoder.Flow) {
	c := *s
	c.Est.Vantage = decoder.Vantage{Agent: 1, Source: 2}
	*k.flows = append(*k.flows, c)
}
