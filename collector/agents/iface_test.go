package agents

import (
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weir/decoder/sflow"
)

const none32, none64 = sflow.Counter32(1<<32 - 1), sflow.Counter64(1<<64 - 1)

func TestInterfaceCountersBecomeRates(t *testing.T) {
	type c = sflow.IfCounters
	rates := func(bits, packets, errors, discards Rate) Rates { return Rates{bits, packets, errors, discards} }
	for _, tc := range []struct {
		name          string
		before, after c
		seconds       int
		in, out       Rates
		resets        uint32
	}{
		{"both ways",
			c{Speed: 1e9, InOctets: 1000, OutOctets: 5000, InUcastPkts: 10, OutUcastPkts: 20},
			c{Speed: 1e9, InOctets: 1000 + 125_000_000, OutOctets: 5000 + 12_500_000, InUcastPkts: 100_010, InMulticastPkts: 500, InBroadcastPkts: 500,
				InErrors: 20, InDiscards: 30, OutUcastPkts: 10_020, OutErrors: 10, OutDiscards: 40},
			10, rates(1e8, 10_100, 2, 3), rates(1e7, 1000, 1, 4), 0},
		{"64 bits beyond 32; packets may have wrapped twice",
			c{Speed: 1e11, InOctets: 1 << 40}, c{Speed: 1e11, InOctets: 1<<40 + 250e9}, 20,
			rates(1e11, Unknown, 0, 0), rates(0, 0, 0, 0), 0},
		{"octets in 32 bits wrap",
			c{Speed: 1e9, InOctets: 1<<32 - 1000, InUcastPkts: 5}, c{Speed: 1e9, InOctets: 12_499_000, InUcastPkts: 10_005}, 1,
			rates(1e8, 10_000, 0, 0), rates(0, 0, 0, 0), 0},
		{"octets in 64 bits wrap",
			c{Speed: 1e9, InOctets: 1<<64 - 1001}, c{Speed: 1e9, InOctets: 12_498_999}, 1,
			rates(1e8, 0, 0, 0), rates(0, 0, 0, 0), 0},
		{"packets wrap",
			c{Speed: 1e11, InOctets: 1 << 40, InUcastPkts: 1<<32 - 500}, c{Speed: 1e11, InOctets: 1<<40 + 1e9, InUcastPkts: 999_500}, 1,
			rates(8e9, 1e6, 0, 0), rates(0, 0, 0, 0), 0},
		{"reset",
			c{Speed: 1e9, InOctets: 3e9, InUcastPkts: 4e6, OutOctets: 1e9}, c{Speed: 1e9, InOctets: 1e6, InUcastPkts: 1000, OutOctets: 5}, 30,
			unknownRates, unknownRates, 1},
		{"reset of a 64-bit counter",
			c{Speed: 1e9, InOctets: 1 << 40}, c{Speed: 1e9, InOctets: 1000}, 30,
			unknownRates, unknownRates, 1},
		{"more than any link carries",
			c{Speed: 1e9, InOctets: 5}, c{Speed: 1e9, InOctets: 1 << 60}, 30,
			unknownRates, unknownRates, 1},
		{"unknown throughout",
			c{InOctets: none64, InUcastPkts: none32, InErrors: none32, InDiscards: none32, OutOctets: 8},
			c{InOctets: none64, InUcastPkts: none32, InErrors: none32, InDiscards: none32, OutOctets: 1008}, 1,
			unknownRates, rates(8000, 0, 0, 0), 0},
		{"unknown from now on: the port is gone",
			c{InOctets: 5000, OutOctets: 8}, c{InOctets: none64, InUcastPkts: none32, InErrors: none32, InDiscards: none32,
				OutOctets: none64, OutUcastPkts: none32, OutErrors: none32, OutDiscards: none32}, 1,
			unknownRates, unknownRates, 0},
		{"known from now on",
			c{InOctets: none64, InUcastPkts: none32, InErrors: none32, InDiscards: none32}, c{InOctets: 5e12, InUcastPkts: 7e8}, 1,
			unknownRates, rates(0, 0, 0, 0), 0},
		{"multicast not counted",
			c{InMulticastPkts: none32, InBroadcastPkts: none32}, c{InMulticastPkts: none32, InBroadcastPkts: none32, InUcastPkts: 10}, 10,
			rates(0, 1, 0, 0), rates(0, 0, 0, 0), 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(Config{})
			p := s.speaker("192.0.2.1", "192.0.2.1:6343")
			tc.before.Index, tc.after.Index = 7, 7
			p.counters(port(7), 1, &tc.before)
			if i, _ := s.r.CurrentInterface(); i.In != unknownRates || i.Out != unknownRates {
				t.Errorf("rates from one sample: %+v", i)
			}
			s.pass(time.Duration(tc.seconds) * time.Second)
			p.counters(port(7), 2, &tc.after)
			i, ok := s.r.CurrentInterface()
			if !ok {
				t.Fatal("no interface")
			}
			close := cmp.Comparer(func(a, b Rate) bool { return math.Abs(float64(a-b)) <= 1e-4*math.Abs(float64(b)) })
			if diff := cmp.Diff([2]Rates{tc.in, tc.out}, [2]Rates{i.In, i.Out}, close); diff != "" || i.Resets != tc.resets {
				t.Errorf("%d resets, want %d; (-want +got)\n%s", i.Resets, tc.resets, diff)
			}
		})
	}
}

