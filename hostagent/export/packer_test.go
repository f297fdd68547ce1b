package export

import (
	"bytes"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

var testAgent = netip.MustParseAddr("2001:db8::7")

// sent keeps datagrams and when they left.
type sent struct {
	t  *testing.T
	at []time.Time
	d  []sflow.Datagram
}

func (s *sent) out(b []byte) {
	if len(b) > MaxDatagram {
		s.t.Errorf("a datagram has %d octets", len(b))
	}
	var d sflow.Datagram
	if err := d.Decode(bytes.Clone(b)); err != nil {
		s.t.Error(err)
	}
	s.at, s.d = append(s.at, time.Now()), append(s.d, d)
}

// samples decodes everything that was sent.
func (s *sent) samples() (all []sflow.Sample) {
	s.t.Helper()
	for i := range s.d {
		n := uint32(0)
		for smp, err := range s.d[i].Samples() {
			if err != nil {
				s.t.Fatal(err)
			}
			n++
			all = append(all, smp)
		}
		if n != s.d[i].NumSamples {
			s.t.Errorf("%d samples, says %d", n, s.d[i].NumSamples)
		}
		if s.d[i].Sequence != sflow.Seq(i+1) || s.d[i].Agent != testAgent || s.d[i].SubAgent != 5 {
			s.t.Errorf("datagram %d: sequence %d, agent %v:%d", i, s.d[i].Sequence, s.d[i].Agent, s.d[i].SubAgent)
		}
	}
	return all
}

func counters(n int) *source.Snapshot {
	s := &source.Snapshot{}
	for i := range n {
		s.Begin(source.Interface(uint32(i + 1)))
		s.Record(&sflow.IfCounters{Index: uint32(i + 1)})
	}
	return s
}

func flowOf(ds uint32, header int) (*sflow.FlowSample, []sflow.Appender) {
	return &sflow.FlowSample{Source: source.Interface(ds), SamplingRate: 10},
		[]sflow.Appender{&sflow.SampledHeader{Protocol: 1, FrameLength: 1500, Header: bytes.Repeat([]byte{1}, header)}}
}

func TestPackerFlushesInTime(t *testing.T) {
	for _, c := range []struct {
		name string
		add  func(p *Packer)
		want []time.Duration
	}{
		{"counters", func(p *Packer) { p.Add(counters(1), false) }, []time.Duration{FlushAfter}},
		{"packet samples", func(p *Packer) { s, r := flowOf(1, 64); p.Flow(s, r...) }, []time.Duration{FlushAfter}},
		{"an event", func(p *Packer) { p.Sample(&witness.Statement{}, true) }, []time.Duration{UrgentAfter}},
		{"an event after counters", func(p *Packer) {
			p.Add(counters(1), false)
			time.Sleep(20 * time.Millisecond)
			p.Sample(&witness.Statement{}, true)
		}, []time.Duration{20 * time.Millisecond, 20*time.Millisecond + UrgentAfter}},
		{"counters after an event have a datagram of their own", func(p *Packer) {
			p.Sample(&witness.Statement{}, true)
			p.Add(counters(1), false)
		}, []time.Duration{0, FlushAfter}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sent{t: t}
				p := NewPacker(testAgent, 5, time.Now(), s.out)
				time.Sleep(time.Hour) // nothing to send, nothing happens
				began := time.Now()
				c.add(p)
				time.Sleep(time.Second)
				synctest.Wait()
				var left []time.Duration
				for _, at := range s.at {
					left = append(left, at.Sub(began))
				}
				if diff := cmp.Diff(c.want, left); diff != "" {
					t.Fatalf("datagrams left after (-want +got)\n%s", diff)
				}
				if got := s.d[0].Uptime; got < 3600_000 || got > 3600_100 {
					t.Errorf("uptime %d ms", got)
				}
			})
		})
	}
}

