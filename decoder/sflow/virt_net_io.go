package sflow

// FormatVirtNetIO is counter record 0:2104.
const FormatVirtNetIO Format = 2104

// VirtNetIO is a virt_net_io (counter record 0:2104, sflow_host.txt): all
// network interfaces of one virtual machine together, as the guest sees them.
type VirtNetIO struct {
	RxBytes   Counter64 `json:"rx_bytes"`
	RxPackets Counter32 `json:"rx_packets"`
	RxErrs    Counter32 `json:"rx_errs"`
	RxDrop    Counter32 `json:"rx_drop"`
	TxBytes   Counter64 `json:"tx_bytes"`
	TxPackets Counter32 `json:"tx_packets"`
	TxErrs    Counter32 `json:"tx_errs"`
	TxDrop    Counter32 `json:"tx_drop"`
}

const virtNetIOLen = 40

// Decode reads the record; bytes after the known fields are ignored.
func (c *VirtNetIO) Decode(r Record) error {
	*c = VirtNetIO{}
	if r.Format != FormatVirtNetIO {
		return ErrFormat
	}
	if len(r.Body) < virtNetIOLen {
		return ErrTruncated
	}
	b := r.Body[:virtNetIOLen]
	c.RxBytes = Counter64(be.Uint64(b))
	c.RxPackets = Counter32(be.Uint32(b[8:]))
	c.RxErrs = Counter32(be.Uint32(b[12:]))
	c.RxDrop = Counter32(be.Uint32(b[16:]))
	c.TxBytes = Counter64(be.Uint64(b[20:]))
	c.TxPackets = Counter32(be.Uint32(b[28:]))
	c.TxErrs = Counter32(be.Uint32(b[32:]))
	c.TxDrop = Counter32(be.Uint32(b[36:]))
	return nil
}

// Append appends the record with its format and length.
func (c *VirtNetIO) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatVirtNetIO)
	b = be.AppendUint64(b, uint64(c.RxBytes))
	b = be.AppendUint32(b, uint32(c.RxPackets))
	b = be.AppendUint32(b, uint32(c.RxErrs))
	b = be.AppendUint32(b, uint32(c.RxDrop))
	b = be.AppendUint64(b, uint64(c.TxBytes))
	b = be.AppendUint32(b, uint32(c.TxPackets))
	b = be.AppendUint32(b, uint32(c.TxErrs))
	b = be.AppendUint32(b, uint32(c.TxDrop))
	return endRecord(b, at)
}