// TestRatesUseTheAgentsClock delays a sample on the way: a late sample makes
// no dip, and an agent with a foolish clock is judged by arrival.
func TestRatesUseTheAgentsClock(t *testing.T) {
	for _, c := range []struct {
		name   string
		start  time.Duration // beyond an hour
		uptime time.Duration // between the samples
		want   Rate
	}{
		{"delayed by 800 ms", time.Millisecond, 10 * time.Second, 8000},
		{"clock of whole seconds", 0, 10 * time.Second, Rate(80_000 / 10.8)},
		{"clock that stands", time.Millisecond, 0, Rate(80_000 / 10.8)},
		{"clock ten times too fast", time.Millisecond, 100 * time.Second, Rate(80_000 / 10.8)},
		{"clock that runs back", time.Millisecond, -5 * time.Second, Rate(80_000 / 10.8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(Config{})
			p := s.speaker("192.0.2.1", "192.0.2.1:6343")
			p.booted = s.now.Add(-time.Hour).Add(-c.start)
			p.counters(port(7), 1, &sflow.IfCounters{Index: 7})
			s.now = s.now.Add(10*time.Second + 800*time.Millisecond)
			p.booted = s.now.Add(-time.Hour).Add(-c.uptime).Add(-c.start)
			p.counters(port(7), 2, &sflow.IfCounters{Index: 7, InOctets: 10_000})
			if i, _ := s.r.CurrentInterface(); math.Abs(float64(i.In.BitsPerSecond-c.want)) > 1 {
				t.Errorf("%v bit/s, want %v", i.In.BitsPerSecond, c.want)
			}
		})
	}
}

func TestRestartedAgentHasNoRate(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	p.counters(port(7), 100, &sflow.IfCounters{Index: 7, InOctets: 1000})
	s.pass(20 * time.Second)
	p.booted, p.seq = s.now.Add(-2*time.Second), 0
	p.counters(port(7), 1, &sflow.IfCounters{Index: 7, InOctets: 5e6})
	if i, _ := s.r.CurrentInterface(); i.In != unknownRates {
		t.Errorf("rates over a restart: %+v", i.In)
	}
	if n := s.only(t).Sources[0].Counters; n.Lost != 0 {
		t.Errorf("loss over a restart: %+v", n)
	}
}

func TestLateCounterSampleIsNoRate(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	for i, seq := range []uint32{1, 2, 4, 3, 5} {
		if i > 0 {
			s.pass(time.Second)
		}
		p.counters(port(7), seq, &sflow.IfCounters{Index: 7, InOctets: sflow.Counter64(1000 * seq)})
	}
	a := s.only(t)
	if i := a.Interfaces[0]; i.Resets != 0 || i.In.BitsPerSecond != 4000 || a.Sources[0].Counters.Lost != 0 {
		t.Errorf("%+v %+v", i, a.Sources[0].Counters)
	}
}

// TestInterfaceOutlivesItsSubAgent renumbers sub-agents, as Open vSwitch does
// when a bridge is deleted.
func TestInterfaceOutlivesItsSubAgent(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	p.sub = 2
	p.counters(port(7), 50, &sflow.IfCounters{Index: 7, InOctets: 1000}, &sflow.PortName{Name: []byte("eth1")})
	s.pass(time.Second)
	p.sub, p.seq, p.booted = 1, 0, s.now
	p.counters(port(7), 1, &sflow.IfCounters{Index: 7, InOctets: 2000})
	if i := s.only(t).Interfaces; len(i) != 1 || i[0].Name != "eth1" || i[0].In.BitsPerSecond != 8000 {
		t.Errorf("interfaces %+v", i)
	}
}