func TestPackerNumbersAndFills(t *testing.T) {
	s := &sent{t: t}
	p := NewPacker(testAgent, 5, time.Now(), s.out)
	for range 3 {
		p.Add(counters(30), false)
		for i := range uint32(20) {
			f, r := flowOf(i%2+1, 100)
			p.Flow(f, r...)
		}
		p.Discard(&sflow.DiscardSample{Source: source.Interface(1)})
	}
	p.Flush()
	flows, counts := map[sflow.DataSource]uint32{}, map[sflow.DataSource]uint32{}
	for _, smp := range s.samples() {
		switch smp.Format {
		case sflow.FormatFlowSample:
			var f sflow.FlowSample
			if err := f.Decode(smp); err != nil {
				t.Fatal(err)
			}
			if flows[f.Source]++; f.Sequence != sflow.Seq(flows[f.Source]) {
				t.Errorf("flow sample of %v has number %d, want %d", f.Source, f.Sequence, flows[f.Source])
			}
		case sflow.FormatDiscardedPacket:
			var f sflow.DiscardSample
			if err := f.Decode(smp); err != nil {
				t.Fatal(err)
			}
			if flows[f.Source]++; f.Sequence != sflow.Seq(flows[f.Source]) {
				t.Errorf("discard of %v has number %d, want %d", f.Source, f.Sequence, flows[f.Source])
			}
		case sflow.FormatCounterSample:
			var c sflow.CounterSample
			if err := c.Decode(smp); err != nil {
				t.Fatal(err)
			}
			if counts[c.Source]++; c.Sequence != sflow.Seq(counts[c.Source]) {
				t.Errorf("counter sample of %v has number %d, want %d", c.Source, c.Sequence, counts[c.Source])
			}
		default:
			t.Errorf("sample %v", smp.Format)
		}
	}
	if flows[source.Interface(1)] != 33 || len(counts) != 30 || counts[source.Interface(30)] != 3 {
		t.Errorf("flows %v, counters %v", flows, counts)
	}
	want := Stats{Datagrams: uint64(len(s.d)), Flows: 63}
	if diff := cmp.Diff(want, p.Stats()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// 90 counter samples of 116 octets and 63 packet samples of 156: full but for the ends.
	if octets := 90*116 + 60*156 + 3*44; len(s.d) > octets/(MaxDatagram-160)+1 {
		t.Errorf("%d datagrams for %d octets", len(s.d), octets)
	}
}

// TestPackerForPlainCollectors is about those that know standard samples only.
func TestPackerForPlainCollectors(t *testing.T) {
	all, plain := &sent{t: t}, &sent{t: t}
	p := NewPacker(testAgent, 5, time.Now(), all.out)
	p.Also(NewPacker(testAgent, 5, time.Now(), plain.out))
	var st witness.Statement
	st.Begin(witness.ClassLink, "eth0")
	for range 3 {
		s := counters(2)
		s.State(&st)
		p.Add(s, false)
		f, r := flowOf(1, 64)
		p.Flow(f, r...)
		p.Discard(&sflow.DiscardSample{Source: source.Interface(1)})
		p.Sample(&st, true)
	}
	p.Flush()
	kinds := func(s *sent) map[sflow.Format]int {
		n := map[sflow.Format]int{}
		for _, smp := range s.samples() {
			n[smp.Format]++
		}
		return n
	}
	standard := map[sflow.Format]int{sflow.FormatCounterSample: 6, sflow.FormatFlowSample: 3, sflow.FormatDiscardedPacket: 3}
	if diff := cmp.Diff(standard, kinds(plain)); diff != "" {
		t.Errorf("plain (-want +got)\n%s", diff)
	}
	standard[sflow.FormatRTMetric] = 6
	if diff := cmp.Diff(standard, kinds(all)); diff != "" {
		t.Errorf("all (-want +got)\n%s", diff)
	}
	for i := range all.d {
		formats := map[bool]bool{}
		for smp, err := range all.d[i].Samples() {
			if err != nil {
				t.Fatal(err)
			}
			formats[smp.Format == sflow.FormatRTMetric] = true
		}
		if len(formats) != 1 {
			t.Errorf("datagram %d mixes statements with other samples", i)
		}
	}
}

// TestPackerPacesLargePolls is about a poll of thousands of interfaces, which
// would overrun a socket: others get their turn between its parts.
func TestPackerPacesLargePolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sent{t: t}
		p := NewPacker(testAgent, 5, time.Now(), s.out)
		began := time.Now()
		p.Add(counters(5000), false)
		p.Flush()
		parts := len(s.d) / burst
		if took := time.Since(began); took != time.Duration(parts)*burstPause || parts < 5 {
			t.Errorf("%d datagrams took %v, want %d pauses", len(s.d), took, parts)
		}
		if n := len(s.samples()); n != 5000 {
			t.Errorf("%d samples", n)
		}
	})
}

