package rules

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
)

// agent sends counter samples of two interfaces and of its host.
type agent struct {
	w        *world
	arrival  decoder.Arrival
	sequence sflow.Seq
	number   uint32
}

func (w *world) agent(number uint32) *agent {
	return &agent{w: w, number: number, arrival: decoder.Arrival{Agent: netip.AddrFrom4([4]byte{10, 0, 0, byte(number)})}}
}

// counters sends the interface's errors and the host's load.
func (a *agent) counters(index, errors uint32, load float32) {
	a.sequence++
	a.arrival.Uptime = uint32(a.w.now / time.Millisecond)
	a.send(index, errors, load, a.sequence)
}

func (a *agent) send(index, errors uint32, load float32, seq sflow.Seq) {
	i := sflow.IfCounters{Index: index, InErrors: sflow.Counter32(errors), OutErrors: ^sflow.Counter32(0)}
	h := sflow.HostCPU{LoadOne: sflow.Load(load)}
	data := h.Append(i.Append(nil))
	c := decoder.Counters{Arrival: &a.arrival, Sample: sflow.CounterSample{
		Sequence: seq, Source: sflow.DataSource{Index: index}, NumRecords: 2, RecordData: data,
	}}
	a.w.tables[0].Counters(&c, a.number, a.w.ns())
}

func (a *agent) metric(name, source string, typ sflow.MetricType, bits uint64) {
	rt := sflow.RTMetric{DataSource: sflow.Text(source)}
	rt.Metrics.Add(sflow.Metric{Name: sflow.Text(name), Type: typ, Bits: bits})
	b := rt.Append(nil)
	m := decoder.Metrics{Arrival: &a.arrival, Sample: sflow.Sample{Format: sflow.FormatRTMetric, Body: b[8:]}}
	a.w.tables[0].Metrics(&m, a.number, a.w.ns())
}

func (w *world) watched() (lines []string) {
	for _, r := range w.reports {
		lines = append(lines, fmt.Sprintf("%s leaf%d %s%s %g %d %t %t", r.Rule.Name, r.Agent, r.Source, r.DataSource, r.Value, r.State, r.Start, r.Silent))
	}
	w.reports = w.reports[:0]
	return lines
}

func want(t *testing.T, w *world, lines ...string) {
	t.Helper()
	got := w.watched()
	if fmt.Sprint(got) != fmt.Sprint(lines) {
		t.Errorf("after %v\n got %q\nwant %q", w.now, got, lines)
	}
}

func TestWatchRateOfACounter(t *testing.T) {
	w := newWorld(t, 1,
		Spec{Name: "errors", Watch: "if_in_errors rate > 10/s", Interfaces: []string{"Ethernet1*"}, AgentNames: []string{"leaf?"}},
		Spec{Name: "unsupported", Watch: "if_out_errors rate >= 0/s"},
	)
	a := w.agent(3)
	a.counters(1, 4294967000, 0)
	a.counters(2, 0, 0)
	w.until(20 * time.Second)
	a.counters(1, 4294967000+100, 0) // 5 a second
	a.counters(2, 100_000, 0)        // not one of the interfaces
	w.until(40 * time.Second)
	want(t, w)
	a.counters(1, 304, 0) // wrapped, 25 a second
	w.until(41 * time.Second)
	want(t, w, "errors leaf3 0:1 25 1 true false")
	w.until(60 * time.Second)
	a.send(1, 200, 0, a.sequence-1) // late: no wrap
	want(t, w)
	a.counters(1, 310, 0)
	w.until(61 * time.Second)
	want(t, w, "errors leaf3 0:1 0.3 2 false false")
	a.arrival.Uptime = 0
	w.now += 30 * time.Second
	a.arrival.Uptime = 1
	a.send(1, 0, 0, 1) // a restart is no wrap
	w.until(100 * time.Second)
	want(t, w)
}

