package sflow

// Formats of the tunnel structures (sflow_tunnels.txt): outer headers that are
// not in the sampled header, because they will be added on egress or were
// removed after ingress.
const (
	FormatExtendedL2TunnelEgress    Format = 1021
	FormatExtendedL2TunnelIngress   Format = 1022
	FormatExtendedIPv4TunnelEgress  Format = 1023
	FormatExtendedIPv4TunnelIngress Format = 1024
	FormatExtendedIPv6TunnelEgress  Format = 1025
	FormatExtendedIPv6TunnelIngress Format = 1026
)

// ExtendedL2TunnelEgress is an extended_L2_tunnel_egress (flow record 0:1021):
// the outer Ethernet header the packet will get.
type ExtendedL2TunnelEgress struct {
	Header SampledEthernet `json:"header"`
}

// Decode reads the record; see SampledEthernet.Decode.
func (e *ExtendedL2TunnelEgress) Decode(r Record) error {
	*e = ExtendedL2TunnelEgress{}
	if r.Format != FormatExtendedL2TunnelEgress {
		return ErrFormat
	}
	return e.Header.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedL2TunnelEgress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedL2TunnelEgress)
	return endRecord(e.Header.append(b), at)
}

// ExtendedL2TunnelIngress is an extended_L2_tunnel_ingress (flow record
// 0:1022): the outer Ethernet header the packet came with.
type ExtendedL2TunnelIngress struct {
	Header SampledEthernet `json:"header"`
}

// Decode reads the record; see SampledEthernet.Decode.
func (e *ExtendedL2TunnelIngress) Decode(r Record) error {
	*e = ExtendedL2TunnelIngress{}
	if r.Format != FormatExtendedL2TunnelIngress {
		return ErrFormat
	}
	return e.Header.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedL2TunnelIngress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedL2TunnelIngress)
	return endRecord(e.Header.append(b), at)
}

// ExtendedIPv4TunnelEgress is an extended_ipv4_tunnel_egress (flow record
// 0:1023): the outer IPv4 header the packet will get.
type ExtendedIPv4TunnelEgress struct {
	Header SampledIPv4 `json:"header"`
}

// Decode reads the record; see SampledIPv4.Decode.
func (e *ExtendedIPv4TunnelEgress) Decode(r Record) error {
	*e = ExtendedIPv4TunnelEgress{}
	if r.Format != FormatExtendedIPv4TunnelEgress {
		return ErrFormat
	}
	return e.Header.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedIPv4TunnelEgress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedIPv4TunnelEgress)
	return endRecord(e.Header.append(b), at)
}

// ExtendedIPv4TunnelIngress is an extended_ipv4_tunnel_ingress (flow record
// 0:1024): the outer IPv4 header the packet came with.
type ExtendedIPv4TunnelIngress struct {
	Header SampledIPv4 `json:"header"`
}

// Decode reads the record; see SampledIPv4.Decode.
func (e *ExtendedIPv4TunnelIngress) Decode(r Record) error {
	*e = ExtendedIPv4TunnelIngress{}
	if r.Format != FormatExtendedIPv4TunnelIngress {
		return ErrFormat
	}
	return e.Header.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedIPv4TunnelIngress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedIPv4TunnelIngress)
	return endRecord(e.Header.append(b), at)
}

// ExtendedIPv6TunnelEgress is an extended_ipv6_tunnel_egress (flow record
// 0:1025): the outer IPv6 header the packet will get.
type ExtendedIPv6TunnelEgress struct {
	Header SampledIPv6 `json:"header"`
}

// Decode reads the record; see SampledIPv6.Decode.
func (e *ExtendedIPv6TunnelEgress) Decode(r Record) error {
	*e = ExtendedIPv6TunnelEgress{}
	if r.Format != FormatExtendedIPv6TunnelEgress {
		return ErrFormat
	}
	return e.Header.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedIPv6TunnelEgress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedIPv6TunnelEgress)
	return endRecord(e.Header.append(b), at)
}

// ExtendedIPv6TunnelIngress is an extended_ipv6_tunnel_ingress (flow record
// 0:1026): the outer IPv6 header the packet came with.
type ExtendedIPv6TunnelIngress struct {
	Header SampledIPv6 `json:"header"`
}

// Decode reads the record; see SampledIPv6.Decode.
func (e *ExtendedIPv6TunnelIngress) Decode(r Record) error {
	*e = ExtendedIPv6TunnelIngress{}
	if r.Format != FormatExtendedIPv6TunnelIngress {
		return ErrFormat
	}
	return e.Header.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedIPv6TunnelIngress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedIPv6TunnelIngress)
	return endRecord(e.Header.append(b), at)
}
