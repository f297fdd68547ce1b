package sflow

// FormatHostParent is counter record 0:2002.
const FormatHostParent Format = 2002

// HostParent is a host_parent (counter record 0:2002, sflow_host.txt): the
// data source that contains the sample's own. A virtual machine names its host
// this way; a host sends none.
type HostParent struct {
	ContainerType  uint32 `json:"container_type"`  // class of the data source
	ContainerIndex uint32 `json:"container_index"` // index of the data source
}

const hostParentLen = 8

// Decode reads the record; bytes after the known fields are ignored.
func (c *HostParent) Decode(r Record) error {
	*c = HostParent{}
	if r.Format != FormatHostParent {
		return ErrFormat
	}
	if len(r.Body) < hostParentLen {
		return ErrTruncated
	}
	b := r.Body[:hostParentLen]
	c.ContainerType = be.Uint32(b)
	c.ContainerIndex = be.Uint32(b[4:])
	return nil
}

// Append appends the record with its format and length.
func (c *HostParent) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatHostParent)
	b = be.AppendUint32(b, c.ContainerType)
	b = be.AppendUint32(b, c.ContainerIndex)
	return endRecord(b, at)
}

// Source returns the parent as a data source.
func (c *HostParent) Source() DataSource { return DataSource{c.ContainerType, c.ContainerIndex} }
