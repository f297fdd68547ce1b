package agents

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"weir/decoder"
	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// crowd is many agents with interfaces, all known.
type crowd struct {
	*site
	arrivals []decoder.Arrival
	flows    []decoder.Flow     // by interface, of any agent
	counters []decoder.Counters // the same
}

func newCrowd(agents, interfaces int) *crowd {
	c := &crowd{site: newSite(Config{Limits: Limits{Agents: agents, Interfaces: agents * interfaces, AdmissionBurst: agents}})}
	for i := range agents {
		addr := netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, 10<<24+uint32(i))))
		c.arrivals = append(c.arrivals, decoder.Arrival{
			At: epoch0, From: netip.AddrPortFrom(addr, 6343), Agent: addr, Uptime: 1000,
		})
	}
	for k := range interfaces {
		c.flows = append(c.flows, decoder.Flow{Sample: sflow.FlowSample{
			Source: port(uint32(k + 1)), SamplingRate: 1000,
			Input: single(uint32(k + 1)), Output: single(uint32((k+1)%interfaces + 1)),
		}})
		c.counters = append(c.counters, decoder.Counters{Sample: counterSample(port(uint32(k+1)), 0,
			&sflow.PortName{Name: fmt.Appendf(nil, "GigabitEthernet1/0/%d", k+1)},
			&sflow.IfCounters{Index: uint32(k + 1), Speed: 10e9, Status: 3})})
	}
	return c
}

// speak sends one datagram of agent i with a flow and a counter sample of each
// interface.
func (c *crowd) speak(i int) {
	a := &c.arrivals[i]
	a.At, a.Sequence, a.Uptime = c.now, a.Sequence+1, a.Uptime+1000
	c.r.Arrival(a)
	for k := range c.flows {
		f, s := &c.flows[k], &c.counters[k]
		f.Arrival, s.Arrival = a, a
		f.Sample.Sequence, f.Sample.SamplePool = a.Sequence, 1000*uint32(a.Sequence)
		s.Sample.Sequence = a.Sequence
		c.r.Flow(f)
		c.r.Counters(s)
	}
}

func TestKnownAgentsDoNotAllocate(t *testing.T) {
	c := newCrowd(100, 4)
	for range 3 {
		for i := range c.arrivals {
			c.speak(i)
		}
		c.pass(time.Second)
	}
	i := 0
	if n := testing.AllocsPerRun(2000, func() { c.speak(i % 100); i++ }); n != 0 {
		t.Errorf("%v allocations per datagram with flows and counters, want 0", n)
	}
	var d decoder.Discard
	d.Arrival = &c.arrivals[0]
	d.Sample.Source = port(1)
	beat := decoder.Metrics{Arrival: d.Arrival, Sample: statement(witness.ClassHeartbeat, witness.Counter64(witness.FramesLost, 1))}
	if n := testing.AllocsPerRun(1000, func() { d.Sample.Sequence++; c.r.Discard(&d); c.r.Metrics(&beat) }); n != 0 {
		t.Errorf("%v allocations per discard and heartbeat, want 0", n)
	}
}

func TestRefusedAgentsDoNotAllocate(t *testing.T) {
	s := newSite(Config{Limits: Limits{AdmissionBurst: 1}})
	s.speaker("192.0.2.1", "192.0.2.1:6343").say()
	a := s.speaker("192.0.2.2", "192.0.2.2:6343").arrival()
	if n := testing.AllocsPerRun(1000, func() { s.r.Arrival(a) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

// TestRegistryMemoryIsBounded states what agents and interfaces take, each
// interface with counters, flow samples, a name and its part of what is
// published. The larger site of 10,000 agents with 100 interfaces is
// left out with -short.
func TestRegistryMemoryIsBounded(t *testing.T) {
	for _, c := range []struct {
		name               string
		agents, interfaces int
		limit              uint64 // octets
		long               bool
	}{
		{"10,000 agents that say nothing", 10000, 0, 20e6, false},
		{"1,000 agents of 50 interfaces", 1000, 50, 100e6, false},
		{"10,000 agents of 100 interfaces", 10000, 100, 1200e6, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.long && testing.Short() {
				t.Skip("takes 1 GB of memory and several seconds: not with -short")
			}
			crowd := newCrowd(c.agents, c.interfaces)
			before := heap()
			for range 2 {
				for i := range crowd.arrivals {
					crowd.speak(i)
				}
				crowd.now = crowd.now.Add(time.Second)
			}
			crowd.r.Tick(crowd.now)
			crowd.r.Publish()
			used := heap() - before
			tt := crowd.Totals()
			t.Logf("%d MB, %d octets per agent and interface", used>>20, used/uint64(c.agents*max(1, c.interfaces)))
			if used > c.limit || tt.Interfaces != c.agents*c.interfaces || tt.RefusedSources+tt.RefusedInterfaces > 0 {
				t.Errorf("%d MB, want at most %d; %+v", used>>20, c.limit>>20, tt)
			}
			runtime.KeepAlive(crowd)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkArrival(b *testing.B) {
	for _, n := range []int{1, 1000, 10000} {
		b.Run(map[int]string{1: "one agent", 1000: "1,000 agents", 10000: "10,000 agents"}[n], func(b *testing.B) {
			c := newCrowd(n, 1)
			for i := range c.arrivals {
				c.speak(i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				a := &c.arrivals[i]
				a.Sequence++
				c.r.Arrival(a)
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}

func BenchmarkFlow(b *testing.B) {
	for _, n := range []int{1, 50, 1000} {
		b.Run(map[int]string{1: "one source", 50: "50 sources", 1000: "1,000 sources"}[n], func(b *testing.B) {
			c := newCrowd(1, n)
			c.speak(0)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				f := &c.flows[i]
				f.Sample.Sequence++
				f.Sample.SamplePool += 1000
				c.r.Flow(f)
				if i++; i == n {
					i = 0
				}
			}
		})
	}
}
