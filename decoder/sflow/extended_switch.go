package sflow

// FormatExtendedSwitch is flow record 0:1001.
const FormatExtendedSwitch Format = 1001

// ExtendedSwitch is an extended_switch (flow record 0:1001): the VLANs and
// priorities of the sampled frame, also where it is untagged.
type ExtendedSwitch struct {
	SrcVLAN     uint32 `json:"src_vlan"`     // 802.1Q VLAN id of the incoming frame
	SrcPriority uint32 `json:"src_priority"` // 802.1p priority of the incoming frame
	DstVLAN     uint32 `json:"dst_vlan"`     // 802.1Q VLAN id of the outgoing frame
	DstPriority uint32 `json:"dst_priority"` // 802.1p priority of the outgoing frame
}

const extendedSwitchLen = 16

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedSwitch) Decode(r Record) error {
	*e = ExtendedSwitch{}
	if r.Format != FormatExtendedSwitch {
		return ErrFormat
	}
	if len(r.Body) < extendedSwitchLen {
		return ErrTruncated
	}
	b := r.Body[:extendedSwitchLen]
	e.SrcVLAN = be.Uint32(b)
	e.SrcPriority = be.Uint32(b[4:])
	e.DstVLAN = be.Uint32(b[8:])
	e.DstPriority = be.Uint32(b[12:])
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedSwitch) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedSwitch)
	for _, v := range [...]uint32{e.SrcVLAN, e.SrcPriority, e.DstVLAN, e.DstPriority} {
		b = be.AppendUint32(b, v)
	}
	return endRecord(b, at)
}
