package sflow

import "net/netip"

// Formats of the socket structures (sflow_host.txt, sflow_http.txt).
const (
	FormatExtendedSocketIPv4      Format = 2100
	FormatExtendedSocketIPv6      Format = 2101
	FormatExtendedProxySocketIPv4 Format = 2102
	FormatExtendedProxySocketIPv6 Format = 2103
)

// Body lengths: protocol, two addresses, two ports.
const (
	extendedSocketIPv4Len = 20
	extendedSocketIPv6Len = 44
)

// ExtendedSocketIPv4 is an extended_socket_ipv4 (flow record 0:2100): the IPv4
// socket an application transaction went over.
type ExtendedSocketIPv4 struct {
	Protocol   uint32     `json:"protocol"` // IP protocol
	LocalIP    netip.Addr `json:"local_ip"`
	RemoteIP   netip.Addr `json:"remote_ip"`
	LocalPort  uint32     `json:"local_port"`  // TCP/UDP port or equivalent
	RemotePort uint32     `json:"remote_port"` // TCP/UDP port or equivalent
}

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedSocketIPv4) Decode(r Record) error {
	*e = ExtendedSocketIPv4{}
	if r.Format != FormatExtendedSocketIPv4 {
		return ErrFormat
	}
	return e.decode(r.Body)
}

func (e *ExtendedSocketIPv4) decode(b []byte) error {
	if len(b) < extendedSocketIPv4Len {
		return ErrTruncated
	}
	b = b[:extendedSocketIPv4Len]
	e.Protocol = be.Uint32(b)
	e.LocalIP = netip.AddrFrom4([4]byte(b[4:8]))
	e.RemoteIP = netip.AddrFrom4([4]byte(b[8:12]))
	e.LocalPort = be.Uint32(b[12:])
	e.RemotePort = be.Uint32(b[16:])
	return nil
}

// Append appends the record with its format and length. An address that is not
// IPv4 becomes 0.0.0.0.
func (e *ExtendedSocketIPv4) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedSocketIPv4)
	return endRecord(e.append(b), at)
}

func (e *ExtendedSocketIPv4) append(b []byte) []byte {
	b = be.AppendUint32(b, e.Protocol)
	b = appendIPv4(b, e.LocalIP)
	b = appendIPv4(b, e.RemoteIP)
	b = be.AppendUint32(b, e.LocalPort)
	return be.AppendUint32(b, e.RemotePort)
}

// ExtendedSocketIPv6 is an extended_socket_ipv6 (flow record 0:2101): the IPv6
// socket an application transaction went over.
type ExtendedSocketIPv6 struct {
	Protocol   uint32     `json:"protocol"` // IP protocol
	LocalIP    netip.Addr `json:"local_ip"`
	RemoteIP   netip.Addr `json:"remote_ip"`
	LocalPort  uint32     `json:"local_port"`  // TCP/UDP port or equivalent
	RemotePort uint32     `json:"remote_port"` // TCP/UDP port or equivalent
}

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedSocketIPv6) Decode(r Record) error {
	*e = ExtendedSocketIPv6{}
	if r.Format != FormatExtendedSocketIPv6 {
		return ErrFormat
	}
	return e.decode(r.Body)
}

func (e *ExtendedSocketIPv6) decode(b []byte) error {
	if len(b) < extendedSocketIPv6Len {
		return ErrTruncated
	}
	b = b[:extendedSocketIPv6Len]
	e.Protocol = be.Uint32(b)
	e.LocalIP = netip.AddrFrom16([16]byte(b[4:20]))
	e.RemoteIP = netip.AddrFrom16([16]byte(b[20:36]))
	e.LocalPort = be.Uint32(b[36:])
	e.RemotePort = be.Uint32(b[40:])
	return nil
}

// Append appends the record with its format and length. An IPv4 address is
// written as IPv4-mapped.
func (e *ExtendedSocketIPv6) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedSocketIPv6)
	return endRecord(e.append(b), at)
}

func (e *ExtendedSocketIPv6) append(b []byte) []byte {
	b = be.AppendUint32(b, e.Protocol)
	b = appendIPv6(b, e.LocalIP)
	b = appendIPv6(b, e.RemoteIP)
	b = be.AppendUint32(b, e.LocalPort)
	return be.AppendUint32(b, e.RemotePort)
}

// ExtendedProxySocketIPv4 is an extended_proxy_socket_ipv4 (flow record
// 0:2102): the socket between a proxy and the server behind it.
type ExtendedProxySocketIPv4 struct {
	Socket ExtendedSocketIPv4 `json:"socket"`
}

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedProxySocketIPv4) Decode(r Record) error {
	*e = ExtendedProxySocketIPv4{}
	if r.Format != FormatExtendedProxySocketIPv4 {
		return ErrFormat
	}
	return e.Socket.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedProxySocketIPv4) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedProxySocketIPv4)
	return endRecord(e.Socket.append(b), at)
}

// ExtendedProxySocketIPv6 is an extended_proxy_socket_ipv6 (flow record
// 0:2103): the socket between a proxy and the server behind it.
type ExtendedProxySocketIPv6 struct {
	Socket ExtendedSocketIPv6 `json:"socket"`
}

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedProxySocketIPv6) Decode(r Record) error {
	*e = ExtendedProxySocketIPv6{}
	if r.Format != FormatExtendedProxySocketIPv6 {
		return ErrFormat
	}
	return e.Socket.decode(r.Body)
}

// Append appends the record with its format and length.
func (e *ExtendedProxySocketIPv6) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedProxySocketIPv6)
	return endRecord(e.Socket.append(b), at)
}
