package sflow

// FormatExtendedVNIEgress is flow record 0:1029.
const FormatExtendedVNIEgress Format = 1029

// ExtendedVNIEgress is an extended_vni_egress (flow record 0:1029): the virtual
// network the packet leaves into, sflow_tunnels.txt.
type ExtendedVNIEgress struct {
	VNI uint32 `json:"vni"` // virtual network identifier
}

const extendedVNIEgressLen = 4

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedVNIEgress) Decode(r Record) error {
	*e = ExtendedVNIEgress{}
	if r.Format != FormatExtendedVNIEgress {
		return ErrFormat
	}
	if len(r.Body) < extendedVNIEgressLen {
		return ErrTruncated
	}
	b := r.Body[:extendedVNIEgressLen]
	e.VNI = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedVNIEgress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedVNIEgress)
	b = be.AppendUint32(b, e.VNI)
	return endRecord(b, at)
}

// FormatExtendedVNIIngress is flow record 0:1030.
const FormatExtendedVNIIngress Format = 1030

// ExtendedVNIIngress is an extended_vni_ingress (flow record 0:1030): the
// virtual network the packet came from, sflow_tunnels.txt.
type ExtendedVNIIngress struct {
	VNI uint32 `json:"vni"` // virtual network identifier
}

const extendedVNIIngressLen = 4

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedVNIIngress) Decode(r Record) error {
	*e = ExtendedVNIIngress{}
	if r.Format != FormatExtendedVNIIngress {
		return ErrFormat
	}
	if len(r.Body) < extendedVNIIngressLen {
		return ErrTruncated
	}
	b := r.Body[:extendedVNIIngressLen]
	e.VNI = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedVNIIngress) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedVNIIngress)
	b = be.AppendUint32(b, e.VNI)
	return endRecord(b, at)
}
