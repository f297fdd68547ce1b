package sflow

// FormatHostDiskIO is counter record 0:2005.
const FormatHostDiskIO Format = 2005

// HostDiskIO is a host_disk_io (counter record 0:2005, sflow_host.txt): all
// disks of a host together.
type HostDiskIO struct {
	Total        uint64     `json:"disk_total"`    // bytes
	Free         uint64     `json:"disk_free"`     // bytes
	PartMaxUsed  Percentage `json:"part_max_used"` // of the fullest partition
	Reads        Counter32  `json:"reads"`
	BytesRead    Counter64  `json:"bytes_read"`
	ReadTime     Counter32  `json:"read_time"` // milliseconds
	Writes       Counter32  `json:"writes"`
	BytesWritten Counter64  `json:"bytes_written"`
	WriteTime    Counter32  `json:"write_time"` // milliseconds
}

const hostDiskIOLen = 52

// Decode reads the record; bytes after the known fields are ignored.
func (c *HostDiskIO) Decode(r Record) error {
	*c = HostDiskIO{}
	if r.Format != FormatHostDiskIO {
		return ErrFormat
	}
	if len(r.Body) < hostDiskIOLen {
		return ErrTruncated
	}
	b := r.Body[:hostDiskIOLen]
	c.Total = be.Uint64(b)
	c.Free = be.Uint64(b[8:])
	c.PartMaxUsed = Percentage(be.Uint32(b[16:]))
	c.Reads = Counter32(be.Uint32(b[20:]))
	c.BytesRead = Counter64(be.Uint64(b[24:]))
	c.ReadTime = Counter32(be.Uint32(b[32:]))
	c.Writes = Counter32(be.Uint32(b[36:]))
	c.BytesWritten = Counter64(be.Uint64(b[40:]))
	c.WriteTime = Counter32(be.Uint32(b[48:]))
	return nil
}

// Append appends the record with its format and length.
func (c *HostDiskIO) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatHostDiskIO)
	b = be.AppendUint64(b, c.Total)
	b = be.AppendUint64(b, c.Free)
	b = be.AppendUint32(b, uint32(c.PartMaxUsed))
	b = be.AppendUint32(b, uint32(c.Reads))
	b = be.AppendUint64(b, uint64(c.BytesRead))
	b = be.AppendUint32(b, uint32(c.ReadTime))
	b = be.AppendUint32(b, uint32(c.Writes))
	b = be.AppendUint64(b, uint64(c.BytesWritten))
	b = be.AppendUint32(b, uint32(c.WriteTime))
	return endRecord(b, at)
}
