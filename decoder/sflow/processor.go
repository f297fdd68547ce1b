package sflow

import "strconv"

// FormatProcessor is counter record 0:1001.
const FormatProcessor Format = 1001

// Processor is a processor (counter record 0:1001): load and memory of a
// switch's CPU.
type Processor struct {
	CPU5s       Percentage `json:"5s_cpu"`       // average over 5 seconds
	CPU1m       Percentage `json:"1m_cpu"`       // average over 1 minute
	CPU5m       Percentage `json:"5m_cpu"`       // average over 5 minutes
	TotalMemory uint64     `json:"total_memory"` // bytes
	FreeMemory  uint64     `json:"free_memory"`  // bytes
}

const processorLen = 28

// Decode reads the record; bytes after the known fields are ignored.
func (c *Processor) Decode(r Record) error {
	*c = Processor{}
	if r.Format != FormatProcessor {
		return ErrFormat
	}
	if len(r.Body) < processorLen {
		return ErrTruncated
	}
	b := r.Body[:processorLen]
	c.CPU5s = Percentage(be.Uint32(b))
	c.CPU1m = Percentage(be.Uint32(b[4:]))
	c.CPU5m = Percentage(be.Uint32(b[8:]))
	c.TotalMemory = be.Uint64(b[12:])
	c.FreeMemory = be.Uint64(b[20:])
	return nil
}

// Append appends the record with its format and length.
func (c *Processor) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatProcessor)
	b = be.AppendUint32(b, uint32(c.CPU5s))
	b = be.AppendUint32(b, uint32(c.CPU1m))
	b = be.AppendUint32(b, uint32(c.CPU5m))
	b = be.AppendUint64(b, c.TotalMemory)
	b = be.AppendUint64(b, c.FreeMemory)
	return endRecord(b, at)
}

// Percentage is a percentage of the specification: hundredths of a percent,
// and -1 (all ones) where the agent does not know it.
type Percentage int32

// Known reports whether the agent knows the percentage.
func (p Percentage) Known() bool { return p != -1 }

// MarshalJSON returns the number as it is on the wire, null where it is not
// known.
func (p Percentage) MarshalJSON() ([]byte, error) {
	if !p.Known() {
		return []byte("null"), nil
	}
	return strconv.AppendInt(nil, int64(p), 10), nil
}
