package sflow

// FormatVLANCounters is counter record 0:5.
const FormatVLANCounters Format = 5

// VLANCounters is a vlan_counters (counter record 0:5): traffic of one VLAN.
type VLANCounters struct {
	VLANID        uint32    `json:"vlan_id"`
	Octets        Counter64 `json:"octets"`
	UcastPkts     Counter32 `json:"ucast_pkts"`
	MulticastPkts Counter32 `json:"multicast_pkts"`
	BroadcastPkts Counter32 `json:"broadcast_pkts"`
	Discards      Counter32 `json:"discards"`
}

const vlanCountersLen = 28

// Decode reads the record; bytes after the known fields are ignored.
func (c *VLANCounters) Decode(r Record) error {
	*c = VLANCounters{}
	if r.Format != FormatVLANCounters {
		return ErrFormat
	}
	if len(r.Body) < vlanCountersLen {
		return ErrTruncated
	}
	b := r.Body[:vlanCountersLen]
	c.VLANID = be.Uint32(b)
	c.Octets = Counter64(be.Uint64(b[4:]))
	c.UcastPkts = Counter32(be.Uint32(b[12:]))
	c.MulticastPkts = Counter32(be.Uint32(b[16:]))
	c.BroadcastPkts = Counter32(be.Uint32(b[20:]))
	c.Discards = Counter32(be.Uint32(b[24:]))
	return nil
}

// Append appends the record with its format and length.
func (c *VLANCounters) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatVLANCounters)
	b = be.AppendUint32(b, c.VLANID)
	b = be.AppendUint64(b, uint64(c.Octets))
	b = be.AppendUint32(b, uint32(c.UcastPkts))
	b = be.AppendUint32(b, uint32(c.MulticastPkts))
	b = be.AppendUint32(b, uint32(c.BroadcastPkts))
	b = be.AppendUint32(b, uint32(c.Discards))
	return endRecord(b, at)
}