func TestNamesOfInterfacesAndHosts(t *testing.T) {
	s := newSite(Config{})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	p.counters(port(4), 1, &sflow.OFPort{PortNo: 3}, &sflow.PortName{Name: []byte("tap1a\x00\xff\n2b")},
		&sflow.IfCounters{Index: 4, Speed: 25e9, Status: 3, Direction: 1, Type: 6})
	p.counters(port(5), 1, &sflow.PortName{Name: []byte("eth0")}, &sflow.IfCounters{Index: 5, Speed: 10e9, Status: 1}, &sflow.LAGPortStats{AttachedAggID: 99})
	uuid := [16]byte{1, 2, 3}
	p.counters(bridge(1), 1, &sflow.HostDescr{Hostname: []byte("node-1"), OSName: sflow.OSLinux, OSRelease: []byte("6.1")}, &sflow.VirtNode{NumDomains: 1})
	p.counters(sflow.DataSource{Class: sflow.ClassLogical, Index: 3}, 1,
		&sflow.HostDescr{Hostname: []byte("instance-1"), UUID: uuid}, &sflow.HostParent{ContainerType: 2, ContainerIndex: 1})
	a := s.only(t)
	if a.Name != "node-1" || !a.Hypervisor || len(a.Hosts) != 2 {
		t.Fatalf("agent %+v", a)
	}
	if h := a.Hosts[1]; h.Name != "instance-1" || h.UUID != "01020300-0000-0000-0000-000000000000" || h.Parent == nil || *h.Parent != bridge(1) {
		t.Errorf("instance %+v", h)
	}
	if i := a.Interfaces[0]; i.Name != "tap1a2b" || i.Speed != 25e9 || !i.AdminUp || !i.OperUp || i.Direction != 1 || i.Type != 6 {
		t.Errorf("interface %+v", i)
	}
	if i := a.Interfaces[1]; i.Name != "eth0" || !i.AdminUp || i.OperUp || i.Group != 99 {
		t.Errorf("interface %+v", i)
	}
	if addr, name := s.Agent(a.Number); addr != p.addr || name != "node-1" {
		t.Errorf("agent %d is %v %q", a.Number, addr, name)
	}
	if n, v := s.Interface(a.Number, 5), s.Speed(a.Number, 5); n != "eth0" || v != 10e9 {
		t.Errorf("interface 5 is %q with %d", n, v)
	}
	if n := s.Interface(a.Number, 6); n != "" {
		t.Errorf("interface 6 is %q", n)
	}
	if addr, _ := s.Agent(77); addr.IsValid() {
		t.Errorf("agent 77 is %v", addr)
	}
	if !s.setSpeed(a.Number, 4, 1e9) || s.Speed(a.Number, 4) != 1e9 {
		t.Error("speed not overridden")
	}
}

// TestTablesOfOneAgentAreBounded lets one agent invent everything.
func TestTablesOfOneAgentAreBounded(t *testing.T) {
	s := newSite(Config{Limits: Limits{AgentInterfaces: 10, AgentSources: 40, SubAgents: 3, Hosts: 4}})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	for i := range uint32(50) {
		p.sub = i % 5
		p.counters(port(i+1), 1, &sflow.IfCounters{Index: i + 1})
		p.sub = 0
		p.counters(bridge(i), 1, &sflow.HostDescr{Hostname: fmt.Append(nil, "h", i)})
	}
	a := s.only(t)
	if len(a.Interfaces) != 10 || len(a.Sources) != 40 || len(a.SubAgents) != 3 || len(a.Hosts) != 4 {
		t.Errorf("%d interfaces, %d sources, %d sub-agents, %d hosts", len(a.Interfaces), len(a.Sources), len(a.SubAgents), len(a.Hosts))
	}
	n := s.Totals()
	if n.RefusedInterfaces == 0 || n.RefusedSources == 0 || n.RefusedSubAgents == 0 || n.RefusedHosts == 0 || n.Interfaces != 10 || n.Sources != 40 {
		t.Errorf("totals %+v", n)
	}
}

// TestPortsComeAndGo gives every instance a new port, for longer than an hour:
// old ones make room.
func TestPortsComeAndGo(t *testing.T) {
	s := newSite(Config{Limits: Limits{AgentInterfaces: 100, AgentSources: 100, Hosts: 100}})
	p := s.speaker("192.0.2.1", "192.0.2.1:6343")
	for i := range uint32(1000) {
		p.counters(port(i+1), 1, &sflow.IfCounters{Index: i + 1}, &sflow.HostDescr{})
		p.flow(flowSample(1, port(i+1), single(i+1), single(1)))
		s.now = s.now.Add(time.Minute)
	}
	a := s.only(t)
	last := a.Interfaces[len(a.Interfaces)-1]
	if n := s.Totals(); last.Index != 1000 || n.RefusedInterfaces+n.RefusedSources+n.RefusedHosts > 0 ||
		n.Interfaces != len(a.Interfaces) || n.Sources != len(a.Sources) {
		t.Errorf("last interface %d of %d; %+v", last.Index, len(a.Interfaces), n)
	}
}

func TestUnknownRateIsNull(t *testing.T) {
	got, err := json.Marshal(Rates{BitsPerSecond: 1.5e9, Packets: Unknown, Errors: 0, Discards: 0.25})
	want := `{"bits_per_second":1500000000,"packets":null,"errors":0,"discards":0.25}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// setSpeed overrides what an interface says of its speed, in bit/s, as its switch's
// MIB does.
func (sh *Shared) setSpeed(number, ifIndex uint32, bps uint64) bool {
	return sh.withInterface(number, ifIndex, func(i *iface) { i.override.Store(bps) })
}
