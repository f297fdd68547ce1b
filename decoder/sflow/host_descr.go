package sflow

// FormatHostDescr is counter record 0:2000.
const FormatHostDescr Format = 2000

// HostDescr is a host_descr (counter record 0:2000, sflow_host.txt): name and
// system of a host or of a virtual machine.
type HostDescr struct {
	Hostname    Text     `json:"hostname"` // at most 64 bytes by the specification; empty unknown
	UUID        [16]byte `json:"uuid"`     // all zero unknown
	MachineType uint32   `json:"machine_type"`
	OSName      uint32   `json:"os_name"`
	OSRelease   Text     `json:"os_release"` // at most 32 bytes by the specification; empty unknown
}

// Values of HostDescr.MachineType. Agents may send others.
const (
	MachineUnknown = 0
	MachineOther   = 1
	MachineX86     = 2
	MachineX86_64  = 3
	MachineIA64    = 4
	MachineSPARC   = 5
	MachineAlpha   = 6
	MachinePowerPC = 7
	MachineM68K    = 8
	MachineMIPS    = 9
	MachineARM     = 10
	MachineHPPA    = 11
	MachineS390    = 12
)

// Values of HostDescr.OSName. Agents may send others.
const (
	OSUnknown   = 0
	OSOther     = 1
	OSLinux     = 2
	OSWindows   = 3
	OSDarwin    = 4
	OSHPUX      = 5
	OSAIX       = 6
	OSDragonFly = 7
	OSFreeBSD   = 8
	OSNetBSD    = 9
	OSOpenBSD   = 10
	OSOSF       = 11
	OSSolaris   = 12
)

// Decode reads the record; bytes after the known fields are ignored. Hostname
// and OSRelease refer to r.Body. Strings longer than the specification allows
// are taken as they are.
func (c *HostDescr) Decode(r Record) error {
	*c = HostDescr{}
	if r.Format != FormatHostDescr {
		return ErrFormat
	}
	name, b, err := decodeOpaque(r.Body)
	if err != nil {
		return err
	}
	if len(b) < 24 {
		return ErrTruncated
	}
	release, _, err := decodeOpaque(b[24:])
	if err != nil {
		return err
	}
	c.Hostname = name
	c.UUID = [16]byte(b[:16])
	c.MachineType = be.Uint32(b[16:])
	c.OSName = be.Uint32(b[20:])
	c.OSRelease = release
	return nil
}

// Append appends the record with its format and length.
func (c *HostDescr) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatHostDescr)
	b = appendOpaque(b, c.Hostname)
	b = append(b, c.UUID[:]...)
	b = be.AppendUint32(b, c.MachineType)
	b = be.AppendUint32(b, c.OSName)
	return endRecord(appendOpaque(b, c.OSRelease), at)
}
