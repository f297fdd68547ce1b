package sflow

// FormatExtendedNATPort is flow record 0:1020.
const FormatExtendedNATPort Format = 1020

// ExtendedNATPort is an extended_nat_port (flow record 0:1020): the ports after
// translation, sflow_pnat.txt. A port that is not translated is the header's.
type ExtendedNATPort struct {
	SrcPort uint32 `json:"src_port"` // TCP/UDP source port
	DstPort uint32 `json:"dst_port"` // TCP/UDP destination port
}

const extendedNATPortLen = 8

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedNATPort) Decode(r Record) error {
	*e = ExtendedNATPort{}
	if r.Format != FormatExtendedNATPort {
		return ErrFormat
	}
	if len(r.Body) < extendedNATPortLen {
		return ErrTruncated
	}
	b := r.Body[:extendedNATPortLen]
	e.SrcPort = be.Uint32(b)
	e.DstPort = be.Uint32(b[4:])
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedNATPort) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedNATPort)
	b = be.AppendUint32(b, e.SrcPort)
	b = be.AppendUint32(b, e.DstPort)
	return endRecord(b, at)
}
