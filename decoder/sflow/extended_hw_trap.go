package sflow

// FormatExtendedHWTrap is flow record 0:1041.
const FormatExtendedHWTrap Format = 1041

// ExtendedHWTrap is an extended_hw_trap (flow record 0:1041): the Linux devlink
// trap that discarded the packet in hardware.
type ExtendedHWTrap struct {
	Group Text `json:"group"` // NET_DM_ATTR_HW_TRAP_GROUP_NAME; refers to the record's bytes
	Trap  Text `json:"trap"`  // NET_DM_ATTR_HW_TRAP_NAME; refers to the record's bytes
}

// Decode reads the record; bytes after the known fields are ignored. Group and
// Trap refer to r.Body.
func (e *ExtendedHWTrap) Decode(r Record) error {
	*e = ExtendedHWTrap{}
	if r.Format != FormatExtendedHWTrap {
		return ErrFormat
	}
	group, b, err := decodeOpaque(r.Body)
	if err != nil {
		return err
	}
	trap, _, err := decodeOpaque(b)
	if err != nil {
		return err
	}
	e.Group, e.Trap = group, trap
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedHWTrap) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedHWTrap)
	return endRecord(appendOpaque(appendOpaque(b, e.Group), e.Trap), at)
}
