package agents

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
)

func flowSample(seq int, src sflow.DataSource, in, out sflow.Port) decoder.Flow {
	return decoder.Flow{Sample: sflow.FlowSample{
		Sequence: sflow.Seq(seq), Source: src, SamplingRate: 100, Input: in, Output: out,
	}}
}

// TestEffectiveRateComesFromThePool sends samples as agents do, one per cent
// lost on the way, and asks for the rate that makes the sum of samples right.
func TestEffectiveRateComesFromThePool(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	geometric := func(mean float64) func() uint32 {
		return func() uint32 { return 1 + uint32(math.Log(1-rng.Float64())/math.Log(1-1/mean)) }
	}
	fixed := func(n uint32) func() uint32 { return func() uint32 { return n } }
	for _, c := range []struct {
		name      string
		pool      uint32
		skip      func() uint32 // packets until the next sample
		share     float64       // of the samples arrives
		want      float64
		tolerance float64
	}{
		{"as sent, exactly", 0, fixed(100), 0.99, 100, 0},
		{"as sent, by chance", 0, geometric(100), 0.99, 100, 0},
		{"backed off under load", 0, geometric(400), 0.99, 400, 0.06},
		{"half of what is said", 0, geometric(50), 0.99, 50, 0.06},
		{"a fifth more, exactly", 0, fixed(120), 0.99, 120, 0},
		{"half of the samples lost on the way", 0, fixed(300), 0.5, 300, 0},
		{"pool wraps", 1<<32 - 5000, fixed(250), 0.99, 250, 0},
		{"pool stands", 777, fixed(0), 0.99, 100, 0},
		{"pool runs backwards", 1 << 31, fixed(1<<32 - 100), 0.99, 100, 0},
		{"pool is noise", 0, func() uint32 { return rng.Uint32() }, 0.99, 100, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(Config{})
			p := s.speaker("192.0.2.1", "192.0.2.1:6343")
			pool, last := c.pool, uint32(0)
			for i := range 3000 {
				pool += c.skip()
				if rng.Float64() > c.share {
					continue
				}
				f := flowSample(i+1, port(1), single(1), single(2))
				f.Sample.SamplePool = pool
				last = p.flow(f).Est.SamplingRate
				if i == 10 && last != 100 {
					t.Errorf("rate %d after a few samples, want what is sent", last)
				}
			}
			if math.Abs(float64(last)-c.want) > c.tolerance*c.want {
				t.Errorf("rate %d, want %v", last, c.want)
			}
			src := s.only(t).Sources[0]
			if src.SamplingRate != 100 || src.UsedRate != last {
				t.Errorf("shown %+v", src)
			}
		})
	}
}

func TestEffectiveRateFollowsAChange(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	pool, seq := uint32(0), 0
	send := func(n int, said, real uint32) (last uint32) {
		for range n {
			seq, pool = seq+1, pool+real
			f := flowSample(seq, port(1), single(1), single(2))
			f.Sample.SamplingRate, f.Sample.SamplePool = said, pool
			last = p.flow(f).Est.SamplingRate
		}
		return last
	}
	for _, c := range []struct {
		name string
		n    int
		said uint32
		real uint32
		want uint32
	}{
		{"honest", 200, 100, 100, 100},
		{"lies", 5000, 100, 400, 400},
		{"reconfigured", 1, 1000, 1000, 1000},
		{"honest again", 200, 1000, 1000, 1000},
		{"says nothing", 200, 0, 64, 64},
		{"a rate larger than any pool", 10, 1 << 31, 5, 1 << 31},
	} {
		if got := send(c.n, c.said, c.real); got != c.want {
			t.Errorf("%s: rate %d, want %d", c.name, got, c.want)
		}
	}
}

// TestPoolOfTheWholeAgentIsRecognised samples four ports of unlike load at
// 1:100, with one pool for all or one for each.
func TestPoolOfTheWholeAgentIsRecognised(t *testing.T) {
	for _, shared := range []bool{true, false} {
		rng := rand.New(rand.NewPCG(5, 6))
		s := newSite(Config{})
		p := s.speaker("192.0.2.1", "192.0.2.1:6343")
		var pools [4]uint32
		var seqs [4]int
		all, wrong := uint32(0), 0
		for i := range 8000 {
			k := max(0, 3-rng.IntN(16))
			seqs[k]++
			all += 100
			pools[k] += 100
			f := flowSample(seqs[k], port(uint32(k+1)), single(uint32(k+1)), single(9))
			if f.Sample.SamplePool = pools[k]; shared {
				f.Sample.SamplePool = all
			}
			if got := p.flow(f).Est.SamplingRate; got != 100 && i > 1000 {
				wrong++
			}
		}
		if wrong > 0 {
			t.Errorf("shared pool %v: %d samples with a wrong rate", shared, wrong)
		}
		for _, src := range s.only(t).Sources {
			if src.SharedPool != shared {
				t.Errorf("%v shown as shared %v, want %v", src.Source, src.SharedPool, shared)
			}
		}
	}
}

