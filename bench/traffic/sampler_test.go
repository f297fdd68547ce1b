package traffic

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	cistern "github.com/Cistern/sflow"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"weir/decoder/sflow"
)

func samplerConfig(rate uint32) SamplerConfig {
	return SamplerConfig{
		Agent: netip.MustParseAddr("192.0.2.1"), SubAgent: 3, SamplingRate: rate, Seed: 1,
		Input: sflow.Port{Value: 1}, Output: sflow.Port{Value: 2}, Flush: 100 * time.Millisecond,
	}
}

// numbered is packet i: its number is in its header, its size follows from it.
func numbered(i int) *Packet { return number(new(Packet), i) }

// number makes p packet i, in the header that it has.
func number(p *Packet, i int) *Packet {
	size := uint32(64 + 100*(i%14))
	h := append(p.Header[:0], make([]byte, min(size-fcs, 200))...)
	h[0] = 2
	be.PutUint32(h[20:], uint32(i))
	*p = Packet{At: epoch.Add(time.Duration(i) * 10 * time.Microsecond), Protocol: 1, FrameLength: size, Stripped: fcs, Header: h}
	return p
}

// sampled is what a test decodes of a sampler's datagrams.
type sampled struct {
	heads   []sflow.Datagram
	at      []time.Time
	raw     [][]byte
	flows   []sflow.FlowSample
	headers []sflow.SampledHeader
	polls   []sflow.CounterSample
	generic []sflow.IfCounters
}

func (g *sampled) emit(t testing.TB) func(Datagram) error {
	return func(d Datagram) error {
		t.Helper()
		b := bytes.Clone(d.Payload)
		var dg sflow.Datagram
		if err := dg.Decode(b); err != nil {
			t.Fatal(err)
		}
		for smp, err := range dg.Samples() {
			if err != nil {
				t.Fatal(err)
			}
			g.sample(t, smp)
		}
		g.heads, g.at, g.raw = append(g.heads, dg), append(g.at, d.At), append(g.raw, b)
		return nil
	}
}

func (g *sampled) sample(t testing.TB, smp sflow.Sample) {
	t.Helper()
	if smp.Format == sflow.FormatFlowSample || smp.Format == sflow.FormatFlowSampleExpanded {
		var f sflow.FlowSample
		if err := f.Decode(smp); err != nil {
			t.Fatal(err)
		}
		for r, err := range f.Records() {
			var h sflow.SampledHeader
			if err = errors.Join(err, h.Decode(r)); err != nil {
				t.Fatal(err)
			}
			g.headers = append(g.headers, h)
		}
		g.flows = append(g.flows, f)
		return
	}
	var c sflow.CounterSample
	if err := c.Decode(smp); err != nil {
		t.Fatal(err)
	}
	for r, err := range c.Records() {
		var ic sflow.IfCounters
		if err = errors.Join(err, ic.Decode(r)); err != nil {
			t.Fatal(err)
		}
		g.generic = append(g.generic, ic)
	}
	g.polls = append(g.polls, c)
}

