package sflow

// FormatVirtCPU is counter record 0:2101.
const FormatVirtCPU Format = 2101

// VirtCPU is a virt_cpu (counter record 0:2101, sflow_host.txt): state and
// CPU time of one virtual machine, as libvirt's virDomainInfo.
type VirtCPU struct {
	State     uint32    `json:"state"`       // VirtNoState to VirtSuspended
	CPUTime   Counter32 `json:"cpu_time"`    // milliseconds; wraps after 49.7 days of CPU time
	NrVirtCPU uint32    `json:"nr_virt_cpu"` // virtual CPUs
}

const virtCPULen = 12

// Decode reads the record; bytes after the known fields are ignored.
func (c *VirtCPU) Decode(r Record) error {
	*c = VirtCPU{}
	if r.Format != FormatVirtCPU {
		return ErrFormat
	}
	if len(r.Body) < virtCPULen {
		return ErrTruncated
	}
	b := r.Body[:virtCPULen]
	c.State = be.Uint32(b)
	c.CPUTime = Counter32(be.Uint32(b[4:]))
	c.NrVirtCPU = be.Uint32(b[8:])
	return nil
}

// Append appends the record with its format and length.
func (c *VirtCPU) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatVirtCPU)
	b = be.AppendUint32(b, c.State)
	b = be.AppendUint32(b, uint32(c.CPUTime))
	b = be.AppendUint32(b, c.NrVirtCPU)
	return endRecord(b, at)
}

// Values of VirtCPU.State (libvirt's virDomainState). Agents may send others.
const (
	VirtNoState   = 0
	VirtRunning   = 1
	VirtBlocked   = 2
	VirtPaused    = 3
	VirtShutdown  = 4 // being shut down
	VirtShutoff   = 5
	VirtCrashed   = 6
	VirtSuspended = 7 // by the guest's power management
)
