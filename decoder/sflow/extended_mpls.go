package sflow

import "net/netip"

// FormatExtendedMPLS is flow record 0:1006.
const FormatExtendedMPLS Format = 1006

// ExtendedMPLS is an extended_mpls (flow record 0:1006): the label switched
// path of the packet. A stack is empty where it is not known; its elements are
// label stack entries of RFC 3032, see Label.
type ExtendedMPLS struct {
	NextHop  netip.Addr `json:"nexthop"`   // zero where the agent sent address type 0
	InStack  Words      `json:"in_stack"`  // of the received packet; refers to the record's bytes
	OutStack Words      `json:"out_stack"` // of the transmitted packet; refers to the record's bytes
}

// Decode reads the record; bytes after the known fields are ignored, but
// four zero bytes after an address type 0 are taken as its address where the
// record's length fits only then. The stacks refer to r.Body.
func (e *ExtendedMPLS) Decode(r Record) error {
	*e = ExtendedMPLS{}
	if r.Format != FormatExtendedMPLS {
		return ErrFormat
	}
	rest, err := e.decode(r.Body, decodeAddress)
	if err != nil || len(rest) > 0 {
		var filled ExtendedMPLS
		if rest, err := filled.decode(r.Body, decodeFilled); err == nil && len(rest) == 0 {
			*e = filled
			return nil
		}
	}
	return err
}

// decode returns what follows the known fields; e is set only without an error.
func (e *ExtendedMPLS) decode(b []byte, address addressDecoder) (rest []byte, err error) {
	hop, b, err := address(b)
	if err != nil {
		return nil, err
	}
	in, b, err := decodeWords(b)
	if err != nil {
		return nil, err
	}
	out, b, err := decodeWords(b)
	if err != nil {
		return nil, err
	}
	e.NextHop, e.InStack, e.OutStack = hop, in, out
	return b, nil
}

// Append appends the record with its format and length.
func (e *ExtendedMPLS) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedMPLS)
	b = appendAddress(b, e.NextHop)
	b = appendWords(b, e.InStack)
	b = appendWords(b, e.OutStack)
	return endRecord(b, at)
}

// Label splits an MPLS label stack entry (RFC 3032): label, traffic class,
// bottom of stack, time to live.
func Label(entry uint32) (label uint32, class uint8, bottom bool, ttl uint8) {
	return entry >> 12, uint8(entry >> 9 & 7), entry>>8&1 == 1, uint8(entry)
}
