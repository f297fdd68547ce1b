package sflow

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

var be = binary.BigEndian

// Format is a data_format: enterprise number in the upper 20 bits, structure
// number in the lower 12. Sample, flow record and counter record formats are
// three separate number spaces.
type Format uint32

// MakeFormat joins an enterprise number (20 bits) and a structure number (12 bits).
func MakeFormat(enterprise, number uint32) Format { return Format(enterprise<<12 | number&0xfff) }

// Enterprise returns the SMI private enterprise number; 0 is sFlow.org.
func (f Format) Enterprise() uint32 { return uint32(f) >> 12 }

// Number returns the structure number within the enterprise.
func (f Format) Number() uint32 { return uint32(f) & 0xfff }

// String returns "enterprise:number".
func (f Format) String() string {
	return strconv.FormatUint(uint64(f.Enterprise()), 10) + ":" + strconv.FormatUint(uint64(f.Number()), 10)
}

// Seq is a sequence number that wraps at 2^32.
type Seq uint32

// Sub returns s-t modulo 2^32 as a signed distance: positive when s is after t.
func (s Seq) Sub(t Seq) int32 { return int32(uint32(s) - uint32(t)) }

// Counter32 is a 32-bit counter that wraps; all ones means the agent does not
// support it.
type Counter32 uint32

// Known reports whether the agent supports the counter.
func (c Counter32) Known() bool { return c != 0xffffffff }

// Counter64 is a 64-bit counter; all ones means the agent does not support it.
type Counter64 uint64

// Known reports whether the agent supports the counter.
func (c Counter64) Known() bool { return c != 0xffffffffffffffff }

// Port is an interface of a flow sample (sflow_version_5.txt, "interface"):
// a single ifIndex, a discard with its reason, or several destinations.
type Port struct {
	Format uint32 // PortSingle, PortDiscarded, PortMultiple
	Value  uint32 // ifIndex; discard reason; number of destinations (0 unknown)
}

// Values of Port.Format.
const (
	PortSingle    = 0
	PortDiscarded = 1
	PortMultiple  = 2
)

// PortInternal is the Value of a single Port that is the agent's own host.
const PortInternal = 0x3fffffff

// Single returns the ifIndex, and false where the port is not one known
// interface (unknown, internal, discarded, multiple).
func (p Port) Single() (ifIndex uint32, ok bool) {
	return p.Value, p.Format == PortSingle && p.Value != 0 && p.Value != PortInternal
}

// Internal reports whether the port is the agent's own host.
func (p Port) Internal() bool { return p.Format == PortSingle && p.Value == PortInternal }

// compactPort unpacks the 32-bit form: format in the two top bits.
func compactPort(v uint32) Port { return Port{v >> 30, v & 0x3fffffff} }

func (p Port) compact() uint32 { return p.Format<<30 | p.Value&0x3fffffff }

// DataSource is an sflow_data_source.
type DataSource struct {
	Class uint32 // ClassInterface, ClassVLAN, ClassEntity, ClassLogical
	Index uint32 // ifIndex, VLAN, entPhysicalIndex, or an id of the agent's own
}

// Values of DataSource.Class. Host agents use ClassEntity:1 for the host and
// ClassLogical for virtual machines.
const (
	ClassInterface = 0
	ClassVLAN      = 1
	ClassEntity    = 2
	ClassLogical   = 3
)

// String returns "class:index".
func (s DataSource) String() string {
	return strconv.FormatUint(uint64(s.Class), 10) + ":" + strconv.FormatUint(uint64(s.Index), 10)
}

// MarshalText returns "class:index".
func (s DataSource) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func compactSource(v uint32) DataSource { return DataSource{v >> 24, v & 0xffffff} }

func (s DataSource) compact() uint32 { return s.Class<<24 | s.Index&0xffffff }

// MAC is an Ethernet address.
type MAC [6]byte

// String returns aa:bb:cc:dd:ee:ff.
func (m MAC) String() string {
	const hex = "0123456789abcdef"
	var b [17]byte
	for i, v := range m {
		b[3*i], b[3*i+1] = hex[v>>4], hex[v&15]
		if i < 5 {
			b[3*i+2] = ':'
		}
	}
	return string(b[:])
}

// MarshalText returns aa:bb:cc:dd:ee:ff.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// decodeAddress reads an address (type, then 0, 4 or 16 bytes) at the start of
// b and returns it with what follows. Type 0 (unknown) has no bytes and gives
// the zero Addr.
func decodeAddress(b []byte) (netip.Addr, []byte, error) {
	if len(b) < 4 {
		return netip.Addr{}, nil, ErrTruncated
	}
	switch be.Uint32(b) {
	case 0:
		return netip.Addr{}, b[4:], nil
	case 1:
		if len(b) < 8 {
			return netip.Addr{}, nil, ErrTruncated
		}
		return netip.AddrFrom4([4]byte(b[4:8])), b[8:], nil
	case 2:
		if len(b) < 20 {
			return netip.Addr{}, nil, ErrTruncated
		}
		return netip.AddrFrom16([16]byte(b[4:20])), b[20:], nil
	}
	return netip.Addr{}, nil, ErrAddressType
}

// decodeFilled is decodeAddress for agents that write an unknown address as
// type 0 with four zero bytes, as if it were IPv4. Which of the two a record
// holds shows in whether its length then fits.
func decodeFilled(b []byte) (netip.Addr, []byte, error) {
	a, rest, err := decodeAddress(b)
	if err == nil && !a.IsValid() {
		if len(rest) < 4 || be.Uint32(rest) != 0 {
			return a, nil, ErrTruncated
		}
		rest = rest[4:]
	}
	return a, rest, err
}

// addressDecoder is decodeAddress or decodeFilled.
type addressDecoder func([]byte) (netip.Addr, []byte, error)

func appendAddress(b []byte, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return be.AppendUint32(b, 0)
	case a.Is4():
		v := a.As4()
		return append(be.AppendUint32(b, 1), v[:]...)
	}
	v := a.As16()
	return append(be.AppendUint32(b, 2), v[:]...)
}

// decodeOpaque reads a variable-length opaque or string (length, bytes, pad to
// 4; the pad's content is ignored, and it may be missing at the very end) and
// returns it with what follows.
func decodeOpaque(b []byte) (v, rest []byte, err error) {
	if len(b) < 4 {
		return nil, nil, ErrTruncated
	}
	n := uint64(be.Uint32(b))
	b = b[4:]
	if n > uint64(len(b)) {
		return nil, nil, ErrTruncated
	}
	end := min((n+3)&^3, uint64(len(b)))
	return b[:n], b[end:], nil
}

func appendOpaque(b, v []byte) []byte {
	b = append(be.AppendUint32(b, uint32(len(v))), v...)
	return append(b, make([]byte, -len(v)&3)...)
}

// beginRecord appends a record's head with a length to be set by endRecord,
// which the returned position is for.
func beginRecord(b []byte, f Format) ([]byte, int) {
	b = be.AppendUint32(be.AppendUint32(b, uint32(f)), 0)
	return b, len(b)
}

func endRecord(b []byte, at int) []byte {
	be.PutUint32(b[at-4:], uint32(len(b)-at))
	return b
}