func TestSamplingRateIsNeverZero(t *testing.T) {
	s := newSite(Config{})
	f := decoder.Flow{}
	s.r.Flow(&f) // no agent at all
	if f.Est.SamplingRate != 1 || f.Est.Vantage != (decoder.Vantage{}) {
		t.Errorf("without an agent: %+v", f.Est)
	}
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	if got := p.flow(decoder.Flow{}).Est; got.SamplingRate != 1 || got.Vantage.Agent == 0 {
		t.Errorf("first sample: %+v", got)
	}
}

func TestSampleLossIsCountedPerDataSource(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	for i := range 400 {
		if i%4 != 3 {
			p.flow(flowSample(i, port(1), single(1), single(2)))
		}
		p.flow(flowSample(10*i, port(3), single(3), single(2)))
		p.flow(flowSample(9000+i, bridge(1000), single(3), single(2)))
		if i%2 == 0 {
			p.counters(port(1), uint32(7+i))
		}
	}
	a := s.only(t)
	want := map[sflow.DataSource][2]uint64{port(1): {99, 199}, port(3): {9 * 399, 0}, bridge(1000): {0, 0}}
	for _, src := range a.Sources {
		if got := [2]uint64{src.Flows.Lost, src.Counters.Lost}; got != want[src.Source] {
			t.Errorf("%v: lost flow and counter samples %v, want %v", src.Source, got, want[src.Source])
		}
	}
	if n := s.Totals(); n.LostFlowSamples != 99+9*399 || n.LostCounterSamples != 199 || n.LostDatagrams != 0 {
		t.Errorf("totals %+v", n)
	}
}

// TestVantagePointsSeeAPacketOnce follows 5-tuples over one agent: at each
// vantage point all samples of one packet's passing are in one direction.
func TestVantagePointsSeeAPacketOnce(t *testing.T) {
	type v struct {
		source    sflow.DataSource
		direction Direction
	}
	multi := sflow.Port{Format: sflow.PortMultiple, Value: 1}
	internal := single(sflow.PortInternal)
	for _, c := range []struct {
		name    string
		samples []decoder.Flow
		want    []v
		shown   map[sflow.DataSource]string
	}{
		{"a port that samples both ways, and the other end of the flow",
			[]decoder.Flow{
				flowSample(1, port(47), single(47), single(48)), // A to B, where it comes in
				flowSample(1, port(48), single(47), single(48)), // A to B, where it leaves
				flowSample(2, port(47), single(48), single(47)), // B to A, where it leaves
				flowSample(2, port(48), single(48), single(47)),
			},
			[]v{{port(47), Ingress}, {port(48), Egress}, {port(47), Egress}, {port(48), Ingress}},
			map[sflow.DataSource]string{port(47): "both", port(48): "both"}},
		{"ingress only",
			[]decoder.Flow{flowSample(1, port(1), single(1), single(2)), flowSample(1, port(2), single(2), single(1))},
			[]v{{port(1), Ingress}, {port(2), Ingress}},
			map[sflow.DataSource]string{port(1): "ingress", port(2): "ingress"}},
		{"members of a group and the group itself, named by the group",
			[]decoder.Flow{
				flowSample(1, port(11), single(100), single(3)),
				flowSample(1, port(12), single(3), single(100)),
				flowSample(1, port(100), single(100), single(3)),
			},
			[]v{{port(11), Ingress}, {port(12), Egress}, {port(100), Ingress}},
			map[sflow.DataSource]string{port(11): "ingress", port(12): "egress", port(100): "ingress"}},
		{"a bridge of Open vSwitch: one point",
			[]decoder.Flow{
				flowSample(1, bridge(1000), single(4), single(5)),
				flowSample(2, bridge(1000), single(5), single(4)),
				flowSample(3, bridge(1000), single(4), multi),
				flowSample(4, bridge(1000), sflow.Port{}, multi),
			},
			[]v{{bridge(1000), Ingress}, {bridge(1000), Ingress}, {bridge(1000), Ingress}, {bridge(1000), Ingress}},
			map[sflow.DataSource]string{bridge(1000): "ingress"}},
		{"a host agent at its interface",
			[]decoder.Flow{flowSample(1, port(4), single(4), internal), flowSample(2, port(4), internal, single(4))},
			[]v{{port(4), Ingress}, {port(4), Egress}},
			map[sflow.DataSource]string{port(4): "both"}},
		{"only the way out is known",
			[]decoder.Flow{flowSample(1, bridge(7), sflow.Port{}, single(4))},
			[]v{{bridge(7), Egress}},
			map[sflow.DataSource]string{bridge(7): "egress"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(Config{})
			p := s.speaker("192.0.2.1", "192.0.2.1:6343")
			for i, m := range []uint32{11, 12} {
				p.counters(port(m), uint32(i), &sflow.IfCounters{Index: m}, &sflow.LAGPortStats{AttachedAggID: 100})
			}
			numbers := map[decoder.Vantage]v{}
			for i, f := range c.samples {
				got := p.flow(f).Est.Vantage
				if d := Direction(got.Source & 1); d != c.want[i].direction || got.Egress() != (d == Egress) {
					t.Errorf("sample %d: direction %d, want %d", i, d, c.want[i].direction)
				}
				if other, had := numbers[got]; had && other != c.want[i] {
					t.Errorf("sample %d: %v and %v are one vantage point", i, other, c.want[i])
				}
				numbers[got] = c.want[i]
			}
			for _, src := range s.only(t).Sources {
				if want, ok := c.shown[src.Source]; ok && src.Direction != want {
					t.Errorf("%v shown as %q, want %q", src.Source, src.Direction, want)
				}
			}
		})
	}
}

