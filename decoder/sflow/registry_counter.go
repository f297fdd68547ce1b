package sflow

// NewCounterRecord returns a fresh decoder for the counter record format f, nil
// where this package does not decode it. It allocates: the hot path owns its
// structs and calls their Decode.
func NewCounterRecord(f Format) Structure {
	switch f {
	case FormatIfCounters:
		return new(IfCounters)
	case FormatEthernetCounters:
		return new(EthernetCounters)
	case FormatVLANCounters:
		return new(VLANCounters)
	case FormatLAGPortStats:
		return new(LAGPortStats)
	case FormatSFP:
		return new(SFP)
	case FormatPFCCounters:
		return new(PFCCounters)
	case FormatProcessor:
		return new(Processor)
	case FormatOFPort:
		return new(OFPort)
	case FormatPortName:
		return new(PortName)
	case FormatAppOperations:
		return new(AppOperations)
	case FormatAppResources:
		return new(AppResources)
	case FormatAppWorkers:
		return new(AppWorkers)
	case FormatOVSDPStats:
		return new(OVSDPStats)
	case FormatNvidiaGPU:
		return new(NvidiaGPU)
	}
	return newHostRecord(f)
}

// newHostRecord is NewCounterRecord for hosts and virtual machines.
func newHostRecord(f Format) Structure {
	switch f {
	case FormatHostDescr:
		return new(HostDescr)
	case FormatHostAdapters:
		return new(HostAdapters)
	case FormatHostParent:
		return new(HostParent)
	case FormatHostCPU:
		return new(HostCPU)
	case FormatHostMemory:
		return new(HostMemory)
	case FormatHostDiskIO:
		return new(HostDiskIO)
	case FormatHostNetIO:
		return new(HostNetIO)
	case FormatMIB2IPGroup:
		return new(MIB2IPGroup)
	case FormatMIB2ICMPGroup:
		return new(MIB2ICMPGroup)
	case FormatMIB2TCPGroup:
		return new(MIB2TCPGroup)
	case FormatMIB2UDPGroup:
		return new(MIB2UDPGroup)
	case FormatVirtNode:
		return new(VirtNode)
	case FormatVirtCPU:
		return new(VirtCPU)
	case FormatVirtMemory:
		return new(VirtMemory)
	case FormatVirtDiskIO:
		return new(VirtDiskIO)
	case FormatVirtNetIO:
		return new(VirtNetIO)
	}
	return nil
}
