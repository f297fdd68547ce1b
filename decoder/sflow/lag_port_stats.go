package sflow

// FormatLAGPortStats is counter record 0:7.
const FormatLAGPortStats Format = 7

// LAGPortStats is a lag_port_stats (counter record 0:7, sflow_lag.txt): the
// LACP state of one member of a link aggregation group (IEEE8023-LAG-MIB).
type LAGPortStats struct {
	ActorSystemID        MAC       `json:"dot3ad_agg_port_actor_system_id"`
	PartnerOperSystemID  MAC       `json:"dot3ad_agg_port_partner_oper_system_id"`
	AttachedAggID        uint32    `json:"dot3ad_agg_port_attached_agg_id"` // ifIndex of the group; 0 none
	ActorAdminState      uint8     `json:"dot3ad_agg_port_actor_admin_state"`
	ActorOperState       uint8     `json:"dot3ad_agg_port_actor_oper_state"` // LACPActivity and the other bits below
	PartnerAdminState    uint8     `json:"dot3ad_agg_port_partner_admin_state"`
	PartnerOperState     uint8     `json:"dot3ad_agg_port_partner_oper_state"`
	LACPDUsRx            Counter32 `json:"dot3ad_agg_port_stats_lacpdus_rx"`
	MarkerPDUsRx         Counter32 `json:"dot3ad_agg_port_stats_marker_pdus_rx"`
	MarkerResponsePDUsRx Counter32 `json:"dot3ad_agg_port_stats_marker_response_pdus_rx"`
	UnknownRx            Counter32 `json:"dot3ad_agg_port_stats_unknown_rx"`
	IllegalRx            Counter32 `json:"dot3ad_agg_port_stats_illegal_rx"`
	LACPDUsTx            Counter32 `json:"dot3ad_agg_port_stats_lacpdus_tx"`
	MarkerPDUsTx         Counter32 `json:"dot3ad_agg_port_stats_marker_pdus_tx"`
	MarkerResponsePDUsTx Counter32 `json:"dot3ad_agg_port_stats_marker_response_pdus_tx"`
}

// Bits of the four state fields (IEEE 802.1AX, LacpState, least significant
// bit first).
const (
	LACPActivity        = 1 << iota // active, not passive
	LACPTimeout                     // short timeout
	LACPAggregation                 // may be aggregated
	LACPSynchronization             // in the right group
	LACPCollecting                  // frames are received
	LACPDistributing                // frames are sent
	LACPDefaulted                   // partner's values are defaults, none was heard
	LACPExpired                     // partner has fallen silent
)

const (
	lagPortStatsPacked = 52 // two addresses of 6 bytes
	lagPortStatsLen    = 56 // two addresses padded to 8 bytes
)

// Decode reads the record. The specification pads an address to 8 bytes, and
// Open vSwitch and host agents do so; some encoders write 6. The record's
// length tells which: below 56 bytes the addresses are packed. Bytes after the
// known fields are ignored.
func (c *LAGPortStats) Decode(r Record) error {
	*c = LAGPortStats{}
	if r.Format != FormatLAGPortStats {
		return ErrFormat
	}
	if len(r.Body) < lagPortStatsPacked {
		return ErrTruncated
	}
	mac := 6
	if len(r.Body) >= lagPortStatsLen {
		mac = 8
	}
	c.ActorSystemID = MAC(r.Body[:6])
	c.PartnerOperSystemID = MAC(r.Body[mac : mac+6])
	b := r.Body[2*mac : 2*mac+40]
	c.AttachedAggID = be.Uint32(b)
	c.ActorAdminState = b[4]
	c.ActorOperState = b[5]
	c.PartnerAdminState = b[6]
	c.PartnerOperState = b[7]
	c.LACPDUsRx = Counter32(be.Uint32(b[8:]))
	c.MarkerPDUsRx = Counter32(be.Uint32(b[12:]))
	c.MarkerResponsePDUsRx = Counter32(be.Uint32(b[16:]))
	c.UnknownRx = Counter32(be.Uint32(b[20:]))
	c.IllegalRx = Counter32(be.Uint32(b[24:]))
	c.LACPDUsTx = Counter32(be.Uint32(b[28:]))
	c.MarkerPDUsTx = Counter32(be.Uint32(b[32:]))
	c.MarkerResponsePDUsTx = Counter32(be.Uint32(b[36:]))
	return nil
}

// Append appends the record with its format and length, the addresses padded.
func (c *LAGPortStats) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatLAGPortStats)
	b = appendPaddedMAC(b, c.ActorSystemID)
	b = appendPaddedMAC(b, c.PartnerOperSystemID)
	b = be.AppendUint32(b, c.AttachedAggID)
	b = append(b, c.ActorAdminState, c.ActorOperState, c.PartnerAdminState, c.PartnerOperState)
	b = be.AppendUint32(b, uint32(c.LACPDUsRx))
	b = be.AppendUint32(b, uint32(c.MarkerPDUsRx))
	b = be.AppendUint32(b, uint32(c.MarkerResponsePDUsRx))
	b = be.AppendUint32(b, uint32(c.UnknownRx))
	b = be.AppendUint32(b, uint32(c.IllegalRx))
	b = be.AppendUint32(b, uint32(c.LACPDUsTx))
	b = be.AppendUint32(b, uint32(c.MarkerPDUsTx))
	b = be.AppendUint32(b, uint32(c.MarkerResponsePDUsTx))
	return endRecord(b, at)
}

// appendPaddedMAC appends an address the way XDR wants it: padded to 8 bytes.
func appendPaddedMAC(b []byte, m MAC) []byte {
	return append(append(b, m[:]...), 0, 0)
}
