package sflow

// FormatVirtDiskIO is counter record 0:2103.
const FormatVirtDiskIO Format = 2103

// VirtDiskIO is a virt_disk_io (counter record 0:2103, sflow_host.txt): all
// disks of one virtual machine together.
type VirtDiskIO struct {
	Capacity   uint64    `json:"capacity"`   // bytes, as the guest sees them
	Allocation uint64    `json:"allocation"` // bytes in use on the host
	Available  uint64    `json:"available"`  // bytes left; the errata say: physical size of the image's container
	RdReq      Counter32 `json:"rd_req"`
	RdBytes    Counter64 `json:"rd_bytes"`
	WrReq      Counter32 `json:"wr_req"`
	WrBytes    Counter64 `json:"wr_bytes"`
	Errs       Counter32 `json:"errs"`
}

const virtDiskIOLen = 52

// Decode reads the record; bytes after the known fields are ignored.
func (c *VirtDiskIO) Decode(r Record) error {
	*c = VirtDiskIO{}
	if r.Format != FormatVirtDiskIO {
		return ErrFormat
	}
	if len(r.Body) < virtDiskIOLen {
		return ErrTruncated
	}
	b := r.Body[:virtDiskIOLen]
	c.Capacity = be.Uint64(b)
	c.Allocation = be.Uint64(b[8:])
	c.Available = be.Uint64(b[16:])
	c.RdReq = Counter32(be.Uint32(b[24:]))
	c.RdBytes = Counter64(be.Uint64(b[28:]))
	c.WrReq = Counter32(be.Uint32(b[36:]))
	c.WrBytes = Counter64(be.Uint64(b[40:]))
	c.Errs = Counter32(be.Uint32(b[48:]))
	return nil
}

// Append appends the record with its format and length.
func (c *VirtDiskIO) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatVirtDiskIO)
	b = be.AppendUint64(b, c.Capacity)
	b = be.AppendUint64(b, c.Allocation)
	b = be.AppendUint64(b, c.Available)
	b = be.AppendUint32(b, uint32(c.RdReq))
	b = be.AppendUint64(b, uint64(c.RdBytes))
	b = be.AppendUint32(b, uint32(c.WrReq))
	b = be.AppendUint64(b, uint64(c.WrBytes))
	b = be.AppendUint32(b, uint32(c.Errs))
	return endRecord(b, at)
}