// run passes n numbered packets.
func run(t testing.TB, c SamplerConfig, n int) (*sampled, SamplerStats) {
	t.Helper()
	g := &sampled{}
	s := NewSampler(c, g.emit(t))
	var p Packet
	for i := range n {
		if err := s.Packet(number(&p, i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return g, s.Stats()
}

func TestSamplerTakesEveryPacketAtRateOne(t *testing.T) {
	const n = 5000
	for _, expanded := range []bool{false, true} {
		c := samplerConfig(1)
		c.Expanded = expanded
		g, st := run(t, c, n)
		if len(g.flows) != n || len(g.headers) != n {
			t.Fatalf("%d samples with %d headers, want %d", len(g.flows), len(g.headers), n)
		}
		var octets uint64
		for i := range n {
			p := numbered(i)
			octets += uint64(p.FrameLength)
			want := sflow.SampledHeader{Protocol: 1, FrameLength: p.FrameLength, Stripped: 4, Header: p.Header[:min(len(p.Header), 128)]}
			if diff := cmp.Diff(want, g.headers[i]); diff != "" {
				t.Fatalf("header %d (-want +got):\n%s", i, diff)
			}
			f := g.flows[i]
			if f.Sequence != sflow.Seq(i+1) || f.SamplePool != uint32(i+1) || f.SamplingRate != 1 || f.Drops != 0 ||
				f.Source != (sflow.DataSource{Index: 1}) || f.Input.Value != 1 || f.Output.Value != 2 {
				t.Fatalf("sample %d: %+v", i, f)
			}
		}
		want := SamplerStats{Packets: n, Octets: octets, Samples: n, SampledOctets: octets, Datagrams: uint64(len(g.heads))}
		if diff := cmp.Diff(want, st, cmpopts.IgnoreUnexported(want)); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
		for i, d := range g.heads {
			if d.Sequence != sflow.Seq(i+1) || d.SubAgent != 3 || d.Agent != c.Agent || len(g.raw[i]) > maxDatagram {
				t.Fatalf("datagram %d of %d octets: %+v", i, len(g.raw[i]), d)
			}
			if want := uint32(g.at[i].Sub(epoch).Milliseconds()); d.Uptime != want {
				t.Fatalf("datagram %d: uptime %d ms at %d ms", i, d.Uptime, want)
			}
		}
	}
}

// TestSamplerIsUnbiased samples 300,000 packets with 10 seeds. All bounds are on
// the normal or chi-square approximation; the seeds are fixed, so that the test
// fails only where the sampler has changed.
func TestSamplerIsUnbiased(t *testing.T) {
	const n, seeds = 300_000, 10
	var octets float64
	for i := range n {
		octets += float64(numbered(i).FrameLength)
	}
	for _, rate := range []uint32{10, 100} {
		p := 1 / float64(rate)
		var chi2, octetsChi2 float64
		classes, cut := make([]float64, 7), make([]float64, 7) // by packet number; by the gap before
		for seed := range uint64(seeds) {
			c := samplerConfig(rate)
			c.Seed = seed
			g, st := run(t, c, n)
			z := (float64(st.Samples) - n*p) / math.Sqrt(n*p*(1-p))
			zo := (float64(st.SampledOctets)*float64(rate) - octets) / st.StandardError(rate)
			if math.Abs(z) > 3 || math.Abs(zo) > 3 || st.Octets != uint64(octets) {
				t.Errorf("rate %d, seed %d: packets %.2f and octets %.2f standard errors from the truth", rate, seed, z, zo)
			}
			chi2 += z * z
			octetsChi2 += zo * zo
			last := uint32(0)
			for i, f := range g.flows {
				// The pool tells which packet it is, and so does its header.
				if number := be.Uint32(g.headers[i].Header[20:]); f.SamplePool != number+1 || f.Sequence != sflow.Seq(i+1) {
					t.Fatalf("sample %d of packet %d has sequence %d and pool %d", i, number, f.Sequence, f.SamplePool)
				}
				classes[f.SamplePool%7]++
				u := math.Pow(1-p, float64(f.SamplePool-last-1)) // P(gap ≥ that)
				cut[min(6, int(7*(1-u)))]++
				last = f.SamplePool
			}
		}
		// 99.9 % quantiles: 29.6 at 10 degrees of freedom, 22.5 at 6.
		if chi2 > 29.6 || octetsChi2 > 29.6 {
			t.Errorf("rate %d: chi-square of packets %.1f, of octets %.1f; at most 29.6", rate, chi2, octetsChi2)
		}
		if x := chiSquare(classes, func(int) float64 { return 1. / 7 }); x > 22.5 {
			t.Errorf("rate %d: packets are not taken alike: chi-square %.1f, at most 22.5", rate, x)
		}
		if x := chiSquare(cut, func(k int) float64 { return gapShare(p, k) }); x > 22.5 {
			t.Errorf("rate %d: gaps are not geometric: chi-square %.1f, at most 22.5", rate, x)
		}
	}
}

// gapShare is the probability that a geometric gap falls into class k of the
// seven that TestSamplerIsUnbiased makes.
func gapShare(p float64, k int) (share float64) {
	u := 1.
	for range 5000 {
		if min(6, int(7*(1-u))) == k {
			share += p * u
		}
		u *= 1 - p
	}
	return share
}

func chiSquare(got []float64, share func(int) float64) (x float64) {
	var sum float64
	for _, v := range got {
		sum += v
	}
	for k, v := range got {
		want := sum * share(k)
		x += (v - want) * (v - want) / want
	}
	return x
}

func TestSamplerFollowsItsSeed(t *testing.T) {
	digest := func(seed uint64) [32]byte {
		c := samplerConfig(50)
		c.Seed, c.Polling = seed, 200*time.Millisecond
		g, _ := run(t, c, 20_000)
		return sha256.Sum256(bytes.Join(g.raw, nil))
	}
	if first := digest(1); first != digest(1) {
		t.Error("two runs differ")
	}
	if digest(1) == digest(2) {
		t.Error("two seeds give the same")
	}
}

func TestSamplerKeepsTheTimeOfThePackets(t *testing.T) {
	const ms = time.Millisecond
	type sent struct {
		At     time.Duration // since epoch
		Uptime uint32
		Flows  int
		Polls  int
	}
	tests := []struct {
		name    string
		flush   time.Duration
		polling time.Duration
		packets []time.Duration // since epoch
		want    []sent
		steps   uint64
	}{
		{"samples wait for each other", 100 * ms, 0, []time.Duration{0, 50 * ms, 99 * ms, 150 * ms, 400 * ms},
			[]sent{{100 * ms, 1100, 3, 0}, {250 * ms, 1250, 1, 0}, {500 * ms, 1500, 1, 0}}, 0},
		{"without waiting", 0, 0, []time.Duration{0, 50 * ms}, []sent{{0, 1000, 1, 0}, {50 * ms, 1050, 1, 0}}, 0},
		{"counters", 100 * ms, time.Second, []time.Duration{0, 2500 * ms},
			[]sent{{100 * ms, 1100, 1, 1}, {1100 * ms, 2100, 0, 1}, {2100 * ms, 3100, 0, 1}, {2600 * ms, 3600, 1, 0}}, 0},
		{"a packet out of order", 100 * ms, 0, []time.Duration{500 * ms, 100 * ms, 550 * ms},
			[]sent{{600 * ms, 1100, 3, 0}}, 0},
		{"a clock set back", 100 * ms, time.Second, []time.Duration{5 * time.Second, 0},
			[]sent{{5100 * ms, 1100, 1, 1}, {100 * ms, 1100, 1, 1}}, 1},
		{"a long gap", 100 * ms, time.Second, []time.Duration{0, time.Hour},
			[]sent{{100 * ms, 1100, 1, 1}, {time.Hour + 100*ms, 3601100, 1, 1}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := samplerConfig(1)
			c.Flush, c.Polling, c.Uptime = tt.flush, tt.polling, time.Second
			var got []sent
			g := &sampled{}
			check := g.emit(t)
			s := NewSampler(c, func(d Datagram) error {
				flows, polls := len(g.flows), len(g.polls)
				err := check(d)
				got = append(got, sent{d.At.Sub(epoch), g.heads[len(g.heads)-1].Uptime, len(g.flows) - flows, len(g.polls) - polls})
				return err
			})
			for _, at := range tt.packets {
				p := numbered(1)
				p.At = epoch.Add(at)
				if err := s.Packet(p); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || s.Stats().ClockSteps != tt.steps {
				t.Errorf("%d clock steps (-want +got):\n%s", s.Stats().ClockSteps, diff)
			}
		})
	}
}

func TestSamplerCountsTheInterface(t *testing.T) {
	c := samplerConfig(1000)
	c.Polling, c.Speed = time.Second, 1e10
	g := &sampled{}
	s := NewSampler(c, g.emit(t))
	for i, first := range []string{"\x02", "\xff\xff\xff\xff\xff\xff", "\x01\x00\x5e", "\x02", "\x02"} {
		p := numbered(0)
		p.At = epoch.Add(time.Duration(i) * 250 * time.Millisecond)
		copy(p.Header, first)
		if err := s.Packet(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(g.generic) != 2 || g.polls[1].Sequence != 2 || g.polls[1].Source != (sflow.DataSource{Index: 1}) {
		t.Fatalf("counters %+v", g.polls)
	}
	ic := g.generic[1] // before the fifth packet, which has the same time
	if ic.Index != 1 || ic.Speed != 1e10 || ic.InOctets != 4*64 || ic.InUcastPkts != 2 || ic.InBroadcastPkts != 1 || ic.InMulticastPkts != 1 ||
		ic.OutOctets.Known() || ic.OutUcastPkts.Known() || ic.InErrors.Known() {
		t.Errorf("counters %+v", ic)
	}
}

// TestSamplerTakesAnyTime passes packets at random times, years apart.
func TestSamplerTakesAnyTime(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := samplerConfig(3)
	c.Polling = 100 * time.Millisecond
	g := &sampled{}
	s := NewSampler(c, g.emit(t))
	const n = 2000
	for i := range n {
		p := numbered(i)
		p.At = time.Unix(rng.Int64N(1<<33), 0).UTC()
		if i%2 == 0 {
			p.At = epoch.Add(time.Duration(rng.Int64N(int64(10 * time.Second))))
		}
		p.FrameLength, p.Header = math.MaxUint32, p.Header[:rng.IntN(40)]
		if err := s.Packet(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Packets != n || int(st.Samples) != len(g.flows) || int(st.Counters) != len(g.polls) || st.Counters > 200*n || st.Octets != n*math.MaxUint32 {
		t.Errorf("stats %+v, %d samples and %d counters decoded", st, len(g.flows), len(g.polls))
	}
}

func TestSamplerEndsWithTheErrorOfItsReceiver(t *testing.T) {
	full := errors.New("disk full")
	s := NewSampler(samplerConfig(1), func(Datagram) error { return full })
	var err error
	for i := 0; err == nil && i < 1000; i++ {
		err = s.Packet(numbered(i))
	}
	if !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// TestForeignDecodersReadTheSampler has Cistern/sflow and gopacket read what
// was sampled; Cistern/sflow knows no expanded samples.
func TestForeignDecodersReadTheSampler(t *testing.T) {
	c := samplerConfig(10)
	c.Polling = 100 * time.Millisecond
	g, st := run(t, c, 50_000)
	var flows, counters, g1, g2 int
	for i, b := range g.raw {
		dg, err := cistern.NewDecoder(bytes.NewReader(b)).Decode()
		if err != nil {
			t.Fatalf("Cistern/sflow: datagram %d: %v", i, err)
		}
		for _, s := range dg.Samples {
			switch s := s.(type) {
			case *cistern.FlowSample:
				raw, ok := s.Records[0].(cistern.RawPacketFlow)
				want := g.headers[flows]
				if !ok || s.SamplePool != g.flows[flows].SamplePool || s.SequenceNum != uint32(flows+1) || s.Input != 1 || s.Output != 2 ||
					raw.FrameLength != want.FrameLength || raw.Stripped != 4 || raw.Protocol != 1 || !bytes.Equal(raw.Header[:len(want.Header)], want.Header) {
					t.Fatalf("Cistern/sflow: sample %d: %+v", flows, s)
				}
				flows++
			case *cistern.CounterSample:
				counters++
			}
		}
		p := gopacket.NewPacket(b, layers.LayerTypeSFlow, gopacket.Default)
		if e := p.ErrorLayer(); e != nil {
			t.Fatalf("gopacket: datagram %d: %v", i, e.Error())
		}
		l := p.Layer(layers.LayerTypeSFlow).(*layers.SFlowDatagram)
		for _, s := range l.FlowSamples {
			if s.SamplePool != g.flows[g1].SamplePool || s.SamplingRate != 10 || len(s.Records) != 1 {
				t.Fatalf("gopacket: sample %d: %+v", g1, s)
			}
			g1++
		}
		g2 += len(l.CounterSamples)
	}
	want := [4]int{int(st.Samples), int(st.Counters), int(st.Samples), int(st.Counters)}
	if got := [4]int{flows, counters, g1, g2}; got != want || flows == 0 || counters == 0 {
		t.Errorf("flow and counter samples read by Cistern/sflow and by gopacket: %v, want %v", got, want)
	}
}

func TestSamplerDoesNotAllocate(t *testing.T) {
	c := samplerConfig(2)
	c.Polling = 10 * time.Millisecond
	s := NewSampler(c, func(Datagram) error { return nil })
	p := numbered(13)
	step := func() {
		p.At = p.At.Add(time.Millisecond)
		if err := s.Packet(p); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n != 0 {
		t.Errorf("%v allocations per packet", n)
	}
}
