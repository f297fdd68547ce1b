package sflow

// FormatPFCCounters is counter record 0:11.
const FormatPFCCounters Format = 11

// PFCCounters is a pfc_counters (counter record 0:11, draft_sflow_pfc.txt):
// priority flow control of one port (IEEE8021-PFC-MIB).
type PFCCounters struct {
	Requests      Counter32 `json:"requests"`       // PFC frames sent
	Indications   Counter32 `json:"indications"`    // PFC frames received
	PauseDuration Counter32 `json:"pause_duration"` // microseconds paused, in total
	StormDetected Counter32 `json:"storm_detected"` // times the watchdog's timer expired
	StormRestored Counter32 `json:"storm_restored"` // times a queue became healthy again
}

const pfcCountersLen = 20

// Decode reads the record; bytes after the known fields are ignored.
func (c *PFCCounters) Decode(r Record) error {
	*c = PFCCounters{}
	if r.Format != FormatPFCCounters {
		return ErrFormat
	}
	if len(r.Body) < pfcCountersLen {
		return ErrTruncated
	}
	b := r.Body[:pfcCountersLen]
	c.Requests = Counter32(be.Uint32(b))
	c.Indications = Counter32(be.Uint32(b[4:]))
	c.PauseDuration = Counter32(be.Uint32(b[8:]))
	c.StormDetected = Counter32(be.Uint32(b[12:]))
	c.StormRestored = Counter32(be.Uint32(b[16:]))
	return nil
}

// Append appends the record with its format and length.
func (c *PFCCounters) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatPFCCounters)
	b = be.AppendUint32(b, uint32(c.Requests))
	b = be.AppendUint32(b, uint32(c.Indications))
	b = be.AppendUint32(b, uint32(c.PauseDuration))
	b = be.AppendUint32(b, uint32(c.StormDetected))
	b = be.AppendUint32(b, uint32(c.StormRestored))
	return endRecord(b, at)
}
