package sflow

// FormatEthernetCounters is counter record 0:2.
const FormatEthernetCounters Format = 2

// EthernetCounters is an ethernet_counters (counter record 0:2): frames in
// error by kind, the dot3StatsTable of the EtherLike-MIB (RFC 2358).
type EthernetCounters struct {
	AlignmentErrors           Counter32 `json:"dot3_stats_alignment_errors"`
	FCSErrors                 Counter32 `json:"dot3_stats_fcs_errors"`
	SingleCollisionFrames     Counter32 `json:"dot3_stats_single_collision_frames"`
	MultipleCollisionFrames   Counter32 `json:"dot3_stats_multiple_collision_frames"`
	SQETestErrors             Counter32 `json:"dot3_stats_sqe_test_errors"`
	DeferredTransmissions     Counter32 `json:"dot3_stats_deferred_transmissions"`
	LateCollisions            Counter32 `json:"dot3_stats_late_collisions"`
	ExcessiveCollisions       Counter32 `json:"dot3_stats_excessive_collisions"`
	InternalMACTransmitErrors Counter32 `json:"dot3_stats_internal_mac_transmit_errors"`
	CarrierSenseErrors        Counter32 `json:"dot3_stats_carrier_sense_errors"`
	FrameTooLongs             Counter32 `json:"dot3_stats_frame_too_longs"`
	InternalMACReceiveErrors  Counter32 `json:"dot3_stats_internal_mac_receive_errors"`
	SymbolErrors              Counter32 `json:"dot3_stats_symbol_errors"`
}

const ethernetCountersLen = 52

// Decode reads the record; bytes after the known fields are ignored.
func (c *EthernetCounters) Decode(r Record) error {
	*c = EthernetCounters{}
	if r.Format != FormatEthernetCounters {
		return ErrFormat
	}
	if len(r.Body) < ethernetCountersLen {
		return ErrTruncated
	}
	b := r.Body[:ethernetCountersLen]
	c.AlignmentErrors = Counter32(be.Uint32(b))
	c.FCSErrors = Counter32(be.Uint32(b[4:]))
	c.SingleCollisionFrames = Counter32(be.Uint32(b[8:]))
	c.MultipleCollisionFrames = Counter32(be.Uint32(b[12:]))
	c.SQETestErrors = Counter32(be.Uint32(b[16:]))
	c.DeferredTransmissions = Counter32(be.Uint32(b[20:]))
	c.LateCollisions = Counter32(be.Uint32(b[24:]))
	c.ExcessiveCollisions = Counter32(be.Uint32(b[28:]))
	c.InternalMACTransmitErrors = Counter32(be.Uint32(b[32:]))
	c.CarrierSenseErrors = Counter32(be.Uint32(b[36:]))
	c.FrameTooLongs = Counter32(be.Uint32(b[40:]))
	c.InternalMACReceiveErrors = Counter32(be.Uint32(b[44:]))
	c.SymbolErrors = Counter32(be.Uint32(b[48:]))
	return nil
}

// Append appends the record with its format and length.
func (c *EthernetCounters) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatEthernetCounters)
	b = be.AppendUint32(b, uint32(c.AlignmentErrors))
	b = be.AppendUint32(b, uint32(c.FCSErrors))
	b = be.AppendUint32(b, uint32(c.SingleCollisionFrames))
	b = be.AppendUint32(b, uint32(c.MultipleCollisionFrames))
	b = be.AppendUint32(b, uint32(c.SQETestErrors))
	b = be.AppendUint32(b, uint32(c.DeferredTransmissions))
	b = be.AppendUint32(b, uint32(c.LateCollisions))
	b = be.AppendUint32(b, uint32(c.ExcessiveCollisions))
	b = be.AppendUint32(b, uint32(c.InternalMACTransmitErrors))
	b = be.AppendUint32(b, uint32(c.CarrierSenseErrors))
	b = be.AppendUint32(b, uint32(c.FrameTooLongs))
	b = be.AppendUint32(b, uint32(c.InternalMACReceiveErrors))
	b = be.AppendUint32(b, uint32(c.SymbolErrors))
	return endRecord(b, at)
}
