package sflow

// FormatHostNetIO is counter record 0:2006.
const FormatHostNetIO Format = 2006

// HostNetIO is a host_net_io (counter record 0:2006, sflow_host.txt): all
// network interfaces of a host together.
type HostNetIO struct {
	BytesIn    Counter64 `json:"bytes_in"`
	PktsIn     Counter32 `json:"pkts_in"`
	ErrsIn     Counter32 `json:"errs_in"`
	DropsIn    Counter32 `json:"drops_in"`
	BytesOut   Counter64 `json:"bytes_out"`
	PacketsOut Counter32 `json:"packets_out"`
	ErrsOut    Counter32 `json:"errs_out"`
	DropsOut   Counter32 `json:"drops_out"`
}

const hostNetIOLen = 40

// Decode reads the record; bytes after the known fields are ignored.
func (c *HostNetIO) Decode(r Record) error {
	*c = HostNetIO{}
	if r.Format != FormatHostNetIO {
		return ErrFormat
	}
	if len(r.Body) < hostNetIOLen {
		return ErrTruncated
	}
	b := r.Body[:hostNetIOLen]
	c.BytesIn = Counter64(be.Uint64(b))
	c.PktsIn = Counter32(be.Uint32(b[8:]))
	c.ErrsIn = Counter32(be.Uint32(b[12:]))
	c.DropsIn = Counter32(be.Uint32(b[16:]))
	c.BytesOut = Counter64(be.Uint64(b[20:]))
	c.PacketsOut = Counter32(be.Uint32(b[28:]))
	c.ErrsOut = Counter32(be.Uint32(b[32:]))
	c.DropsOut = Counter32(be.Uint32(b[36:]))
	return nil
}

// Append appends the record with its format and length.
func (c *HostNetIO) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatHostNetIO)
	b = be.AppendUint64(b, uint64(c.BytesIn))
	b = be.AppendUint32(b, uint32(c.PktsIn))
	b = be.AppendUint32(b, uint32(c.ErrsIn))
	b = be.AppendUint32(b, uint32(c.DropsIn))
	b = be.AppendUint64(b, uint64(c.BytesOut))
	b = be.AppendUint32(b, uint32(c.PacketsOut))
	b = be.AppendUint32(b, uint32(c.ErrsOut))
	b = be.AppendUint32(b, uint32(c.DropsOut))
	return endRecord(b, at)
}
