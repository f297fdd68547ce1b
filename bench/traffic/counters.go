package traffic

import (
	"slices"
	"time"

	"weir/decoder/sflow"
)

// poll is one thing whose counters are sent every polling interval: a port, a
// bridge, or a host where port is nil.
type poll struct {
	next time.Duration
	port *port
	vm   *instance // a virtual machine
}

// counterRecords holds one of each record sent, to be written over.
type counterRecords struct {
	generic  sflow.IfCounters
	ethernet sflow.EthernetCounters
	ofPort   sflow.OFPort
	name     sflow.PortName
	app      sflow.AppResources
	datapath sflow.OVSDPStats
	descr    sflow.HostDescr
	cpu      sflow.HostCPU
	memory   sflow.HostMemory
	disk     sflow.HostDiskIO
	network  sflow.HostNetIO
	host     source // of a HostAgent
	instance instanceRecords
}

// schedule spreads the polls of an agent over the polling interval, as agents do.
func (a *agent) schedule() {
	if a.Polling == 0 {
		return
	}
	for _, p := range a.Ports {
		a.polls = append(a.polls, poll{next: a.phase(a.Polling), port: a.ports[p.Index]})
	}
	if a.Kind != Switch {
		a.polls = append(a.polls, poll{next: a.phase(a.Polling)})
	}
	a.scheduleInstances()
	slices.SortStableFunc(a.polls, func(x, y poll) int { return int(x.next - y.next) })
	a.counts.host.id = sflow.DataSource{Class: sflow.ClassEntity, Index: 1}
}

// poll adds the counter sample of p.
func (a *agent) poll(p *poll, t time.Duration) {
	s := a.bridge
	switch {
	case p.vm != nil:
		s = p.vm.source
	case p.port != nil && a.Kind != Bridge:
		s = p.port.source
	case a.Kind == HostAgent:
		s = &a.counts.host
	}
	id := s.id
	if p.port != nil {
		id = sflow.DataSource{Class: sflow.ClassInterface, Index: p.port.Index}
	}
	if p.port != nil && a.net.cfg.Thin {
		p.port.thinCounters(t)
	}
	s.counters++
	a.counter = sflow.CounterSample{Sequence: s.counters, Source: id}
	a.stats.Counters++
	a.begin()
	a.addCounters(p, t)
	if a.full() {
		a.builder.Undo()
		a.send(t)
		a.begin()
		a.addCounters(p, t)
	}
}

func (a *agent) addCounters(p *poll, t time.Duration) {
	b := &a.builder
	b.CounterSample(&a.counter, a.Expanded || a.Kind == HostAgent)
	switch {
	case p.vm != nil:
		a.addInstance(p.vm, t)
	case p.port == nil && a.Kind == Bridge:
		a.addBridge(t)
	case p.port == nil:
		a.addHost(t)
	default:
		a.addPort(p.port)
	}
}

// ethernetCsmacd is the ifType of an Ethernet interface.
const ethernetCsmacd = 6

// unknown is a counter that the agent does not support.
const unknown = sflow.Counter32(0xffffffff)

func (a *agent) addPort(p *port) {
	c, b := &a.counts, &a.builder
	c.generic = sflow.IfCounters{
		Index: p.Index, Type: ethernetCsmacd, Speed: p.Speed, Direction: 1, Status: 3,
		InOctets: sflow.Counter64(p.inOctets), InUcastPkts: sflow.Counter32(p.inPackets),
		OutOctets: sflow.Counter64(p.outOctets), OutUcastPkts: sflow.Counter32(p.outPackets),
	}
	if a.Kind == Bridge {
		// A software switch never sees the FCS and keeps no error counters.
		c.generic.InOctets -= sflow.Counter64(fcs * p.inPackets)
		c.generic.OutOctets -= sflow.Counter64(fcs * p.outPackets)
		c.generic.InMulticastPkts, c.generic.InBroadcastPkts, c.generic.InUnknownProtos = unknown, unknown, unknown
		c.generic.OutMulticastPkts, c.generic.OutBroadcastPkts, c.generic.PromiscuousMode = unknown, unknown, unknown
		c.ofPort = sflow.OFPort{DatapathID: 0x020000000000 | uint64(a.SubAgent), PortNo: p.Index}
		b.Record(&c.ethernet)
		b.Record(&c.ofPort)
	}
	if p.Name != "" {
		c.name = sflow.PortName{Name: append(c.name.Name[:0], p.Name...)}
		b.Record(&c.name)
	}
	b.Record(&c.generic)
	if a.Kind == Switch {
		b.Record(&c.ethernet)
	}
	if a.Buffers {
		b.Record(portBuffers{})
	}
}

func (a *agent) addBridge(t time.Duration) {
	c, b := &a.counts, &a.builder
	pool := a.bridge.pool
	if a.net.cfg.Thin {
		_, pool = a.bridge.meter.advance(t)
	}
	c.app = sflow.AppResources{
		UserTime: sflow.Counter32(t / time.Millisecond / 20), SystemTime: sflow.Counter32(t / time.Millisecond / 10),
		MemUsed: 18 << 20, FDOpen: 40, FDMax: 1024,
	}
	// Nearly all packets hit the datapath's flow cache.
	c.datapath = sflow.OVSDPStats{
		Hits: sflow.Counter32(pool - pool/1000), Misses: sflow.Counter32(pool / 1000),
		MaskHits: sflow.Counter32(2 * pool), Flows: 200, Masks: 4,
	}
	b.Record(&c.app)
	b.Record(&c.datapath)
}

// addHost adds the counters of a host that is nearly idle.
func (a *agent) addHost(t time.Duration) {
	c, b := &a.counts, &a.builder
	up := a.Uptime + t
	ms := func(share float64) sflow.Counter32 { return sflow.Counter32(share * float64(up.Milliseconds())) }
	c.descr = sflow.HostDescr{Hostname: append(c.descr.Hostname[:0], a.Name...), MachineType: 3, OSName: 2}
	copy(c.descr.UUID[:], a.Addr.AsSlice())
	c.cpu = sflow.HostCPU{
		LoadOne: 1.5, LoadFive: 1.4, LoadFifteen: 1.3, ProcRun: 2, ProcTotal: 240, CPUNum: 32, CPUSpeed: 2600,
		Uptime: uint32(up.Seconds()), CPUUser: ms(1.1), CPUSystem: ms(0.4), CPUIdle: ms(30.5),
		Interrupts: ms(3), Contexts: ms(5),
	}
	c.memory = sflow.HostMemory{Total: 256 * gib, Free: 90 * gib, Buffers: gib, Cached: 30 * gib}
	c.disk = sflow.HostDiskIO{
		Total: 900 * gib, Free: 600 * gib, PartMaxUsed: 3300,
		Reads: ms(0.01), BytesRead: sflow.Counter64(40 * ms(1)), ReadTime: ms(0.002),
		Writes: ms(0.05), BytesWritten: sflow.Counter64(200 * ms(1)), WriteTime: ms(0.01),
	}
	c.network = sflow.HostNetIO{BytesIn: sflow.Counter64(100 * ms(1)), PktsIn: ms(0.3), BytesOut: sflow.Counter64(90 * ms(1)), PacketsOut: ms(0.3)}
	b.Record(&c.disk)
	b.Record(&c.memory)
	b.Record(&c.cpu)
	b.Record(&c.network)
	b.Record(&c.descr)
	if len(a.Instances) > 0 {
		a.addHypervisor()
	}
}
