package sflow

// FormatAppResources is counter record 0:2203.
const FormatAppResources Format = 2203

// AppResources is an app_resources (counter record 0:2203,
// sflow_application.txt): what one application uses of its host.
type AppResources struct {
	UserTime   Counter32 `json:"user_time"`   // milliseconds of CPU
	SystemTime Counter32 `json:"system_time"` // milliseconds of CPU
	MemUsed    uint64    `json:"mem_used"`    // bytes
	MemMax     uint64    `json:"mem_max"`     // bytes
	FDOpen     uint32    `json:"fd_open"`
	FDMax      uint32    `json:"fd_max"`
	ConnOpen   uint32    `json:"conn_open"` // network connections
	ConnMax    uint32    `json:"conn_max"`
}

const appResourcesLen = 40

// Decode reads the record; bytes after the known fields are ignored.
func (c *AppResources) Decode(r Record) error {
	*c = AppResources{}
	if r.Format != FormatAppResources {
		return ErrFormat
	}
	if len(r.Body) < appResourcesLen {
		return ErrTruncated
	}
	b := r.Body[:appResourcesLen]
	c.UserTime = Counter32(be.Uint32(b))
	c.SystemTime = Counter32(be.Uint32(b[4:]))
	c.MemUsed = be.Uint64(b[8:])
	c.MemMax = be.Uint64(b[16:])
	c.FDOpen = be.Uint32(b[24:])
	c.FDMax = be.Uint32(b[28:])
	c.ConnOpen = be.Uint32(b[32:])
	c.ConnMax = be.Uint32(b[36:])
	return nil
}

// Append appends the record with its format and length.
func (c *AppResources) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatAppResources)
	b = be.AppendUint32(b, uint32(c.UserTime))
	b = be.AppendUint32(b, uint32(c.SystemTime))
	b = be.AppendUint64(b, c.MemUsed)
	b = be.AppendUint64(b, c.MemMax)
	b = be.AppendUint32(b, c.FDOpen)
	b = be.AppendUint32(b, c.FDMax)
	b = be.AppendUint32(b, c.ConnOpen)
	b = be.AppendUint32(b, c.ConnMax)
	return endRecord(b, at)
}
