package sflow

// FormatExtendedTCPInfo is flow record 0:2209.
const FormatExtendedTCPInfo Format = 2209

// ExtendedTCPInfo is an extended_tcp_info (flow record 0:2209): the state of
// the TCP connection at a host that is one of its ends, after Linux' struct
// tcp_info.
type ExtendedTCPInfo struct {
	Direction  uint32 `json:"dir"`        // of the sampled packet: DirectionUnknown, DirectionReceived, DirectionSent
	SndMSS     uint32 `json:"snd_mss"`    // octets; cached effective MSS, without SACKs
	RcvMSS     uint32 `json:"rcv_mss"`    // octets; largest received segment
	Unacked    uint32 `json:"unacked"`    // packets in flight
	Lost       uint32 `json:"lost"`       // packets
	Retrans    uint32 `json:"retrans"`    // packets retransmitted
	PMTU       uint32 `json:"pmtu"`       // octets; path MTU last seen
	RTT        uint32 `json:"rtt"`        // microseconds, smoothed
	RTTVar     uint32 `json:"rttvar"`     // microseconds; variance of RTT
	SndCwnd    uint32 `json:"snd_cwnd"`   // packets; sending congestion window
	Reordering uint32 `json:"reordering"` // packets
	MinRTT     uint32 `json:"min_rtt"`    // microseconds
}

const extendedTCPInfoLen = 48

// Decode reads the record; bytes after the known fields are ignored.
func (e *ExtendedTCPInfo) Decode(r Record) error {
	*e = ExtendedTCPInfo{}
	if r.Format != FormatExtendedTCPInfo {
		return ErrFormat
	}
	if len(r.Body) < extendedTCPInfoLen {
		return ErrTruncated
	}
	b := r.Body[:extendedTCPInfoLen]
	e.Direction = be.Uint32(b)
	e.SndMSS = be.Uint32(b[4:])
	e.RcvMSS = be.Uint32(b[8:])
	e.Unacked = be.Uint32(b[12:])
	e.Lost = be.Uint32(b[16:])
	e.Retrans = be.Uint32(b[20:])
	e.PMTU = be.Uint32(b[24:])
	e.RTT = be.Uint32(b[28:])
	e.RTTVar = be.Uint32(b[32:])
	e.SndCwnd = be.Uint32(b[36:])
	e.Reordering = be.Uint32(b[40:])
	e.MinRTT = be.Uint32(b[44:])
	return nil
}

// Append appends the record with its format and length.
func (e *ExtendedTCPInfo) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedTCPInfo)
	for _, v := range [...]uint32{
		e.Direction, e.SndMSS, e.RcvMSS, e.Unacked, e.Lost, e.Retrans,
		e.PMTU, e.RTT, e.RTTVar, e.SndCwnd, e.Reordering, e.MinRTT,
	} {
		b = be.AppendUint32(b, v)
	}
	return endRecord(b, at)
}

// Values of ExtendedTCPInfo.Direction.
const (
	DirectionUnknown  = 0
	DirectionReceived = 1
	DirectionSent     = 2
)
