package series

import (
	"strconv"

	"weir/decoder/sflow"
)

// record makes a point of one counter record, where it has a class and can be
// read.
func (g *Gather) record(s *subject, r sflow.Record) {
	var v []Value
	ok := false
	switch r.Format {
	case sflow.FormatIfCounters, sflow.FormatEthernetCounters, sflow.FormatVLANCounters, sflow.FormatSFP:
		v, ok = g.portRecord(s, r)
	case sflow.FormatLAGPortStats, sflow.FormatPFCCounters:
		v, ok = g.bundleRecord(s, r)
	case sflow.FormatVirtNode, sflow.FormatVirtCPU, sflow.FormatVirtMemory, sflow.FormatVirtDiskIO, sflow.FormatVirtNetIO:
		v, ok = g.virtRecord(s, r)
	default:
		v, ok = g.hostRecord(s, r)
	}
	if ok {
		g.filling.Done(v)
	}
}

func (g *Gather) portRecord(s *subject, r sflow.Record) (v []Value, ok bool) {
	c := &g.records
	switch r.Format {
	case sflow.FormatIfCounters:
		if c.generic.Decode(r) == nil {
			if v, ok = g.portPoint(s, ifCounters); ok {
				v = interfaceValues(v, &c.generic, &s.port)
			}
		}
	case sflow.FormatEthernetCounters:
		if c.ethernet.Decode(r) == nil {
			if v, ok = g.portPoint(s, ethernetCounters); ok {
				v = ethernetValues(v, &c.ethernet)
			}
		}
	case sflow.FormatSFP:
		if c.sfp.Decode(r) == nil {
			if v, ok = g.portPoint(s, sfp); ok {
				v = sfpValues(v, &c.sfp)
			}
		}
	case sflow.FormatVLANCounters:
		if c.vlan.Decode(r) == nil && c.vlan.VLANID < 4096 {
			if v, ok = g.plainPoint(s, vlanCounters, strconv.Itoa(int(c.vlan.VLANID))); ok {
				v = vlanValues(v, &c.vlan)
			}
		}
	}
	return v, ok
}

func (g *Gather) hostRecord(s *subject, r sflow.Record) (v []Value, ok bool) {
	c := &g.records
	switch r.Format {
	case sflow.FormatHostCPU:
		if c.cpu.Decode(r) == nil {
			if v, ok = g.hostPoint(s, hostCPU); ok {
				v = hostCPUValues(v, &c.cpu)
			}
		}
	case sflow.FormatHostMemory:
		if c.memory.Decode(r) == nil {
			if v, ok = g.hostPoint(s, hostMemory); ok {
				v = hostMemoryValues(v, &c.memory)
			}
		}
	case sflow.FormatHostDiskIO:
		if c.disk.Decode(r) == nil {
			if v, ok = g.hostPoint(s, hostDiskIO); ok {
				v = hostDiskValues(v, &c.disk)
			}
		}
	case sflow.FormatHostNetIO:
		if c.net.Decode(r) == nil {
			if v, ok = g.hostPoint(s, hostNetIO); ok {
				v = hostNetValues(v, &c.net)
			}
		}
	case sflow.FormatNvidiaGPU:
		if c.gpu.Decode(r) == nil {
			if v, ok = g.hostPoint(s, nvidiaGPU); ok {
				v = gpuValues(v, &c.gpu)
			}
		}
	default:
		v, ok = g.serviceRecord(s, r)
	}
	return v, ok
}

func (g *Gather) serviceRecord(s *subject, r sflow.Record) (v []Value, ok bool) {
	c := &g.records
	switch r.Format {
	case sflow.FormatOVSDPStats:
		if c.ovs.Decode(r) == nil {
			if v, ok = g.plainPoint(s, ovsDPStats, s.source.String()); ok {
				v = ovsValues(v, &c.ovs)
			}
		}
	case sflow.FormatAppResources:
		if c.app.Decode(r) == nil {
			if v, ok = g.plainPoint(s, appResources, s.source.String()); ok {
				v = appResourcesValues(v, &c.app)
			}
		}
	case sflow.FormatProcessor:
		if c.proc.Decode(r) == nil {
			if _, v, ok = g.add(s, processor); ok {
				v = processorValues(v, &c.proc)
			}
		}
	default:
		v, ok = g.stackRecord(s, r)
	}
	return v, ok
}

func (g *Gather) virtRecord(s *subject, r sflow.Record) (v []Value, ok bool) {
	c := &g.records
	switch r.Format {
	case sflow.FormatVirtNode:
		if n := &c.node; n.Decode(r) == nil {
			if v, ok = g.hostPoint(s, virtNode); ok {
				v = append(v, u32(n.MHz), u32(n.CPUs), Whole(n.Memory), Whole(n.MemoryFree), u32(n.NumDomains))
			}
		}
	case sflow.FormatVirtCPU:
		if n := &c.vcpu; n.Decode(r) == nil {
			if v, ok = g.instancePoint(s, virtCPU); ok {
				v = append(v, u32(n.State), c32(n.CPUTime), u32(n.NrVirtCPU))
			}
		}
	case sflow.FormatVirtMemory:
		if n := &c.vmemory; n.Decode(r) == nil {
			if v, ok = g.instancePoint(s, virtMemory); ok {
				v = append(v, Whole(n.Memory), Whole(n.MaxMemory))
			}
		}
	case sflow.FormatVirtDiskIO:
		if c.vdisk.Decode(r) == nil {
			if v, ok = g.instancePoint(s, virtDiskIO); ok {
				v = virtDiskValues(v, &c.vdisk)
			}
		}
	case sflow.FormatVirtNetIO:
		if c.vnet.Decode(r) == nil {
			if v, ok = g.instancePoint(s, virtNetIO); ok {
				v = virtNetValues(v, &c.vnet)
			}
		}
	}
	return v, ok
}