func TestWatchLevelHolds(t *testing.T) {
	w := newWorld(t, 1,
		Spec{Name: "load", Watch: "host_cpu.load_one > 16 for 1m", Agents: []string{"10.0.0.3"}, Severity: "critical"},
		Spec{Name: "at once", Watch: "host.cpu_load_one > 16"},
	)
	a, other := w.agent(3), w.agent(4)
	for range 5 {
		a.counters(1, 0, 20)
		other.counters(1, 0, 20)
		w.until(w.now + 20*time.Second)
		if w.now == 20*time.Second {
			want(t, w, "at once leaf3 0:1 20 1 true false", "at once leaf4 0:1 20 1 true false")
		}
	}
	want(t, w, "load leaf3 0:1 20 1 true false")
	a.counters(1, 0, 1)
	w.until(w.now + 10*time.Second)
	want(t, w, "at once leaf3 0:1 1 2 false false")
	a.counters(1, 0, 17) // up again before the minute
	w.until(w.now + 61*time.Second)
	want(t, w, "at once leaf3 0:1 17 1 true false")
	a.counters(1, 0, 2)
	w.until(w.now + 62*time.Second)
	want(t, w, "at once leaf3 0:1 2 2 false false", "load leaf3 0:1 2 2 false false")
	w.until(w.now + 11*time.Minute) // the other says nothing any more
	want(t, w, "at once leaf4 0:1 20 2 false true")
}

func TestWatchRTMetric(t *testing.T) {
	w := newWorld(t, 1,
		Spec{Name: "queue", Watch: "rtmetric.queue > 100"},
		Spec{Name: "rate", Watch: "rtmetric.done rate < 5/s"},
		Spec{Name: "silent", Watch: "rtmetric.queue absent for 1m"},
	)
	a := w.agent(1)
	for i := range uint64(3) {
		a.metric("queue", "db", sflow.MetricGauge32, 50)
		a.metric("queue", "web", sflow.MetricGauge64, 150)
		a.metric("done", "db", sflow.MetricCounter64, 1000+i*20)
		a.metric("other", "db", sflow.MetricGauge32, 5000)
		w.until(w.now + 10*time.Second)
	}
	want(t, w, "queue leaf1 0:0web 150 1 true false", "rate leaf1 0:0db 2 1 true false")
	a.metric("queue", "web", sflow.MetricGauge32, 1)
	w.until(w.now + 52*time.Second)
	want(t, w, "queue leaf1 0:0web 1 2 false false", "silent leaf1 0:0db 50 1 true false")
	a.metric("queue", "db", sflow.MetricGauge32, 2)
	w.until(w.now + time.Second)
	want(t, w, "silent leaf1 0:0db 2 2 false false")
}

func TestWatchedEntitiesAreBounded(t *testing.T) {
	w := newWorld(t, 1, Spec{Name: "queue", Watch: "rtmetric.queue > 100"})
	a := w.agent(1)
	for i := range maxEntities + 100 {
		a.metric("queue", fmt.Sprint(i), sflow.MetricGauge32, 200)
	}
	c := w.tables[0].Stats()
	if c.Entities != maxEntities || c.RefusedEntities != 100 || c.DroppedEvents != maxEntities-maxEvents {
		t.Errorf("%+v", c)
	}
	w.tick()
	if len(w.reports) != maxEvents {
		t.Errorf("%d reports", len(w.reports))
	}
}

func TestCountersDoNotAllocate(t *testing.T) {
	w := newWorld(t, 1, Spec{Name: "errors", Watch: "if_in_errors rate > 10/s"}, Spec{Name: "load", Watch: "host_cpu.load_one > 5"})
	a := w.agent(1)
	i := sflow.IfCounters{Index: 1}
	c := decoder.Counters{Arrival: &a.arrival, Sample: sflow.CounterSample{
		Source: sflow.DataSource{Index: 1}, NumRecords: 1, RecordData: i.Append(nil),
	}}
	if n := testing.AllocsPerRun(100, func() {
		c.Sample.Sequence++
		w.now += time.Second
		w.tables[0].Counters(&c, 1, w.ns())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
