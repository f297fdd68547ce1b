package sflow

// FormatHostMemory is counter record 0:2004.
const FormatHostMemory Format = 2004

// HostMemory is a host_memory (counter record 0:2004, sflow_host.txt).
type HostMemory struct {
	Total     uint64    `json:"mem_total"`   // bytes
	Free      uint64    `json:"mem_free"`    // bytes
	Shared    uint64    `json:"mem_shared"`  // bytes
	Buffers   uint64    `json:"mem_buffers"` // bytes
	Cached    uint64    `json:"mem_cached"`  // bytes
	SwapTotal uint64    `json:"swap_total"`  // bytes
	SwapFree  uint64    `json:"swap_free"`   // bytes
	PageIn    Counter32 `json:"page_in"`
	PageOut   Counter32 `json:"page_out"`
	SwapIn    Counter32 `json:"swap_in"`
	SwapOut   Counter32 `json:"swap_out"`
}

const hostMemoryLen = 72

// Decode reads the record; bytes after the known fields are ignored.
func (c *HostMemory) Decode(r Record) error {
	*c = HostMemory{}
	if r.Format != FormatHostMemory {
		return ErrFormat
	}
	if len(r.Body) < hostMemoryLen {
		return ErrTruncated
	}
	b := r.Body[:hostMemoryLen]
	c.Total = be.Uint64(b)
	c.Free = be.Uint64(b[8:])
	c.Shared = be.Uint64(b[16:])
	c.Buffers = be.Uint64(b[24:])
	c.Cached = be.Uint64(b[32:])
	c.SwapTotal = be.Uint64(b[40:])
	c.SwapFree = be.Uint64(b[48:])
	c.PageIn = Counter32(be.Uint32(b[56:]))
	c.PageOut = Counter32(be.Uint32(b[60:]))
	c.SwapIn = Counter32(be.Uint32(b[64:]))
	c.SwapOut = Counter32(be.Uint32(b[68:]))
	return nil
}

// Append appends the record with its format and length.
func (c *HostMemory) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatHostMemory)
	b = be.AppendUint64(b, c.Total)
	b = be.AppendUint64(b, c.Free)
	b = be.AppendUint64(b, c.Shared)
	b = be.AppendUint64(b, c.Buffers)
	b = be.AppendUint64(b, c.Cached)
	b = be.AppendUint64(b, c.SwapTotal)
	b = be.AppendUint64(b, c.SwapFree)
	b = be.AppendUint32(b, uint32(c.PageIn))
	b = be.AppendUint32(b, uint32(c.PageOut))
	b = be.AppendUint32(b, uint32(c.SwapIn))
	b = be.AppendUint32(b, uint32(c.SwapOut))
	return endRecord(b, at)
}
