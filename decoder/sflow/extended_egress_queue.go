package sflow

// FormatExtendedEgressQueue is flow record 0:1036.
const FormatExtendedEgressQueue Format = 1036

// ExtendedEgressQueue is an extended_egress_queue (flow record 0:1036): the
// queue chosen on the sample's output port, sflow_drops.txt.
type ExtendedEgressQueue struct {
	Queue uint32 `json:"queue"` // queue number
}

const extendedEgressQueueLen = 4

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedEgressQueue) Decode(r Record) error {
	*e = ExtendedEgressQueue{}
	if r.Format != FormatExtendedEgressQueue {
		return ErrFormat
	}
	if len(r.Body) < extendedEgressQueueLen {
		return ErrTruncated
	}
	b := r.Body[:extendedEgressQueueLen]
	e.Queue = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedEgressQueue) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedEgressQueue)
	b = be.AppendUint32(b, e.Queue)
	return endRecord(b, at)
}
