package sflow

// FormatExtendedFunction is flow record 0:1038.
const FormatExtendedFunction Format = 1038

// ExtendedFunction is an extended_function (flow record 0:1038): the function
// of the network stack that discarded the packet, sflow_drops.txt.
type ExtendedFunction struct {
	Symbol Text `json:"symbol"` // refers to the record's bytes
}

// Decode reads the record; bytes after the known fields are ignored. Symbol
// refers to r.Body.
func (e *ExtendedFunction) Decode(r Record) error {
	*e = ExtendedFunction{}
	if r.Format != FormatExtendedFunction {
		return ErrFormat
	}
	v, _, err := decodeOpaque(r.Body)
	e.Symbol = v
	return err
}

// Append appends the record with its format and length.
func (e *ExtendedFunction) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedFunction)
	return endRecord(appendOpaque(b, e.Symbol), at)
}
