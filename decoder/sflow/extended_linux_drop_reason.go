package sflow

// FormatExtendedLinuxDropReason is flow record 0:1042.
const FormatExtendedLinuxDropReason Format = 1042

// ExtendedLinuxDropReason is an extended_linux_drop_reason (flow record
// 0:1042): why the Linux kernel dropped the packet, in its own words
// (drop_monitor's NET_DM_ATTR_REASON).
type ExtendedLinuxDropReason struct {
	Reason Text `json:"reason"` // e.g. NO_SOCKET; refers to the record's bytes
}

// Decode reads the record; bytes after the known fields are ignored. Reason
// refers to r.Body.
func (e *ExtendedLinuxDropReason) Decode(r Record) error {
	*e = ExtendedLinuxDropReason{}
	if r.Format != FormatExtendedLinuxDropReason {
		return ErrFormat
	}
	v, _, err := decodeOpaque(r.Body)
	e.Reason = v
	return err
}

// Append appends the record with its format and length.
func (e *ExtendedLinuxDropReason) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedLinuxDropReason)
	return endRecord(appendOpaque(b, e.Reason), at)
}
