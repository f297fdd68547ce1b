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

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedNAT) Decode(r Record) error {
	*e = ExtendedNAT{}
	if r.Format != FormatExtendedNAT {
		return ErrFormat
	}
	src, b, err := decodeAddress(r.Body)
	if err != nil {
		return err
	}
	dst, _, err := decodeAddress(b)
	if err != nil {
		return err
	}
	e.SrcAddress, e.DstAddress = src, dst
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedNAT) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedNAT)
	return endRecord(appendAddress(appendAddress(b, e.SrcAddress), e.DstAddress), at)
}
