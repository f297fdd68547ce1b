package sflow

// FormatIfCounters is counter record 0:1.
const FormatIfCounters Format = 1

// IfCounters is an if_counters (counter record 0:1): generic interface
// counters (RFC 2233).
type IfCounters struct {
	Index            uint32    `json:"if_index"`
	Type             uint32    `json:"if_type"`
	Speed            uint64    `json:"if_speed"`     // bit/s; hypervisors guess it
	Direction        uint32    `json:"if_direction"` // 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out
	Status           uint32    `json:"if_status"`    // bit 0 admin up, bit 1 oper up
	InOctets         Counter64 `json:"if_in_octets"`
	InUcastPkts      Counter32 `json:"if_in_ucast_pkts"`
	InMulticastPkts  Counter32 `json:"if_in_multicast_pkts"`
	InBroadcastPkts  Counter32 `json:"if_in_broadcast_pkts"`
	InDiscards       Counter32 `json:"if_in_discards"`
	InErrors         Counter32 `json:"if_in_errors"`
	InUnknownProtos  Counter32 `json:"if_in_unknown_protos"`
	OutOctets        Counter64 `json:"if_out_octets"`
	OutUcastPkts     Counter32 `json:"if_out_ucast_pkts"`
	OutMulticastPkts Counter32 `json:"if_out_multicast_pkts"`
	OutBroadcastPkts Counter32 `json:"if_out_broadcast_pkts"`
	OutDiscards      Counter32 `json:"if_out_discards"`
	OutErrors        Counter32 `json:"if_out_errors"`
	PromiscuousMode  Counter32 `json:"if_promiscuous_mode"`
}

const ifCountersLen = 88

// Decode reads the record; bytes after the known fields are ignored.
func (c *IfCounters) Decode(r Record) error {
	*c = IfCounters{}
	if r.Format != FormatIfCounters {
		return ErrFormat
	}
	if len(r.Body) < ifCountersLen {
		return ErrTruncated
	}
	b := r.Body[:ifCountersLen]
	c.Index = be.Uint32(b)
	c.Type = be.Uint32(b[4:])
	c.Speed = be.Uint64(b[8:])
	c.Direction = be.Uint32(b[16:])
	c.Status = be.Uint32(b[20:])
	c.InOctets = Counter64(be.Uint64(b[24:]))
	c.InUcastPkts = Counter32(be.Uint32(b[32:]))
	c.InMulticastPkts = Counter32(be.Uint32(b[36:]))
	c.InBroadcastPkts = Counter32(be.Uint32(b[40:]))
	c.InDiscards = Counter32(be.Uint32(b[44:]))
	c.InErrors = Counter32(be.Uint32(b[48:]))
	c.InUnknownProtos = Counter32(be.Uint32(b[52:]))
	c.OutOctets = Counter64(be.Uint64(b[56:]))
	c.OutUcastPkts = Counter32(be.Uint32(b[64:]))
	c.OutMulticastPkts = Counter32(be.Uint32(b[68:]))
	c.OutBroadcastPkts = Counter32(be.Uint32(b[72:]))
	c.OutDiscards = Counter32(be.Uint32(b[76:]))
	c.OutErrors = Counter32(be.Uint32(b[80:]))
	c.PromiscuousMode = Counter32(be.Uint32(b[84:]))
	return nil
}

// Append appends the record with its format and length.
func (c *IfCounters) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatIfCounters)
	b = be.AppendUint32(b, c.Index)
	b = be.AppendUint32(b, c.Type)
	b = be.AppendUint64(b, c.Speed)
	b = be.AppendUint32(b, c.Direction)
	b = be.AppendUint32(b, c.Status)
	b = be.AppendUint64(b, uint64(c.InOctets))
	for _, v := range [...]Counter32{c.InUcastPkts, c.InMulticastPkts, c.InBroadcastPkts, c.InDiscards, c.InErrors, c.InUnknownProtos} {
		b = be.AppendUint32(b, uint32(v))
	}
	b = be.AppendUint64(b, uint64(c.OutOctets))
	for _, v := range [...]Counter32{c.OutUcastPkts, c.OutMulticastPkts, c.OutBroadcastPkts, c.OutDiscards, c.OutErrors, c.PromiscuousMode} {
		b = be.AppendUint32(b, uint32(v))
	}
	return endRecord(b, at)
}
