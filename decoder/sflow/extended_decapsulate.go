package sflow

// FormatExtendedDecapsulateEgress is flow record 0:1027.
const FormatExtendedDecapsulateEgress Format = 1027

// ExtendedDecapsulateEgress is an extended_decapsulate_egress (flow record
// 0:1027): that a tunnel ends here: the inner header begins InnerHeaderOffset
// octets into the sampled header, sflow_tunnels.txt.
type ExtendedDecapsulateEgress struct {
	InnerHeaderOffset uint32 `json:"inner_header_offset"` // octets
}

const extendedDecapsulateEgressLen = 4

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedDecapsulateEgress) Decode(r Record) error {
	*e = ExtendedDecapsulateEgress{}
	if r.Format != FormatExtendedDecapsulateEgress {
		return ErrFormat
	}
	if len(r.Body) < extendedDecapsulateEgressLen {
		return ErrTruncated
	}
	b := r.Body[:extendedDecapsulateEgressLen]
	e.InnerHeaderOffset = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedDecapsulateEgress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedDecapsulateEgress)
	b = be.AppendUint32(b, e.InnerHeaderOffset)
	return endRecord(b, at)
}

// FormatExtendedDecapsulateIngress is flow record 0:1028.
const FormatExtendedDecapsulateIngress Format = 1028

// ExtendedDecapsulateIngress is an extended_decapsulate_ingress (flow record
// 0:1028): that a tunnel began here: the inner header begins InnerHeaderOffset
// octets into the sampled header, sflow_tunnels.txt.
type ExtendedDecapsulateIngress struct {
	InnerHeaderOffset uint32 `json:"inner_header_offset"` // octets
}

const extendedDecapsulateIngressLen = 4

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedDecapsulateIngress) Decode(r Record) error {
	*e = ExtendedDecapsulateIngress{}
	if r.Format != FormatExtendedDecapsulateIngress {
		return ErrFormat
	}
	if len(r.Body) < extendedDecapsulateIngressLen {
		return ErrTruncated
	}
	b := r.Body[:extendedDecapsulateIngressLen]
	e.InnerHeaderOffset = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedDecapsulateIngress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedDecapsulateIngress)
	b = be.AppendUint32(b, e.InnerHeaderOffset)
	return endRecord(b, at)
}
