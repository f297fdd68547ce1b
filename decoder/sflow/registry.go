package sflow

// Structure is a flow or counter record that can be decoded and appended;
// every record struct of this package is one through its pointer.
type Structure interface {
	// Decode reads the record into the receiver; see the structure's own.
	Decode(r Record) error
	Appender
}

// Appender is what appends itself to b with its format and length: records,
// and the samples that have only one form.
type Appender interface {
	Append(b []byte) []byte
}

// NewFlowRecord returns a fresh decoder for the flow record format f, nil where
// this package does not decode it. It allocates: the hot path owns its structs
// and calls their Decode.
func NewFlowRecord(f Format) Structure {
	switch f {
	case FormatSampledHeader:
		return new(SampledHeader)
	case FormatSampledEthernet:
		return new(SampledEthernet)
	case FormatSampledIPv4:
		return new(SampledIPv4)
	case FormatSampledIPv6:
		return new(SampledIPv6)
	case FormatExtendedSwitch:
		return new(ExtendedSwitch)
	case FormatExtendedRouter:
		return new(ExtendedRouter)
	case FormatExtendedGateway:
		return new(ExtendedGateway)
	case FormatExtendedMPLS:
		return new(ExtendedMPLS)
	case FormatExtendedNAT:
		return new(ExtendedNAT)
	case FormatExtendedVLANTunnel:
		return new(ExtendedVLANTunnel)
	case FormatExtendedNATPort:
		return new(ExtendedNATPort)
	}
	if s := newTunnelRecord(f); s != nil {
		return s
	}
	return newAttributeRecord(f)
}

// newTunnelRecord is NewFlowRecord for sflow_tunnels.txt.
func newTunnelRecord(f Format) Structure {
	switch f {
	case FormatExtendedL2TunnelEgress:
		return new(ExtendedL2TunnelEgress)
	case FormatExtendedL2TunnelIngress:
		return new(ExtendedL2TunnelIngress)
	case FormatExtendedIPv4TunnelEgress:
		return new(ExtendedIPv4TunnelEgress)
	case FormatExtendedIPv4TunnelIngress:
		return new(ExtendedIPv4TunnelIngress)
	case FormatExtendedIPv6TunnelEgress:
		return new(ExtendedIPv6TunnelEgress)
	case FormatExtendedIPv6TunnelIngress:
		return new(ExtendedIPv6TunnelIngress)
	case FormatExtendedDecapsulateEgress:
		return new(ExtendedDecapsulateEgress)
	case FormatExtendedDecapsulateIngress:
		return new(ExtendedDecapsulateIngress)
	case FormatExtendedVNIEgress:
		return new(ExtendedVNIEgress)
	case FormatExtendedVNIIngress:
		return new(ExtendedVNIIngress)
	}
	return nil
}

// newAttributeRecord is NewFlowRecord for what was added later: queues, drops,
// delays, sockets.
func newAttributeRecord(f Format) Structure {
	switch f {
	case FormatExtendedEgressQueue:
		return new(ExtendedEgressQueue)
	case FormatExtendedACL:
		return new(ExtendedACL)
	case FormatExtendedFunction:
		return new(ExtendedFunction)
	case FormatExtendedTransit:
		return new(ExtendedTransit)
	case FormatExtendedQueue:
		return new(ExtendedQueue)
	case FormatExtendedHWTrap:
		return new(ExtendedHWTrap)
	case FormatExtendedLinuxDropReason:
		return new(ExtendedLinuxDropReason)
	case FormatExtendedTimestamp:
		return new(ExtendedTimestamp)
	case FormatExtendedSocketIPv4:
		return new(ExtendedSocketIPv4)
	case FormatExtendedSocketIPv6:
		return new(ExtendedSocketIPv6)
	case FormatExtendedProxySocketIPv4:
		return new(ExtendedProxySocketIPv4)
	case FormatExtendedProxySocketIPv6:
		return new(ExtendedProxySocketIPv6)
	case FormatAppOperation:
		return new(AppOperation)
	case FormatExtendedTCPInfo:
		return new(ExtendedTCPInfo)
	case FormatExtendedEntities:
		return new(ExtendedEntities)
	}
	return nil
}
