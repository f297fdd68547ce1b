package decoder

import "weir/decoder/sflow"

// seenPacket are the records that say which packet was sampled.
const seenPacket = SeenHeader | SeenEthernet | SeenIPv4 | SeenIPv6

// extended reads one flow record that is neither a sampled header nor an
// extended_switch. It returns 0, or why the record is bad.
func (d *Decoder) extended(p *Packet, format sflow.Format, body []byte) sflow.Reason {
	switch format {
	case sflow.FormatSampledEthernet, sflow.FormatSampledIPv4, sflow.FormatSampledIPv6:
		return sampled(p, sflow.Record{Format: format, Body: body})
	case sflow.FormatExtendedVNIEgress, sflow.FormatExtendedVNIIngress:
		if len(body) < 4 {
			return sflow.ErrTruncated
		}
		if format == sflow.FormatExtendedVNIEgress {
			p.Seen |= SeenVNIOut
			p.OutVNI = be.Uint32(body)
		} else {
			p.Seen |= SeenVNIIn
			p.InVNI = be.Uint32(body)
		}
	case sflow.FormatExtendedTimestamp:
		if len(body) < 8 {
			return sflow.ErrTruncated
		}
		p.Seen |= SeenTimestamp
		p.Timestamp = be.Uint64(body)
	case sflow.FormatExtendedRouter:
		p.Seen |= SeenRouter
	case sflow.FormatExtendedGateway:
		p.Seen |= SeenGateway
	case sflow.FormatExtendedL2TunnelEgress, sflow.FormatExtendedIPv4TunnelEgress, sflow.FormatExtendedIPv6TunnelEgress:
		p.Seen |= SeenTunnelOut
	case sflow.FormatExtendedL2TunnelIngress, sflow.FormatExtendedIPv4TunnelIngress, sflow.FormatExtendedIPv6TunnelIngress:
		p.Seen |= SeenTunnelIn
	case sflow.FormatExtendedTCPInfo:
		p.Seen |= SeenTCPInfo
	case sflow.FormatExtendedEntities:
		p.Seen |= SeenEntities
	case sflow.FormatExtendedFunction:
		p.Seen |= SeenFunction
	case sflow.FormatExtendedHWTrap, sflow.FormatExtendedLinuxDropReason:
		p.Seen |= SeenReason
	default:
		p.Seen |= SeenOther
		d.stats.FlowRecords.add(format)
	}
	return 0
}

// sampled reads what an agent without header sampling says of the packet. A
// sampled header, if there is one too, knows more and wins; addresses win over
// MACs.
func sampled(p *Packet, r sflow.Record) sflow.Reason {
	if p.Seen&seenPacket == 0 {
		p.Header.Reset()
	}
	switch r.Format {
	case sflow.FormatSampledEthernet:
		var s sflow.SampledEthernet
		if err := s.Decode(r); err != nil {
			return err.(sflow.Reason)
		}
		if p.Seen&(SeenHeader|SeenEthernet) == 0 {
			p.Header.SetEthernet(s.SrcMAC, s.DstMAC, uint16(s.Type))
			p.FrameLength = s.Length
		}
		p.Seen |= SeenEthernet
	case sflow.FormatSampledIPv4:
		var s sflow.SampledIPv4
		if err := s.Decode(r); err != nil {
			return err.(sflow.Reason)
		}
		if p.Seen&(SeenHeader|SeenIPv4|SeenIPv6) == 0 {
			p.Header.SetIPv4(s.SrcIP.As4(), s.DstIP.As4(), uint8(s.Protocol), uint16(s.SrcPort), uint16(s.DstPort), uint8(s.TCPFlags), uint8(s.TOS), s.Length)
			p.FrameLength = max(p.FrameLength, s.Length)
		}
		p.Seen |= SeenIPv4
	case sflow.FormatSampledIPv6:
		var s sflow.SampledIPv6
		if err := s.Decode(r); err != nil {
			return err.(sflow.Reason)
		}
		if p.Seen&(SeenHeader|SeenIPv4|SeenIPv6) == 0 {
			p.Header.SetIPv6(s.SrcIP.As16(), s.DstIP.As16(), uint8(s.Protocol), uint16(s.SrcPort), uint16(s.DstPort), uint8(s.TCPFlags), uint8(s.Priority), s.Length)
			p.FrameLength = max(p.FrameLength, s.Length)
		}
		p.Seen |= SeenIPv6
	}
	return 0
}

// Record finds the first flow record of the format, undecoded.
func (f *Flow) Record(format sflow.Format) (sflow.Record, bool) {
	for r, err := range f.Sample.Records() {
		if err == nil && r.Format == format {
			return r, true
		}
	}
	return sflow.Record{}, false
}
