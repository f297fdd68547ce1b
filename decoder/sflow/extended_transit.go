package sflow

// FormatExtendedTransit is flow record 0:1039.
const FormatExtendedTransit Format = 1039

// ExtendedTransit is an extended_transit (flow record 0:1039): the time the
// packet spent in the switch, sflow_transit.txt.
type ExtendedTransit struct {
	Delay uint32 `json:"delay"` // nanoseconds; all ones means that many or more
}

const extendedTransitLen = 4

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedTransit) Decode(r Record) error {
	*e = ExtendedTransit{}
	if r.Format != FormatExtendedTransit {
		return ErrFormat
	}
	if len(r.Body) < extendedTransitLen {
		return ErrTruncated
	}
	b := r.Body[:extendedTransitLen]
	e.Delay = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedTransit) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedTransit)
	b = be.AppendUint32(b, e.Delay)
	return endRecord(b, at)
}
