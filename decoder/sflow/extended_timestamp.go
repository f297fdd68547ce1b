package sflow

// FormatExtendedTimestamp is flow record 0:1043.
const FormatExtendedTimestamp Format = 1043

// ExtendedTimestamp is an extended_timestamp (flow record 0:1043): when the
// packet was seen, by the agent's best synchronized clock.
type ExtendedTimestamp struct {
	Nanoseconds uint64 `json:"nanoseconds"` // since 1970-01-01 00:00 UTC
}

const extendedTimestampLen = 8

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedTimestamp) Decode(r Record) error {
	*e = ExtendedTimestamp{}
	if r.Format != FormatExtendedTimestamp {
		return ErrFormat
	}
	if len(r.Body) < extendedTimestampLen {
		return ErrTruncated
	}
	b := r.Body[:extendedTimestampLen]
	e.Nanoseconds = be.Uint64(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedTimestamp) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedTimestamp)
	b = be.AppendUint64(b, e.Nanoseconds)
	return endRecord(b, at)
}