func TestSpeedIsOfTheInterfaceTheFlowIsJudgedBy(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	p.counters(port(1), 1, &sflow.IfCounters{Index: 1, Speed: 1e9})
	p.counters(port(2), 1, &sflow.IfCounters{Index: 2, Speed: 10e9})
	for _, c := range []struct {
		name    string
		src     sflow.DataSource
		in, out sflow.Port
		want    uint64
	}{
		{"ingress", port(1), single(1), single(2), 1e9},
		{"egress", port(2), single(1), single(2), 10e9},
		{"ingress of an unknown interface", port(3), single(3), single(2), 10e9},
		{"egress of an unknown interface", port(3), single(1), single(3), 1e9},
		{"discarded", port(1), single(1), sflow.Port{Format: sflow.PortDiscarded, Value: 256}, 1e9},
		{"bridge", bridge(1000), single(2), single(1), 10e9},
		{"nothing known", bridge(1000), sflow.Port{}, sflow.Port{Format: sflow.PortMultiple}, 0},
		{"an ifIndex like a number of destinations", bridge(1000), sflow.Port{}, sflow.Port{Format: sflow.PortMultiple, Value: 2}, 0},
	} {
		if got := p.flow(flowSample(1, c.src, c.in, c.out)).Est.Speed; got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
	s.setSpeed(s.only(t).Number, 1, 5e9)
	if got := p.flow(flowSample(1, port(1), single(1), single(2))).Est.Speed; got != 5e9 {
		t.Errorf("overridden: %d", got)
	}
}

// TestSourceKnownBeforeItsInterface sends flows before the first counters.
func TestSourceKnownBeforeItsInterface(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	f := flowSample(1, port(1), single(1), single(2))
	if got := p.flow(f).Est.Speed; got != 0 {
		t.Errorf("speed %d before anything is known", got)
	}
	s.pass(time.Second)
	p.counters(port(1), 1, &sflow.IfCounters{Index: 1, Speed: 1e9})
	if got := p.flow(f).Est.Speed; got != 1e9 {
		t.Errorf("speed %d", got)
	}
}

// TestFlowsBeyondTheLimitStillCount keeps rate, direction, speed, class and domain
// where there is no place for their data source.
func TestFlowsBeyondTheLimitStillCount(t *testing.T) {
	s := newSite(Config{Limits: Limits{AgentSources: 3}})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343").hypervisor() // says more than that
	f := tagged(7, seen(key("10.0.0.5", "10.0.0.6"), bridge(1001), single(4), single(5)))
	got := p.flow(f)
	want := decoder.FlowEst{
		SamplingRate: 100, Vantage: decoder.Vantage{Agent: 1}, Class: decoder.PortInstance,
		UptimeBefore: got.Est.UptimeBefore,
	}
	if got.Est != want {
		t.Errorf("got %+v, want %+v", got.Est, want)
	}
	if d := got.Packet.Header.Key.Domain; d&domainLocal == 0 {
		t.Errorf("domain %s: a tenant's flow is no underlay", s.Domain(d))
	}
	if n := testing.AllocsPerRun(100, func() { s.r.Flow(&f) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
