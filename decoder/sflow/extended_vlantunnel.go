package sflow

// FormatExtendedVLANTunnel is flow record 0:1012.
const FormatExtendedVLANTunnel Format = 1012

// ExtendedVLANTunnel is an extended_vlantunnel (flow record 0:1012): outer VLAN
// tags that were stripped from the sampled header.
type ExtendedVLANTunnel struct {
	Stack Words `json:"stack"` // TPID<<16 | TCI, outermost first; refers to the record's bytes
}

// Decode reads the record; bytes after the known fields are ignored. Stack
// refers to r.Body.
func (e *ExtendedVLANTunnel) Decode(r Record) error {
	*e = ExtendedVLANTunnel{}
	if r.Format != FormatExtendedVLANTunnel {
		return ErrFormat
	}
	stack, _, err := decodeWords(r.Body)
	e.Stack = stack
	return err
}

// Append appends the record with its format and length.
func (e *ExtendedVLANTunnel) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedVLANTunnel)
	return endRecord(appendWords(b, e.Stack), at)
}
