package traffic

import (
	"crypto/sha256"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// line is two switches in a row, a host on each, one flow through both.
func line(rate uint32, f Flow) Config {
	f.Src, f.Dst = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	if f.Proto == 0 {
		f.Proto, f.SrcPort, f.DstPort = protoUDP, 1000, 2000
	}
	sw := func(a string, expanded bool) Agent {
		return Agent{
			Addr: netip.MustParseAddr(a), SamplingRate: rate, Expanded: expanded, Polling: time.Second,
			Ports: []Port{{1, "one", 1e10}, {2, "two", 1e10}},
		}
	}
	return Config{
		Seed: 7, Start: epoch, Duration: 10 * time.Second, Truth: 100 * time.Millisecond,
		Agents: []Agent{sw("192.0.2.1", false), sw("192.0.2.2", true)},
		Links:  []Link{{End{0, 2}, End{1, 2}}},
		Hosts:  []Host{{netip.PrefixFrom(f.Src, 32), End{0, 1}}, {netip.PrefixFrom(f.Dst, 32), End{1, 1}}},
		Flows:  []Flow{f},
	}
}

// seen is what a test gathers from the datagrams of one agent.
type seen struct {
	sequences []sflow.Seq
	flows     []sflow.FlowSample
	headers   []sflow.SampledHeader // Header is copied
	counters  map[uint32]sflow.IfCounters
	names     map[string]bool
	uptimes   []uint32
	discards  []sflow.DiscardSample
	vnis      map[uint32]uint32             // by input: of the last flow sample with one
	instances map[string]map[string]float64 // values by structure, by UUID
}

// collect runs a network to its end and decodes everything it sends.
func collect(t *testing.T, n *Network) map[netip.Addr]*seen {
	t.Helper()
	all := map[netip.Addr]*seen{}
	last := time.Time{}
	for {
		d, ok := n.Next()
		if !ok {
			return all
		}
		if d.At.Before(last) {
			t.Fatalf("datagram at %v after one at %v", d.At, last)
		}
		last = d.At
		if len(d.Payload) > maxDatagram {
			t.Fatalf("datagram of %d bytes", len(d.Payload))
		}
		var dg sflow.Datagram
		if err := dg.Decode(d.Payload); err != nil {
			t.Fatal(err)
		}
		s := all[dg.Agent]
		if s == nil {
			s = &seen{counters: map[uint32]sflow.IfCounters{}, names: map[string]bool{}, vnis: map[uint32]uint32{}, instances: map[string]map[string]float64{}}
			all[dg.Agent] = s
		}
		s.sequences = append(s.sequences, dg.Sequence)
		s.uptimes = append(s.uptimes, dg.Uptime)
		for smp, err := range dg.Samples() {
			if err != nil {
				t.Fatal(err)
			}
			s.add(t, smp)
		}
	}
}

func (s *seen) add(t *testing.T, smp sflow.Sample) {
	t.Helper()
	switch smp.Format {
	case sflow.FormatFlowSample, sflow.FormatFlowSampleExpanded:
		var f sflow.FlowSample
		if err := f.Decode(smp); err != nil {
			t.Fatal(err)
		}
		for r, err := range f.Records() {
			if err != nil {
				t.Fatal(err)
			}
			var h sflow.SampledHeader
			if r.Format == sflow.FormatSampledHeader {
				if err := h.Decode(r); err != nil {
					t.Fatal(err)
				}
				h.Header = append([]byte(nil), h.Header...)
				s.headers = append(s.headers, h)
			}
			var v sflow.ExtendedVNIIngress
			if v.Decode(r) == nil {
				s.vnis[f.Input.Value] = v.VNI
			}
		}
		f.RecordData = nil
		s.flows = append(s.flows, f)
	case sflow.FormatDiscardedPacket:
		var d sflow.DiscardSample
		if err := d.Decode(smp); err != nil {
			t.Fatal(err)
		}
		d.RecordData = nil
		s.discards = append(s.discards, d)
	default:
		var c sflow.CounterSample
		if err := c.Decode(smp); err != nil {
			t.Fatal(err)
		}
		host := "" // a host's description comes before what it has
		for r, err := range c.Records() {
			if err != nil {
				t.Fatal(err)
			}
			x := sflow.NewCounterRecord(r.Format)
			if x == nil && sflow.CounterRecordName(r.Format) == "bst_port_buffers" && len(r.Body) == 24 {
				continue
			}
			if x == nil {
				t.Fatalf("counter record %s is not known", r.Format)
			}
			if err := x.Decode(r); err != nil {
				t.Fatalf("counter record %s: %v", r.Format, err)
			}
			switch x := x.(type) {
			case *sflow.IfCounters:
				s.counters[x.Index] = *x
			case *sflow.PortName:
				s.names[string(x.Name)] = true
			case *sflow.HostDescr:
				host = string(x.Hostname)
				s.instances[host] = map[string]float64{}
			case *sflow.VirtCPU:
				s.instances[host]["cpu"] = float64(x.CPUTime)
			case *sflow.VirtMemory:
				s.instances[host]["memory"] = float64(x.Memory)
			case *sflow.VirtNetIO:
				s.instances[host]["rx"], s.instances[host]["tx"] = float64(x.RxBytes), float64(x.TxBytes)
			}
		}
	}
}

// TestFlowSendsItsRate checks the packets of a flow against arithmetic.
func TestFlowSendsItsRate(t *testing.T) {
	for _, c := range []struct {
		name            string
		flow            Flow
		packets, octets uint64
	}{
		// 12,144,000 bit/s are 1000 packets of 1518 octets a second; the first leaves at once.
		{"one size", Flow{Rate: 12_144_000, Stop: 2 * time.Second}, 2001, 2001 * 1518},
		// 8,000 bit/s earn 1000 octets a second: a cycle of 64 and 936.
		{"two sizes", Flow{Rate: 8000, Frames: []int{64, 936}, Stop: time.Second + 64*time.Millisecond - 1}, 3, 1064},
		{"shorter than a packet", Flow{Rate: 8, Start: time.Second, Stop: time.Second + 1}, 1, 1518},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := New(line(0, c.flow))
			collect(t, n)
			got := n.Truths()[0]
			if got.Packets != c.packets || got.Octets != c.octets {
				t.Errorf("sent %d packets, %d octets, want %d, %d", got.Packets, got.Octets, c.packets, c.octets)
			}
			var sum uint64
			for _, s := range got.Slots {
				sum += s
			}
			if sum != c.octets {
				t.Errorf("slots hold %d octets, want %d", sum, c.octets)
			}
		})
	}
}

