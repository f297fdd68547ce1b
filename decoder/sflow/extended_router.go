package sflow

import "net/netip"

// FormatExtendedRouter is flow record 0:1002.
const FormatExtendedRouter Format = 1002

// ExtendedRouter is an extended_router (flow record 0:1002): the route the
// packet takes.
type ExtendedRouter struct {
	NextHop    netip.Addr `json:"nexthop"`      // zero where the agent sent address type 0
	SrcMaskLen uint32     `json:"src_mask_len"` // bits of the source's prefix
	DstMaskLen uint32     `json:"dst_mask_len"` // bits of the destination's prefix
}

// Decode reads the record; bytes after the known fields are ignored, but
// four zero bytes after an address type 0 are taken as its address where the
// record's length fits only then.
func (e *ExtendedRouter) Decode(r Record) error {
	*e = ExtendedRouter{}
	if r.Format != FormatExtendedRouter {
		return ErrFormat
	}
	rest, err := e.decode(r.Body, decodeAddress)
	if err != nil || len(rest) > 0 {
		var filled ExtendedRouter
		if rest, err := filled.decode(r.Body, decodeFilled); err == nil && len(rest) == 0 {
			*e = filled
			return nil
		}
	}
	return err
}

// decode returns what follows the known fields; e is set only without an error.
func (e *ExtendedRouter) decode(b []byte, address addressDecoder) (rest []byte, err error) {
	hop, b, err := address(b)
	if err != nil {
		return nil, err
	}
	if len(b) < 8 {
		return nil, ErrTruncated
	}
	e.NextHop = hop
	e.SrcMaskLen = be.Uint32(b)
	e.DstMaskLen = be.Uint32(b[4:])
	return b[8:], nil
}

// Append appends the record with its format and length.
func (e *ExtendedRouter) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedRouter)
	b = appendAddress(b, e.NextHop)
	b = be.AppendUint32(b, e.SrcMaskLen)
	b = be.AppendUint32(b, e.DstMaskLen)
	return endRecord(b, at)
}
