package sflow

// FormatExtendedEntities is flow record 0:2210.
const FormatExtendedEntities Format = 2210

// ExtendedEntities is an extended_entities (flow record 0:2210): the entities
// (hosts, virtual machines, services) that are the packet's source and
// destination; 0:0 where unknown.
type ExtendedEntities struct {
	SrcDS DataSource `json:"src_ds"` // of the packet's source
	DstDS DataSource `json:"dst_ds"` // of the packet's destination
}

const extendedEntitiesLen = 16

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedEntities) Decode(r Record) error {
	*e = ExtendedEntities{}
	if r.Format != FormatExtendedEntities {
		return ErrFormat
	}
	if len(r.Body) < extendedEntitiesLen {
		return ErrTruncated
	}
	b := r.Body[:extendedEntitiesLen]
	e.SrcDS = DataSource{be.Uint32(b), be.Uint32(b[4:])}
	e.DstDS = DataSource{be.Uint32(b[8:]), be.Uint32(b[12:])}
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedEntities) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedEntities)
	b = appendSource(b, e.SrcDS, true)
	b = appendSource(b, e.DstDS, true)
	return endRecord(b, at)
}