// TestSamplingIsGeometric compares the gaps between samples, read from
// sample_pool, with the geometric distribution in bins of equal probability.
func TestSamplingIsGeometric(t *testing.T) {
	const rate, bins = 50, 20
	n := New(line(rate, Flow{Rate: 8e9, Frames: []int{1000}}))
	flows := collect(t, n)[netip.MustParseAddr("192.0.2.1")].flows
	var count [bins]float64
	last := uint32(0)
	for _, f := range flows {
		gap := float64(f.SamplePool - last) // 1, 2, ...
		last = f.SamplePool
		// The middle of the gap's own step of the distribution function.
		q := math.Pow(1-1.0/rate, gap-1)
		p := 1 - q*(1-0.5/rate)
		count[min(bins-1, int(p*bins))]++
	}
	// Bins hold whole gaps, so each bin's expectation is summed over its gaps.
	var want [bins]float64
	for gap := 1.0; gap < 100*rate; gap++ {
		q := math.Pow(1-1.0/rate, gap-1)
		want[min(bins-1, int((1-q*(1-0.5/rate))*bins))] += q / rate * float64(len(flows))
	}
	var chi2 float64
	for i := range count {
		chi2 += (count[i] - want[i]) * (count[i] - want[i]) / want[i]
	}
	// 19 degrees of freedom: 43.8 is exceeded by chance once in a thousand seeds.
	if chi2 > 43.8 {
		t.Errorf("chi-square %.1f over %d samples, want below 43.8", chi2, len(flows))
	}
	// 10 million packets: 200,000 samples expected, standard deviation 443.
	if got := float64(len(flows)); math.Abs(got-200_000) > 4*443 {
		t.Errorf("%v samples of 10 million packets at 1 in %d", got, rate)
	}
}

func TestCountersPoolAndTruthAgree(t *testing.T) {
	n := New(line(100, Flow{Rate: 1e9, Frames: []int{64, 1518, 700}}))
	all := collect(t, n)
	truth := n.Truths()[0]
	in, inPkts, out, outPkts := n.PortCounters(End{0, 1})
	if in != truth.Octets || inPkts != truth.Packets || out != 0 || outPkts != 0 {
		t.Errorf("port 1 of agent 0 has in %d/%d out %d/%d, truth %d/%d", in, inPkts, out, outPkts, truth.Octets, truth.Packets)
	}
	if _, _, out, _ := n.PortCounters(End{1, 1}); out != truth.Octets {
		t.Errorf("port 1 of agent 1 sent %d octets, truth %d", out, truth.Octets)
	}
	for _, addr := range []string{"192.0.2.1", "192.0.2.2"} {
		s := all[netip.MustParseAddr(addr)]
		// The last poll is at most one polling interval old.
		c := s.counters[2]
		counted := float64(c.InOctets + c.OutOctets)
		if counted < 0.89*float64(truth.Octets) || counted > float64(truth.Octets) {
			t.Errorf("%s: counters reached %.0f of %d octets", addr, counted, truth.Octets)
		}
		last := s.flows[len(s.flows)-1]
		if uint64(last.SamplePool) > truth.Packets || float64(last.SamplePool) < 0.99*float64(truth.Packets) {
			t.Errorf("%s: sample_pool %d, truth %d packets", addr, last.SamplePool, truth.Packets)
		}
		// Estimate and truth: the relative standard error is about 1/sqrt(samples).
		var est float64
		for _, h := range s.headers {
			est += float64(h.FrameLength) * 100
		}
		if e := math.Abs(est/float64(truth.Octets) - 1); e > 5/math.Sqrt(float64(len(s.headers))) {
			t.Errorf("%s: estimated %.0f of %d octets from %d samples", addr, est, truth.Octets, len(s.headers))
		}
		if !s.names["one"] || !s.names["two"] {
			t.Errorf("%s: port names %v", addr, s.names)
		}
	}
}

