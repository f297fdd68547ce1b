package traffic

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"weir/decoder/sflow"
)

// agent is an Agent at work.
type agent struct {
	Agent
	net    *Network
	from   netip.AddrPort
	rng    *rand.Rand
	ports  map[uint32]*port
	bridge *source // of a Bridge

	discarding discarding

	polls    []poll // in order of their phase
	nextPoll int

	builder   sflow.Builder
	open      bool // the builder holds a datagram that has begun
	sequence  sflow.Seq
	clock     time.Duration // of the last datagram
	nextFlush time.Duration
	atOnce    bool          // every flow sample is sent by itself
	delay     time.Duration // to the collector
	held      due[pending]  // a datagram that waits for the next, to arrive after it
	holding   bool

	// Reused for every sample, so that nothing is allocated.
	flow    sflow.FlowSample
	counter sflow.CounterSample
	header  sflow.SampledHeader
	vlans   sflow.ExtendedSwitch
	vni     sflow.ExtendedVNIIngress
	counts  counterRecords

	stats AgentStats
}

// AgentStats counts what an agent sent.
type AgentStats struct {
	Datagrams   uint64 // with the lost ones
	Lost        uint64
	Reordered   uint64
	FlowSamples uint64
	Counters    uint64 // counter samples
	Discards    uint64 // discarded packets
}

// port is a Port with its true counters.
type port struct {
	Port
	source                *source
	inOctets, outOctets   uint64
	inPackets, outPackets uint64
	inMeter, outMeter     meter // of a thin network
}

// source is a data source: one pool, from which one packet in N is taken.
type source struct {
	id       sflow.DataSource
	sequence sflow.Seq // of flow samples
	counters sflow.Seq // of counter samples
	pool     uint64    // packets that could have been sampled
	skip     uint64    // packets until the next sample
	meter    meter     // of a thin network: the pool
}

func newAgent(n *Network, c Agent, i int) *agent {
	a := &agent{Agent: c, net: n, ports: map[uint32]*port{}}
	a.rng = rand.New(rand.NewPCG(n.cfg.Seed, uint64(i)+1))
	a.from = c.From
	if !a.from.IsValid() {
		a.from = netip.AddrPortFrom(c.Addr, uint16(10000+i%50000))
	}
	if a.HeaderBytes == 0 {
		a.HeaderBytes = defaultHeader
	}
	a.HeaderBytes = min(a.HeaderBytes, maxHeader)
	switch {
	case a.Flush < 0:
		a.atOnce, a.Flush = true, n.cfg.Tick
	case a.Flush == 0:
		a.Flush = 50*time.Millisecond + a.phase(950*time.Millisecond)
	}
	a.nextFlush = a.phase(a.Flush)
	a.delay = 100*time.Microsecond + a.phase(time.Millisecond)
	if c.Kind == Bridge {
		a.bridge = a.newSource(sflow.DataSource{Class: sflow.ClassEntity, Index: 1000})
	}
	for _, p := range c.Ports {
		q := &port{Port: p, source: a.bridge}
		if q.source == nil {
			q.source = a.newSource(sflow.DataSource{Class: sflow.ClassInterface, Index: p.Index})
		}
		a.ports[p.Index] = q
	}
	a.schedule()
	return a
}

// phase returns a random part of d.
func (a *agent) phase(d time.Duration) time.Duration {
	return time.Duration(a.rng.Float64() * float64(d))
}

func (a *agent) newSource(id sflow.DataSource) *source { return &source{id: id, skip: a.skip()} }

// skip draws how many packets are passed before the next sample.
func (a *agent) skip() uint64 { return skip(a.rng, a.SamplingRate) }

// pass lets n packets of a flow enter the pool of s, the first being the flow's
// packet number first.
func (a *agent) pass(s *source, f *flow, h *hop, first, n uint64) {
	at := uint64(0)
	for n-at > s.skip {
		at += s.skip
		a.sample(s, f, h, first+at, s.pool+at+1)
		at++
		s.skip = a.skip()
	}
	s.skip -= n - at
	s.pool += n
}

