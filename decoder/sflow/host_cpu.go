package sflow

import "math"

// FormatHostCPU is counter record 0:2003.
const FormatHostCPU Format = 2003

// HostCPU is a host_cpu (counter record 0:2003, sflow_host.txt): load and time
// of all CPUs of a host together. Times are milliseconds. The last three fields
// came later; where the agent does not send them they are not Known.
type HostCPU struct {
	LoadOne      Load      `json:"load_one"`     // average over 1 minute
	LoadFive     Load      `json:"load_five"`    // average over 5 minutes
	LoadFifteen  Load      `json:"load_fifteen"` // average over 15 minutes
	ProcRun      uint32    `json:"proc_run"`     // running processes
	ProcTotal    uint32    `json:"proc_total"`
	CPUNum       uint32    `json:"cpu_num"`
	CPUSpeed     uint32    `json:"cpu_speed"` // MHz
	Uptime       uint32    `json:"uptime"`    // seconds since the host started
	CPUUser      Counter32 `json:"cpu_user"`
	CPUNice      Counter32 `json:"cpu_nice"`
	CPUSystem    Counter32 `json:"cpu_system"`
	CPUIdle      Counter32 `json:"cpu_idle"`
	CPUWIO       Counter32 `json:"cpu_wio"`   // waiting for input and output
	CPUIntr      Counter32 `json:"cpu_intr"`  // in interrupts
	CPUSIntr     Counter32 `json:"cpu_sintr"` // in soft interrupts
	Interrupts   Counter32 `json:"interrupts"`
	Contexts     Counter32 `json:"contexts"`       // context switches
	CPUSteal     Counter32 `json:"cpu_steal"`      // taken by the hypervisor
	CPUGuest     Counter32 `json:"cpu_guest"`      // running guests
	CPUGuestNice Counter32 `json:"cpu_guest_nice"` // running niced guests
}

// Load is a load average: processes that run or wait to; -1 where the agent does
// not know it.
type Load float32

// Known reports whether the value is data: not below zero, and a number.
func (l Load) Known() bool { return l >= 0 && l <= math.MaxFloat32 }

// MarshalJSON returns the number, null where it is not known.
func (l Load) MarshalJSON() ([]byte, error) {
	if !l.Known() {
		return []byte("null"), nil
	}
	return appendJSONFloat(nil, float64(l), 32), nil
}

const (
	hostCPUOldLen = 68 // without the last three fields
	hostCPULen    = 80
)

// Decode reads the record: 80 bytes or more with steal and guest times, else 68
// without them. Bytes after the known fields are ignored.
func (c *HostCPU) Decode(r Record) error {
	*c = HostCPU{}
	if r.Format != FormatHostCPU {
		return ErrFormat
	}
	if len(r.Body) < hostCPUOldLen {
		return ErrTruncated
	}
	b := r.Body[:hostCPUOldLen]
	c.LoadOne = Load(math.Float32frombits(be.Uint32(b)))
	c.LoadFive = Load(math.Float32frombits(be.Uint32(b[4:])))
	c.LoadFifteen = Load(math.Float32frombits(be.Uint32(b[8:])))
	c.ProcRun = be.Uint32(b[12:])
	c.ProcTotal = be.Uint32(b[16:])
	c.CPUNum = be.Uint32(b[20:])
	c.CPUSpeed = be.Uint32(b[24:])
	c.Uptime = be.Uint32(b[28:])
	c.CPUUser = Counter32(be.Uint32(b[32:]))
	c.CPUNice = Counter32(be.Uint32(b[36:]))
	c.CPUSystem = Counter32(be.Uint32(b[40:]))
	c.CPUIdle = Counter32(be.Uint32(b[44:]))
	c.CPUWIO = Counter32(be.Uint32(b[48:]))
	c.CPUIntr = Counter32(be.Uint32(b[52:]))
	c.CPUSIntr = Counter32(be.Uint32(b[56:]))
	c.Interrupts = Counter32(be.Uint32(b[60:]))
	c.Contexts = Counter32(be.Uint32(b[64:]))
	if len(r.Body) < hostCPULen {
		c.CPUSteal, c.CPUGuest, c.CPUGuestNice = unknown32, unknown32, unknown32
		return nil
	}
	b = r.Body[hostCPUOldLen:hostCPULen]
	c.CPUSteal = Counter32(be.Uint32(b))
	c.CPUGuest = Counter32(be.Uint32(b[4:]))
	c.CPUGuestNice = Counter32(be.Uint32(b[8:]))
	return nil
}

// Append appends the record with its format and length, always in the form of
// 80 bytes.
func (c *HostCPU) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatHostCPU)
	b = be.AppendUint32(b, math.Float32bits(float32(c.LoadOne)))
	b = be.AppendUint32(b, math.Float32bits(float32(c.LoadFive)))
	b = be.AppendUint32(b, math.Float32bits(float32(c.LoadFifteen)))
	b = be.AppendUint32(b, c.ProcRun)
	b = be.AppendUint32(b, c.ProcTotal)
	b = be.AppendUint32(b, c.CPUNum)
	b = be.AppendUint32(b, c.CPUSpeed)
	b = be.AppendUint32(b, c.Uptime)
	b = be.AppendUint32(b, uint32(c.CPUUser))
	b = be.AppendUint32(b, uint32(c.CPUNice))
	b = be.AppendUint32(b, uint32(c.CPUSystem))
	b = be.AppendUint32(b, uint32(c.CPUIdle))
	b = be.AppendUint32(b, uint32(c.CPUWIO))
	b = be.AppendUint32(b, uint32(c.CPUIntr))
	b = be.AppendUint32(b, uint32(c.CPUSIntr))
	b = be.AppendUint32(b, uint32(c.Interrupts))
	b = be.AppendUint32(b, uint32(c.Contexts))
	b = be.AppendUint32(b, uint32(c.CPUSteal))
	b = be.AppendUint32(b, uint32(c.CPUGuest))
	b = be.AppendUint32(b, uint32(c.CPUGuestNice))
	return endRecord(b, at)
}

// unknown32 is a Counter32 that the agent does not support.
const unknown32 Counter32 = 0xffffffff
