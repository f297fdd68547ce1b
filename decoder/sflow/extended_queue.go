package sflow

// FormatExtendedQueue is flow record 0:1040.
const FormatExtendedQueue Format = 1040

// ExtendedQueue is an extended_queue (flow record 0:1040): the depth of the
// output queue when the packet was put into it, sflow_transit.txt.
// ExtendedEgressQueue names the queue.
type ExtendedQueue struct {
	Depth uint32 `json:"depth"` // octets
}

const extendedQueueLen = 4

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedQueue) Decode(r Record) error {
	*e = ExtendedQueue{}
	if r.Format != FormatExtendedQueue {
		return ErrFormat
	}
	if len(r.Body) < extendedQueueLen {
		return ErrTruncated
	}
	b := r.Body[:extendedQueueLen]
	e.Depth = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedQueue) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedQueue)
	b = be.AppendUint32(b, e.Depth)
	return endRecord(b, at)
}