// sample sends packet k of a flow as a flow sample.
func (a *agent) sample(s *source, f *flow, h *hop, k, pool uint64) {
	size := f.size(k)
	f.frame.at(h)
	s.sequence++
	if a.Kind == Bridge {
		pool = uint64(s.sequence) * uint64(a.SamplingRate)
	}
	a.flow = sflow.FlowSample{
		Sequence: s.sequence, Source: s.id, SamplingRate: a.SamplingRate, SamplePool: uint32(pool),
		Input: sflow.Port{Value: h.in.Index}, Output: sflow.Port{Value: h.out.Index},
	}
	a.header = sflow.SampledHeader{
		Protocol: 1, FrameLength: uint32(size), Stripped: fcs,
		Header: f.frame.packet(k, f.sum(k), size, a.HeaderBytes),
	}
	a.vlans = sflow.ExtendedSwitch{SrcVLAN: uint32(f.VLAN), DstVLAN: uint32(f.VLAN)}
	a.vni.VNI = a.VNIs[h.in.Index]
	a.stats.FlowSamples++
	t := max(f.at(k), a.clock)
	a.begin()
	a.addFlow()
	if a.full() {
		a.builder.Undo()
		a.send(t)
		a.begin()
		a.addFlow()
	}
}

func (a *agent) addFlow() {
	a.builder.FlowSample(&a.flow, a.Expanded)
	a.builder.Record(&a.header)
	a.builder.Record(&a.vlans)
	if a.vni.VNI != 0 {
		a.builder.Record(&a.vni)
	}
}

// full reports whether the last sample added was one too many.
func (a *agent) full() bool { return a.builder.Len() > maxDatagram && a.builder.NumSamples() > 1 }

// begin makes sure that a datagram is open. Its uptime is set as it is sent.
func (a *agent) begin() {
	if a.open {
		return
	}
	a.open = true
	a.sequence++
	a.builder.Reset(a.net.buffer(), &sflow.Datagram{
		Agent: a.Addr, SubAgent: a.SubAgent, Sequence: a.sequence,
	})
}

// send hands the open datagram to the network, which may lose or reorder it.
func (a *agent) send(t time.Duration) {
	if !a.open {
		return
	}
	a.open = false
	a.clock = max(a.clock, t)
	setUptime(a.builder.Bytes(), a.Addr, a.Uptime+a.clock)
	p := due[pending]{at: a.clock + a.delay, item: pending{a.from, a.builder.Buffer()}}
	a.stats.Datagrams++
	n := a.net
	switch {
	case n.cfg.Loss > 0 && n.rng.Float64() < n.cfg.Loss:
		a.stats.Lost++
		n.free = append(n.free, p.item.payload)
	case !a.holding && n.cfg.Reorder > 0 && n.rng.Float64() < n.cfg.Reorder:
		a.held, a.holding = p, true
	default:
		n.queue.push(p.at, p.item)
		if a.holding {
			a.holding = false
			a.stats.Reordered++
			n.queue.push(p.at, a.held.item) // equal times leave in order of their push
		}
	}
}

// end sends what is left.
func (a *agent) end(t time.Duration) {
	a.send(t)
	if a.holding {
		a.holding = false
		a.net.queue.push(a.held.at, a.held.item)
	}
}

// tick ends a tick at time t: due counters are added, due samples sent.
func (a *agent) tick(t time.Duration) {
	for len(a.polls) > 0 && a.polls[a.nextPoll].next <= t {
		p := &a.polls[a.nextPoll]
		a.poll(p, t)
		p.next += a.Polling
		a.nextPoll = (a.nextPoll + 1) % len(a.polls)
	}
	a.discards(t)
	if t >= a.nextFlush {
		a.send(t)
		a.nextFlush += a.Flush
	}
}