func TestPackerSendsNoMoreThanFits(t *testing.T) {
	s := &sent{t: t}
	p := NewPacker(testAgent, 5, time.Now(), s.out)
	f, r := flowOf(1, 5000)
	p.Flow(f, r...)
	p.Flush()
	if len(s.d) != 0 || p.Stats().Lost != 1 {
		t.Errorf("%d datagrams, %d lost", len(s.d), p.Stats().Lost)
	}
	p.Add(counters(1), false)
	p.Flow(f, r...) // after something that does fit
	p.Lost(2)
	p.Flush()
	if got := len(s.samples()); got != 1 || p.Stats().Lost != 4 {
		t.Errorf("%d samples, %d lost", got, p.Stats().Lost)
	}
}

func TestPackerUsesTheFormThatFits(t *testing.T) {
	s := &sent{t: t}
	p := NewPacker(testAgent, 5, time.Now(), s.out)
	f, r := flowOf(1<<24, 64)
	p.Flow(f, r...)
	g, _ := flowOf(1, 64)
	g.Output = sflow.Port{Value: 1 << 30}
	p.Flow(g, r...)
	wide := &source.Snapshot{}
	wide.Begin(source.Interface(1 << 24))
	wide.Record(&sflow.IfCounters{})
	p.Add(wide, false)
	p.Flush()
	var got []sflow.Format
	for _, smp := range s.samples() {
		got = append(got, smp.Format)
	}
	want := []sflow.Format{sflow.FormatFlowSampleExpanded, sflow.FormatFlowSampleExpanded, sflow.FormatCounterSampleExpanded}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPackerChangesItsName(t *testing.T) {
	var got []netip.Addr
	p := NewPacker(testAgent, 5, time.Now(), func(b []byte) {
		var d sflow.Datagram
		if err := d.Decode(b); err != nil {
			t.Error(err)
		}
		got = append(got, d.Agent)
	})
	other := netip.MustParseAddr("192.0.2.1")
	p.Add(counters(1), false)
	p.SetAgent(other)
	p.Add(counters(1), false)
	p.Flush()
	if diff := cmp.Diff([]string{testAgent.String(), other.String()}, []string{got[0].String(), got[1].String()}); diff != "" || p.Agent() != other {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestPackerForgetsNoMoreThanItMust(t *testing.T) {
	p := NewPacker(testAgent, 5, time.Now(), func([]byte) {})
	for i := range uint32(maxSources + 10) {
		f, r := flowOf(i, 64)
		p.Flow(f, r...)
	}
	if n := len(p.sources); n > maxSources {
		t.Errorf("%d data sources are remembered", n)
	}
}

func TestPackerAllocatesNothing(t *testing.T) {
	p := NewPacker(testAgent, 5, time.Now(), func([]byte) {})
	f, r := flowOf(1, 128)
	snap := counters(40)
	if n := testing.AllocsPerRun(1000, func() { p.Flow(f, r...) }); n > 0 {
		t.Errorf("%v allocations for a packet sample", n)
	}
	if n := testing.AllocsPerRun(100, func() { p.Add(snap, false) }); n > 0 {
		t.Errorf("%v allocations for a poll", n)
	}
}

func BenchmarkPackerFlow(b *testing.B) {
	p := NewPacker(testAgent, 5, time.Now(), func([]byte) {})
	f, r := flowOf(1, 128)
	b.ReportAllocs()
	for b.Loop() {
		p.Flow(f, r...)
	}
}
