package sflow

// FormatVirtMemory is counter record 0:2102.
const FormatVirtMemory Format = 2102

// VirtMemory is a virt_memory (counter record 0:2102, sflow_host.txt): memory
// of one virtual machine.
type VirtMemory struct {
	Memory    uint64 `json:"memory"`     // bytes used
	MaxMemory uint64 `json:"max_memory"` // bytes allowed
}

const virtMemoryLen = 16

// Decode reads the record; bytes after the known fields are ignored.
func (c *VirtMemory) Decode(r Record) error {
	*c = VirtMemory{}
	if r.Format != FormatVirtMemory {
		return ErrFormat
	}
	if len(r.Body) < virtMemoryLen {
		return ErrTruncated
	}
	b := r.Body[:virtMemoryLen]
	c.Memory = be.Uint64(b)
	c.MaxMemory = be.Uint64(b[8:])
	return nil
}

// Append appends the record with its format and length.
func (c *VirtMemory) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatVirtMemory)
	b = be.AppendUint64(b, c.Memory)
	b = be.AppendUint64(b, c.MaxMemory)
	return endRecord(b, at)
}
