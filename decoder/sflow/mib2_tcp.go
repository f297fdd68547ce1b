package sflow

// FormatMIB2TCPGroup is counter record 0:2009.
const FormatMIB2TCPGroup Format = 2009

// MIB2TCPGroup is a mib2_tcp_group (counter record 0:2009, sflow_host_ip.txt):
// the tcp group of a host's MIB-II (RFC 1213).
type MIB2TCPGroup struct {
	RtoAlgorithm uint32    `json:"tcp_rto_algorithm"` // 1 other, 2 constant, 3 RFC 783, 4 Van Jacobson
	RtoMin       uint32    `json:"tcp_rto_min"`       // milliseconds
	RtoMax       uint32    `json:"tcp_rto_max"`       // milliseconds
	MaxConn      uint32    `json:"tcp_max_conn"`      // all ones (-1): no fixed limit
	ActiveOpens  Counter32 `json:"tcp_active_opens"`
	PassiveOpens Counter32 `json:"tcp_passive_opens"`
	AttemptFails Counter32 `json:"tcp_attempt_fails"`
	EstabResets  Counter32 `json:"tcp_estab_resets"`
	CurrEstab    uint32    `json:"tcp_curr_estab"` // connections now
	InSegs       Counter32 `json:"tcp_in_segs"`
	OutSegs      Counter32 `json:"tcp_out_segs"`
	RetransSegs  Counter32 `json:"tcp_retrans_segs"`
	InErrs       Counter32 `json:"tcp_in_errs"`
	OutRsts      Counter32 `json:"tcp_out_rsts"`
	InCsumErrs   Counter32 `json:"tcp_in_csum_errs"`
}

const mib2TCPGroupLen = 60

// Decode reads the record; bytes after the known fields are ignored.
func (c *MIB2TCPGroup) Decode(r Record) error {
	*c = MIB2TCPGroup{}
	if r.Format != FormatMIB2TCPGroup {
		return ErrFormat
	}
	if len(r.Body) < mib2TCPGroupLen {
		return ErrTruncated
	}
	b := r.Body[:mib2TCPGroupLen]
	c.RtoAlgorithm = be.Uint32(b)
	c.RtoMin = be.Uint32(b[4:])
	c.RtoMax = be.Uint32(b[8:])
	c.MaxConn = be.Uint32(b[12:])
	c.ActiveOpens = Counter32(be.Uint32(b[16:]))
	c.PassiveOpens = Counter32(be.Uint32(b[20:]))
	c.AttemptFails = Counter32(be.Uint32(b[24:]))
	c.EstabResets = Counter32(be.Uint32(b[28:]))
	c.CurrEstab = be.Uint32(b[32:])
	c.InSegs = Counter32(be.Uint32(b[36:]))
	c.OutSegs = Counter32(be.Uint32(b[40:]))
	c.RetransSegs = Counter32(be.Uint32(b[44:]))
	c.InErrs = Counter32(be.Uint32(b[48:]))
	c.OutRsts = Counter32(be.Uint32(b[52:]))
	c.InCsumErrs = Counter32(be.Uint32(b[56:]))
	return nil
}

// Append appends the record with its format and length.
func (c *MIB2TCPGroup) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatMIB2TCPGroup)
	b = be.AppendUint32(b, c.RtoAlgorithm)
	b = be.AppendUint32(b, c.RtoMin)
	b = be.AppendUint32(b, c.RtoMax)
	b = be.AppendUint32(b, c.MaxConn)
	b = be.AppendUint32(b, uint32(c.ActiveOpens))
	b = be.AppendUint32(b, uint32(c.PassiveOpens))
	b = be.AppendUint32(b, uint32(c.AttemptFails))
	b = be.AppendUint32(b, uint32(c.EstabResets))
	b = be.AppendUint32(b, c.CurrEstab)
	b = be.AppendUint32(b, uint32(c.InSegs))
	b = be.AppendUint32(b, uint32(c.OutSegs))
	b = be.AppendUint32(b, uint32(c.RetransSegs))
	b = be.AppendUint32(b, uint32(c.InErrs))
	b = be.AppendUint32(b, uint32(c.OutRsts))
	b = be.AppendUint32(b, uint32(c.InCsumErrs))
	return endRecord(b, at)
}
