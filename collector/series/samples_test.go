package series

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/sflow/sflowtest"
)

// flow has the agent send a flow sample of a frame of 1000 octets, sampled 1 in
// 100 at a port.
func (w *world) flow(agent string, port uint32, records ...sflow.Appender) {
	w.t.Helper()
	w.send(agent, func(b *sflow.Builder) {
		records = append(records, &sflow.SampledHeader{Protocol: 1, FrameLength: 1000, Header: sflowtest.Header()})
		b.FlowSample(&sflow.FlowSample{
			Sequence: sflow.Seq(w.sequence), Source: sflow.DataSource{Index: port}, SamplingRate: 100,
			Input: sflow.Port{Value: port}, Output: sflow.Port{Value: 2},
		}, false, records...)
	})
}

// pass lets time go by, with a tick every 100 ms, and returns the points.
func (w *world) pass(d time.Duration) map[string][]string {
	all := map[string][]string{}
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(100 * time.Millisecond)
		for class, p := range w.points() {
			all[class] = append(all[class], p...)
		}
	}
	return all
}

func TestSamplesAddUp(t *testing.T) {
	w := newWorld(t, Config{Interval: 10 * time.Second})
	for range 50 {
		w.flow("192.0.2.1", 7)
	}
	w.now = w.now.Add(10*time.Second - 49*time.Millisecond)
	got := w.points()
	want := map[string][]string{
		"flow_samples": {"agent=192.0.2.1 agent_name=192.0.2.1 source=0:7 if_index=7 if_name=ifIndex 7 direction=ingress | bits_per_second=4e+06 | packets_per_second=500 | samples=50i "},
		"protocols":    {"agent=192.0.2.1 agent_name=192.0.2.1 protocol=tcp | bits_per_second=4e+06 | packets_per_second=500 | samples=50i "},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := w.pass(11 * time.Second)["flow_samples"]; len(got) != 1 || !strings.Contains(got[0], "bits_per_second=0 ") {
		t.Errorf("a quiet port is %q, want one zero", got)
	}
	n := len(w.pass(400 * time.Second)["flow_samples"])
	if again := w.pass(60 * time.Second)["flow_samples"]; n < 27 || n > 31 || len(again) != 0 || len(w.gather.samples.agents) != 0 {
		t.Errorf("a silent port is written %d times, then %d", n, len(again))
	}
}

// TestEverySourceIsWrittenOncePerInterval has many ports, whose points are
// spread over the ticks.
func TestEverySourceIsWrittenOncePerInterval(t *testing.T) {
	const ports = 500
	w := newWorld(t, Config{Interval: 2 * time.Second})
	total := 0
	for range 30 {
		for p := range uint32(ports / 10) {
			w.flow("192.0.2.1", p*7+1)
			total++
		}
		for _, all := range w.pass(100 * time.Millisecond)["flow_samples"] {
			total -= samplesIn(t, all)
		}
	}
	points := 0
	for _, all := range w.pass(4 * time.Second)["flow_samples"] {
		total -= samplesIn(t, all)
		points++
	}
	if total != 0 {
		t.Errorf("%d samples are not in any point", total)
	}
	if points < ports/10 || points > 3*ports/10 {
		t.Errorf("%d points of %d ports in two intervals", points, ports/10)
	}
}

func samplesIn(t *testing.T, point string) (n int) {
	t.Helper()
	_, tail, _ := strings.Cut(point, "samples=")
	if _, err := fmt.Sscanf(tail, "%di", &n); err != nil {
		t.Fatal(point, err)
	}
	return n
}

func TestTunnelledNetworksAreBounded(t *testing.T) {
	w := newWorld(t, Config{Interval: time.Second})
	for vni := range uint32(maxVNIs + 50) {
		w.flow("192.0.2.1", 7, &sflow.ExtendedVNIIngress{VNI: 5000 + vni})
	}
	w.flow("192.0.2.2", 7, &sflow.ExtendedVNIIngress{VNI: 1 << 31}) // cannot be
	got := w.pass(2 * time.Second)["vni"]
	seen := map[string]int{}
	for _, p := range got {
		fields := strings.Fields(p)
		if !strings.Contains(p, "samples=0i") {
			seen[fields[0]+" "+fields[2]] += samplesIn(t, p)
		}
	}
	if len(seen) != maxVNIs+2 || seen["agent=192.0.2.1 vni=other"] != 50 || seen["agent=192.0.2.1 vni=5000"] != 1 || seen["agent=192.0.2.2 vni=0"] != 1 {
		t.Errorf("%d networks, others %d: %v", len(seen), seen["agent=192.0.2.1 vni=other"], seen)
	}
	w.pass(60 * time.Second)
	if n := len(w.gather.samples.agents); n != 0 {
		t.Errorf("%d agents are not forgotten", n)
	}
}

func TestDiscardsByReason(t *testing.T) {
	w := newWorld(t, Config{Interval: 2 * time.Second})
	for i, reason := range []uint32{0, 0, sflow.DropUnknown, 1 << 20, 1 << 21} {
		w.send("192.0.2.1", func(b *sflow.Builder) {
			b.DiscardSample(&sflow.DiscardSample{Sequence: sflow.Seq(i + 1), Source: sflow.DataSource{Index: 7}, Input: 7, DropReason: reason},
				&sflow.SampledHeader{Protocol: 1, FrameLength: 1000, Header: sflowtest.Header()})
		})
	}
	got := map[string]bool{}
	for _, p := range w.pass(2200 * time.Millisecond)["discarded_packets"] {
		_, rest, _ := strings.Cut(p, "reason=")
		reason, _, _ := strings.Cut(rest, " |")
		_, packets, _ := strings.Cut(p, "packets=")
		got[reason+" "+strings.TrimSpace(packets)] = true
	}
	want := map[string]bool{
		sflow.DropReasonName(0) + " 2i": true, sflow.DropReasonName(sflow.DropUnknown) + " 1i": true, "other 2i": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSamplesFollowAClockThatIsSetBack(t *testing.T) {
	w := newWorld(t, Config{Interval: time.Second})
	w.flow("192.0.2.1", 7)
	w.pass(3 * time.Second)
	w.now = w.now.Add(-24 * time.Hour)
	w.flow("192.0.2.1", 7)
	n := 0
	for _, p := range w.pass(3 * time.Second)["flow_samples"] {
		n += samplesIn(t, p)
	}
	if n != 1 {
		t.Errorf("%d samples after the clock was set back, want 1", n)
	}
}

func TestFlowAllocatesNothing(t *testing.T) {
	w := newWorld(t, Config{Interval: time.Second})
	w.flow("192.0.2.1", 7)
	var kept decoder.Flow
	w.flow("192.0.2.1", 7)
	f := &kept
	*f = decoder.Flow{Arrival: &decoder.Arrival{At: w.now}, Sample: sflow.FlowSample{Source: sflow.DataSource{Index: 7}}}
	f.Est.SamplingRate, f.Est.Vantage = 100, decoder.Vantage{Agent: 1, Source: 2}
	f.FrameLength, f.Header.HasVNI, f.Header.VNI = 1000, true, 5
	w.gather.Flow(f)
	if n := testing.AllocsPerRun(1000, func() { w.gather.Flow(f) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFlow(b *testing.B) {
	w := newWorld(b, Config{Interval: time.Second})
	flows := make([]decoder.Flow, 1024)
	for i := range flows {
		f := &flows[i]
		*f = decoder.Flow{Arrival: &decoder.Arrival{At: w.now}, Sample: sflow.FlowSample{Source: sflow.DataSource{Index: uint32(i)}}}
		f.Est.SamplingRate, f.Est.Vantage = 100, decoder.Vantage{Agent: uint32(1 + i%20), Source: uint32(2 + i%50)}
		f.FrameLength, f.Header.HasKey, f.Header.Key.Proto = 1000, true, uint8(6+11*(i%2))
	}
	i := 0
	for b.Loop() {
		w.gather.Flow(&flows[i%len(flows)])
		i++
	}
}
