package traffic

import (
	"net/netip"
	"time"

	"weir/decoder/sflow"
)

// Instance is a virtual machine that a HostAgent tells of.
type Instance struct {
	Name   string
	UUID   [16]byte
	CPUs   uint32
	Memory uint64  // octets
	Busy   float64 // CPU time per time
	At     End     // the port it is attached to
}

// instance is an Instance at work.
type instance struct {
	Instance
	source *source
}

// instanceRecords holds one of each record sent, to be written over.
type instanceRecords struct {
	descr  sflow.HostDescr
	nics   sflow.HostAdapters
	parent sflow.HostParent
	cpu    sflow.VirtCPU
	memory sflow.VirtMemory
	disk   sflow.VirtDiskIO
	net    sflow.VirtNetIO
	node   sflow.VirtNode
}

const gib = 1 << 30

// scheduleInstances spreads the polls of the instances.
func (a *agent) scheduleInstances() {
	for i, vm := range a.Instances {
		w := &instance{vm, a.newSource(sflow.DataSource{Class: sflow.ClassLogical, Index: uint32(i + 1)})}
		a.polls = append(a.polls, poll{next: a.phase(a.Polling), vm: w})
	}
}

// addInstance adds the counters of a virtual machine.
func (a *agent) addInstance(vm *instance, t time.Duration) {
	c, b := &a.counts.instance, &a.builder
	ms := float64((a.Uptime + t).Milliseconds())
	c.descr = sflow.HostDescr{Hostname: append(c.descr.Hostname[:0], vm.Name...), UUID: vm.UUID, MachineType: 3, OSName: 2}
	c.parent = sflow.HostParent{ContainerType: sflow.ClassEntity, ContainerIndex: 1}
	c.cpu = sflow.VirtCPU{State: sflow.VirtRunning, CPUTime: sflow.Counter32(uint32(uint64(vm.Busy * ms))), NrVirtCPU: vm.CPUs}
	c.memory = sflow.VirtMemory{Memory: vm.Memory / 4 * 3, MaxMemory: vm.Memory}
	c.disk = sflow.VirtDiskIO{
		Capacity: 80 * gib, Allocation: 20 * gib, Available: 60 * gib,
		RdReq: sflow.Counter32(uint32(ms / 100)), RdBytes: sflow.Counter64(40 * ms),
		WrReq: sflow.Counter32(uint32(ms / 50)), WrBytes: sflow.Counter64(200 * ms),
	}
	// What the port receives is what the instance sends.
	inOctets, inPackets, outOctets, outPackets := a.net.PortCounters(vm.At)
	c.net = sflow.VirtNetIO{
		RxBytes: sflow.Counter64(outOctets), RxPackets: sflow.Counter32(uint32(outPackets)),
		TxBytes: sflow.Counter64(inOctets), TxPackets: sflow.Counter32(uint32(inPackets)),
	}
	b.Record(&c.descr)
	if addr, ok := a.net.addressAt(vm.At); ok {
		c.nics.Adapters = sflow.AppendHostAdapter(c.nics.Adapters[:0], vm.At.Port, sflow.MAC(mac(addr)))
		b.Record(&c.nics)
	}
	b.Record(&c.parent)
	b.Record(&c.cpu)
	b.Record(&c.memory)
	b.Record(&c.disk)
	b.Record(&c.net)
}

// addressAt returns the address of the one host at a port; ok is false where there
// is none, or a whole network.
func (n *Network) addressAt(e End) (a netip.Addr, ok bool) {
	for _, h := range n.cfg.Hosts {
		if h.At == e && h.Net.IsSingleIP() {
			return h.Net.Addr(), true
		}
	}
	return a, false
}

// addHypervisor adds what a host that has instances says of them.
func (a *agent) addHypervisor() {
	c := &a.counts.instance
	free := uint64(256 * gib)
	for i := range a.Instances {
		free -= a.Instances[i].Memory
	}
	c.node = sflow.VirtNode{MHz: 2600, CPUs: 32, Memory: 256 * gib, MemoryFree: free, NumDomains: uint32(len(a.Instances))}
	a.builder.Record(&c.node)
}

// Discards is what a Switch tells of packets that it throws away, as
// discarded_packet samples: one packet every so often, whatever flows.
type Discards struct {
	Every  time.Duration // 0: none
	Reason uint32        // see sflow.DropReasonName
	Input  uint32        // ifIndex
}

// discarding is Discards at work.
type discarding struct {
	next   time.Duration
	source *source
	sample sflow.DiscardSample
	header sflow.SampledHeader
	frame  frame
}

// discards sends what is due at time t.
func (a *agent) discards(t time.Duration) {
	if a.Discards.Every == 0 {
		return
	}
	d := &a.discarding
	if d.source == nil {
		d.source = a.ports[a.Discards.Input].source
		d.frame.init(&Flow{
			Src: netip.AddrFrom4([4]byte{203, 0, 113, 7}), Dst: netip.AddrFrom4([4]byte{10, 99, 0, 1}),
			SrcPort: 40000, DstPort: 80, Proto: protoTCP,
		})
	}
	for ; d.next <= t; d.next += a.Discards.Every {
		d.sample = sflow.DiscardSample{
			Sequence: d.sample.Sequence + 1, Source: d.source.id, Input: a.Discards.Input, DropReason: a.Discards.Reason,
		}
		d.header = sflow.SampledHeader{Protocol: 1, FrameLength: minFrame, Stripped: fcs, Header: d.frame.packet(0, 0, minFrame, a.HeaderBytes)}
		a.stats.Discards++
		a.begin()
		a.builder.DiscardSample(&d.sample, &d.header)
		if a.full() {
			a.builder.Undo()
			a.send(t)
			a.begin()
			a.builder.DiscardSample(&d.sample, &d.header)
		}
	}
}

// portBuffers is bst_port_buffers (4413:2) of a port that is nearly idle: a
// vendor's structure, which not every collector reads.
type portBuffers struct{}

// Append implements sflow.Appender.
func (portBuffers) Append(b []byte) []byte {
	b = be.AppendUint32(b, 4413<<12|2)
	b = be.AppendUint32(b, 6*4)
	for _, percent := range []uint32{100, 0, 200, 0} { // in hundredths: ingress and egress, unicast and multicast
		b = be.AppendUint32(b, percent)
	}
	return append(b, make([]byte, 8)...) // no queues
}
