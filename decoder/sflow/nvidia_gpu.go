package sflow

// FormatNvidiaGPU is counter record 5703:1.
const FormatNvidiaGPU Format = 5703<<12 | 1

// NvidiaGPU is an nvidia_gpu (counter record 5703:1, sflow_nvml.txt): all GPUs
// of a host together.
type NvidiaGPU struct {
	DeviceCount uint32    `json:"device_count"`
	Processes   uint32    `json:"processes"`   // that compute
	GPUTime     Counter32 `json:"gpu_time"`    // milliseconds with a kernel running, summed
	MemTime     Counter32 `json:"mem_time"`    // milliseconds with memory in use, summed
	MemTotal    uint64    `json:"mem_total"`   // bytes
	MemFree     uint64    `json:"mem_free"`    // bytes
	ECCErrors   Counter32 `json:"ecc_errors"`  // volatile ones, summed
	Energy      Counter32 `json:"energy"`      // millijoules
	Temperature uint32    `json:"temperature"` // degrees Celsius, of the hottest
	FanSpeed    uint32    `json:"fan_speed"`   // percent, of the fastest
}

const nvidiaGPULen = 48

// Decode reads the record; bytes after the known fields are ignored.
func (c *NvidiaGPU) Decode(r Record) error {
	*c = NvidiaGPU{}
	if r.Format != FormatNvidiaGPU {
		return ErrFormat
	}
	if len(r.Body) < nvidiaGPULen {
		return ErrTruncated
	}
	b := r.Body[:nvidiaGPULen]
	c.DeviceCount = be.Uint32(b)
	c.Processes = be.Uint32(b[4:])
	c.GPUTime = Counter32(be.Uint32(b[8:]))
	c.MemTime = Counter32(be.Uint32(b[12:]))
	c.MemTotal = be.Uint64(b[16:])
	c.MemFree = be.Uint64(b[24:])
	c.ECCErrors = Counter32(be.Uint32(b[32:]))
	c.Energy = Counter32(be.Uint32(b[36:]))
	c.Temperature = be.Uint32(b[40:])
	c.FanSpeed = be.Uint32(b[44:])
	return nil
}

// Append appends the record with its format and length.
func (c *NvidiaGPU) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatNvidiaGPU)
	b = be.AppendUint32(b, c.DeviceCount)
	b = be.AppendUint32(b, c.Processes)
	b = be.AppendUint32(b, uint32(c.GPUTime))
	b = be.AppendUint32(b, uint32(c.MemTime))
	b = be.AppendUint64(b, c.MemTotal)
	b = be.AppendUint64(b, c.MemFree)
	b = be.AppendUint32(b, uint32(c.ECCErrors))
	b = be.AppendUint32(b, uint32(c.Energy))
	b = be.AppendUint32(b, c.Temperature)
	b = be.AppendUint32(b, c.FanSpeed)
	return endRecord(b, at)
}
