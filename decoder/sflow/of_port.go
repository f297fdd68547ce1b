package sflow

// FormatOFPort is counter record 0:1004.
const FormatOFPort Format = 1004

// OFPort is an of_port (counter record 0:1004, sflow_openflow.txt): which
// OpenFlow port the sample's interface is.
type OFPort struct {
	DatapathID uint64 `json:"datapath_id"` // the OpenFlow switch
	PortNo     uint32 `json:"port_no"`     // the local port is 0xfffffffe; Open vSwitch sends 0xfffe as in OpenFlow 1.0
}

const ofPortLen = 12

// Decode reads the record; bytes after the known fields are ignored.
func (c *OFPort) Decode(r Record) error {
	*c = OFPort{}
	if r.Format != FormatOFPort {
		return ErrFormat
	}
	if len(r.Body) < ofPortLen {
		return ErrTruncated
	}
	b := r.Body[:ofPortLen]
	c.DatapathID = be.Uint64(b)
	c.PortNo = be.Uint32(b[8:])
	return nil
}

// Append appends the record with its format and length.
func (c *OFPort) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatOFPort)
	b = be.AppendUint64(b, c.DatapathID)
	b = be.AppendUint32(b, c.PortNo)
	return endRecord(b, at)
}
