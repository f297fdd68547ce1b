package sflow

// SampleName returns the specification's name of a sample format, "" where it
// is not registered.
func SampleName(f Format) string {
	switch f {
	case FormatFlowSample:
		return "flow_sample"
	case FormatCounterSample:
		return "counter_sample"
	case FormatFlowSampleExpanded:
		return "flow_sample_expanded"
	case FormatCounterSampleExpanded:
		return "counter_sample_expanded"
	case FormatDiscardedPacket:
		return "discarded_packet"
	case FormatRTMetric:
		return "rtmetric"
	case FormatRTFlow:
		return "rtflow"
	}
	return ""
}

// HeaderProtocolName returns the specification's name of a
// SampledHeader.Protocol in lower snake case, "" where it has none.
func HeaderProtocolName(protocol uint32) string {
	if protocol < uint32(len(headerProtocolNames)) {
		return headerProtocolNames[protocol]
	}
	return ""
}

var headerProtocolNames = [...]string{
	1: "ethernet_iso88023", 2: "iso88024_tokenbus", 3: "iso88025_tokenring",
	4: "fddi", 5: "frame_relay", 6: "x25", 7: "ppp", 8: "smds", 9: "aal5",
	10: "aal5_ip", 11: "ipv4", 12: "ipv6", 13: "mpls", 14: "pos",
}
