package sflow

// FormatVirtNode is counter record 0:2100.
const FormatVirtNode Format = 2100

// VirtNode is a virt_node (counter record 0:2100, sflow_host.txt): a
// hypervisor, as libvirt's virNodeInfo.
type VirtNode struct {
	MHz        uint32 `json:"mhz"`
	CPUs       uint32 `json:"cpus"`        // active ones
	Memory     uint64 `json:"memory"`      // bytes
	MemoryFree uint64 `json:"memory_free"` // bytes not assigned
	NumDomains uint32 `json:"num_domains"` // active virtual machines
}

const virtNodeLen = 28

// Decode reads the record; bytes after the known fields are ignored.
func (c *VirtNode) Decode(r Record) error {
	*c = VirtNode{}
	if r.Format != FormatVirtNode {
		return ErrFormat
	}
	if len(r.Body) < virtNodeLen {
		return ErrTruncated
	}
	b := r.Body[:virtNodeLen]
	c.MHz = be.Uint32(b)
	c.CPUs = be.Uint32(b[4:])
	c.Memory = be.Uint64(b[8:])
	c.MemoryFree = be.Uint64(b[16:])
	c.NumDomains = be.Uint32(b[24:])
	return nil
}

// Append appends the record with its format and length.
func (c *VirtNode) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatVirtNode)
	b = be.AppendUint32(b, c.MHz)
	b = be.AppendUint32(b, c.CPUs)
	b = be.AppendUint64(b, c.Memory)
	b = be.AppendUint64(b, c.MemoryFree)
	b = be.AppendUint32(b, c.NumDomains)
	return endRecord(b, at)
}
