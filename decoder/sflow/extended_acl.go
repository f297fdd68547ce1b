package sflow

// FormatExtendedACL is flow record 0:1037.
const FormatExtendedACL Format = 1037

// ExtendedACL is an extended_acl (flow record 0:1037): the access list rule
// that matched the packet, sflow_drops.txt.
type ExtendedACL struct {
	Number    uint32 `json:"number"`
	Name      Text   `json:"acl_name"`  // refers to the record's bytes
	Direction uint32 `json:"direction"` // 0 unknown, 1 ingress, 2 egress
}

// Decode reads the record; bytes after the known fields are ignored. Name
// refers to r.Body.
func (e *ExtendedACL) Decode(r Record) error {
	*e = ExtendedACL{}
	if r.Format != FormatExtendedACL {
		return ErrFormat
	}
	if len(r.Body) < 12 {
		return ErrTruncated
	}
	name, b, err := decodeOpaque(r.Body[4:])
	if err != nil {
		return err
	}
	if len(b) < 4 {
		return ErrTruncated
	}
	e.Number = be.Uint32(r.Body)
	e.Name = name
	e.Direction = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedACL) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedACL)
	b = be.AppendUint32(b, e.Number)
	b = appendOpaque(b, e.Name)
	b = be.AppendUint32(b, e.Direction)
	return endRecord(b, at)
}
