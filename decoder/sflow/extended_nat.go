package sflow

import "net/netip"

// FormatExtendedNAT is flow record 0:1007.
const FormatExtendedNAT Format = 1007

// ExtendedNAT is an extended_nat (flow record 0:1007): the addresses after
// translation. An address that is not translated is the header's.
type ExtendedNAT struct {
	SrcAddress netip.Addr `json:"src_address"`
	DstAddress netip.Addr `json:"dst_address"`
}

// Decode reads the record; bytes after the known fields are ignored, but
// four zero bytes after an address type 0 are taken as its address where the
// record's length fits only then.
func (e *ExtendedNAT) Decode(r Record) error {
	*e = ExtendedNAT{}
	if r.Format != FormatExtendedNAT {
		return ErrFormat
	}
	rest, err := e.decode(r.Body, decodeAddress)
	if err != nil || len(rest) > 0 {
		var filled ExtendedNAT
		if rest, err := filled.decode(r.Body, decodeFilled); err == nil && len(rest) == 0 {
			*e = filled
			return nil
		}
	}
	return err
}

// decode returns what follows the known fields; e is set only without an error.
func (e *ExtendedNAT) decode(b []byte, address addressDecoder) (rest []byte, err error) {
	src, b, err := address(b)
	if err != nil {
		return nil, err
	}
	dst, b, err := address(b)
	if err != nil {
		return nil, err
	}
	e.SrcAddress, e.DstAddress = src, dst
	return b, nil
}

// Append appends the record with its format and length.
func (e *ExtendedNAT) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedNAT)
	return endRecord(appendAddress(appendAddress(b, e.SrcAddress), e.DstAddress), at)
}
