package sflow

// FormatPortName is counter record 0:1005.
const FormatPortName Format = 1005

// PortName is a port_name (counter record 0:1005, sflow_openflow.txt): the
// OpenFlow port name or the ifName of the sample's interface.
type PortName struct {
	Name Text `json:"port_name"` // at most 255 bytes by the specification; longer ones are taken as they are
}

// Decode reads the record. Name refers to r.Body.
func (c *PortName) Decode(r Record) error {
	*c = PortName{}
	if r.Format != FormatPortName {
		return ErrFormat
	}
	name, _, err := decodeOpaque(r.Body)
	if err != nil {
		return err
	}
	c.Name = name
	return nil
}

// Append appends the record with its format and length.
func (c *PortName) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatPortName)
	return endRecord(appendOpaque(b, c.Name), at)
}
