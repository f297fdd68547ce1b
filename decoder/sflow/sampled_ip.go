package sflow

import "net/netip"

// SampledIPv4 is a sampled_ipv4 (flow record 0:3): the IPv4 header of the
// packet, where its bytes are not available.
type SampledIPv4 struct {
	Length   uint32     `json:"length"`   // octets of the IP packet
	Protocol uint32     `json:"protocol"` // IP protocol
	SrcIP    netip.Addr `json:"src_ip"`
	DstIP    netip.Addr `json:"dst_ip"`
	SrcPort  uint32     `json:"src_port"` // TCP/UDP port or equivalent
	DstPort  uint32     `json:"dst_port"` // TCP/UDP port or equivalent
	TCPFlags uint32     `json:"tcp_flags"`
	TOS      uint32     `json:"tos"` // IP type of service
}

const sampledIPv4Len = 32

// Decode reads the record; bytes after the known fields are ignored.
func (s *SampledIPv4) Decode(r Record) error {
	*s = SampledIPv4{}
	if r.Format != FormatSampledIPv4 {
		return ErrFormat
	}
	return s.decode(r.Body)
}

func (s *SampledIPv4) decode(b []byte) error {
	if len(b) < sampledIPv4Len {
		return ErrTruncated
	}
	b = b[:sampledIPv4Len]
	s.Length = be.Uint32(b)
	s.Protocol = be.Uint32(b[4:])
	s.SrcIP = netip.AddrFrom4([4]byte(b[8:12]))
	s.DstIP = netip.AddrFrom4([4]byte(b[12:16]))
	s.SrcPort = be.Uint32(b[16:])
	s.DstPort = be.Uint32(b[20:])
	s.TCPFlags = be.Uint32(b[24:])
	s.TOS = be.Uint32(b[28:])
	return nil
}

// Append appends the record with its format and length. An address that is not
// IPv4 becomes 0.0.0.0.
func (s *SampledIPv4) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatSampledIPv4)
	return endRecord(s.append(b), at)
}

func (s *SampledIPv4) append(b []byte) []byte {
	b = be.AppendUint32(b, s.Length)
	b = be.AppendUint32(b, s.Protocol)
	b = appendIPv4(b, s.SrcIP)
	b = appendIPv4(b, s.DstIP)
	for _, v := range [...]uint32{s.SrcPort, s.DstPort, s.TCPFlags, s.TOS} {
		b = be.AppendUint32(b, v)
	}
	return b
}

// SampledIPv6 is a sampled_ipv6 (flow record 0:4): the IPv6 header of the
// packet, where its bytes are not available.
type SampledIPv6 struct {
	Length   uint32     `json:"length"`   // octets of the IP packet
	Protocol uint32     `json:"protocol"` // IP next header
	SrcIP    netip.Addr `json:"src_ip"`
	DstIP    netip.Addr `json:"dst_ip"`
	SrcPort  uint32     `json:"src_port"` // TCP/UDP port or equivalent
	DstPort  uint32     `json:"dst_port"` // TCP/UDP port or equivalent
	TCPFlags uint32     `json:"tcp_flags"`
	Priority uint32     `json:"priority"` // IP priority
}

const sampledIPv6Len = 56

// Decode reads the record; bytes after the known fields are ignored.
func (s *SampledIPv6) Decode(r Record) error {
	*s = SampledIPv6{}
	if r.Format != FormatSampledIPv6 {
		return ErrFormat
	}
	return s.decode(r.Body)
}

func (s *SampledIPv6) decode(b []byte) error {
	if len(b) < sampledIPv6Len {
		return ErrTruncated
	}
	b = b[:sampledIPv6Len]
	s.Length = be.Uint32(b)
	s.Protocol = be.Uint32(b[4:])
	s.SrcIP = netip.AddrFrom16([16]byte(b[8:24]))
	s.DstIP = netip.AddrFrom16([16]byte(b[24:40]))
	s.SrcPort = be.Uint32(b[40:])
	s.DstPort = be.Uint32(b[44:])
	s.TCPFlags = be.Uint32(b[48:])
	s.Priority = be.Uint32(b[52:])
	return nil
}

// Append appends the record with its format and length. An IPv4 address is
// written as IPv4-mapped.
func (s *SampledIPv6) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatSampledIPv6)
	return endRecord(s.append(b), at)
}

func (s *SampledIPv6) append(b []byte) []byte {
	b = be.AppendUint32(b, s.Length)
	b = be.AppendUint32(b, s.Protocol)
	b = appendIPv6(b, s.SrcIP)
	b = appendIPv6(b, s.DstIP)
	for _, v := range [...]uint32{s.SrcPort, s.DstPort, s.TCPFlags, s.Priority} {
		b = be.AppendUint32(b, v)
	}
	return b
}

// appendIPv4 appends an ip_v4; 0.0.0.0 where a is not one.
func appendIPv4(b []byte, a netip.Addr) []byte {
	if a = a.Unmap(); !a.Is4() {
		return append(b, 0, 0, 0, 0)
	}
	v := a.As4()
	return append(b, v[:]...)
}

// appendIPv6 appends an ip_v6; :: where a is the zero Addr.
func appendIPv6(b []byte, a netip.Addr) []byte {
	v := a.As16()
	return append(b, v[:]...)
}