func TestSequencesAndUptimeRise(t *testing.T) {
	c := line(100, Flow{Rate: 1e9})
	c.Agents[0].Uptime = time.Hour
	s := collect(t, New(c))[netip.MustParseAddr("192.0.2.1")]
	for i, q := range s.sequences {
		if q != sflow.Seq(i+1) {
			t.Fatalf("datagram %d has sequence %d", i, q)
		}
	}
	for i, f := range s.flows {
		if f.Sequence != sflow.Seq(i+1) {
			t.Fatalf("flow sample %d has sequence %d", i, f.Sequence)
		}
	}
	first, last := s.uptimes[0], s.uptimes[len(s.uptimes)-1]
	if first < 3_600_000 || first > 3_601_100 || last < 3_609_000 || last > 3_610_000 {
		t.Errorf("uptime from %d to %d ms, want an hour and the 10 s of the run", first, last)
	}
}

func TestLossAndReorderingAreWhatTheyClaim(t *testing.T) {
	c := line(20, Flow{Rate: 1e9})
	c.Loss, c.Reorder = 0.02, 0.05
	n := New(c)
	s := collect(t, n)[netip.MustParseAddr("192.0.2.1")]
	var late, gaps int
	highest := sflow.Seq(0)
	for _, q := range s.sequences {
		if q.Sub(highest) < 0 {
			late++
			continue
		}
		gaps += int(q.Sub(highest)) - 1
		highest = q
	}
	st := n.Stats(0)
	if late != int(st.Reordered) {
		t.Errorf("%d datagrams came late, %d were reordered", late, st.Reordered)
	}
	if got := int(st.Datagrams) - len(s.sequences); got != int(st.Lost) || gaps-late != int(st.Lost) {
		t.Errorf("%d datagrams missing, %d in gaps, %d lost", got, gaps-late, st.Lost)
	}
	// About 7000 datagrams: 4 standard deviations of the share are below 0.7 % and 1.1 %.
	if share := float64(st.Lost) / float64(st.Datagrams); math.Abs(share-0.02) > 0.007 {
		t.Errorf("%.2f %% lost, want 2 %%", 100*share)
	}
	if share := float64(st.Reordered) / float64(st.Datagrams); math.Abs(share-0.05) > 0.011 {
		t.Errorf("%.2f %% reordered, want 5 %%", 100*share)
	}
}

func TestSameSeedSameBytes(t *testing.T) {
	digest := func(seed uint64) [32]byte {
		c := Demo(seed)
		c.Duration = 8 * time.Second
		c.Loss, c.Reorder = 0.01, 0.01
		h := sha256.New()
		for n := New(c); ; {
			d, ok := n.Next()
			if !ok {
				return [32]byte(h.Sum(nil))
			}
			h.Write([]byte(d.At.String() + d.From.String()))
			h.Write(d.Payload)
		}
	}
	first := digest(1)
	if digest(1) != first {
		t.Error("the same seed gives different datagrams")
	}
	if digest(2) == first {
		t.Error("different seeds give the same datagrams")
	}
}

func TestPathsAreShortest(t *testing.T) {
	r := func(a, b string) []Hop {
		c := Demo(1)
		p, err := newRoutes(&c).path(netip.MustParseAddr(a), netip.MustParseAddr(b))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name, src, dst string
		want           []Hop
	}{
		{"over the spine", "10.10.1.11", "10.10.2.12", []Hop{{Agent: 3, In: 10, Out: 2}, {Agent: 1, In: 1, Out: 49}, {Agent: 0, In: 1, Out: 2}, {Agent: 2, In: 49, Out: 1}, {Agent: 4, In: 2, Out: 11}}},
		{"on one bridge", "10.10.1.11", "10.10.1.14", []Hop{{Agent: 3, In: 10, Out: 13}}},
		{"from the Internet", "203.0.113.9", "10.20.1.12", []Hop{{Agent: 0, In: 3, Out: 1}, {Agent: 1, In: 49, Out: 2}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, r(c.src, c.dst)); diff != "" {
				t.Errorf("path (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewPanicsWithThePlaceInTheScenario(t *testing.T) {
	c := line(1, Flow{Rate: 1})
	c.Hosts = nil
	defer func() {
		if got, want := recover(), "traffic: flow 0: no host has 10.0.0.1"; got != want {
			t.Errorf("panic %v, want %v", got, want)
		}
	}()
	n := New(c)
	n.Next()
}
