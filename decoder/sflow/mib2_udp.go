package sflow

// FormatMIB2UDPGroup is counter record 0:2010.
const FormatMIB2UDPGroup Format = 2010

// MIB2UDPGroup is a mib2_udp_group (counter record 0:2010, sflow_host_ip.txt):
// the udp group of a host's MIB-II (RFC 1213).
type MIB2UDPGroup struct {
	InDatagrams  Counter32 `json:"udp_in_datagrams"`
	NoPorts      Counter32 `json:"udp_no_ports"`
	InErrors     Counter32 `json:"udp_in_errors"`
	OutDatagrams Counter32 `json:"udp_out_datagrams"`
	RcvbufErrors Counter32 `json:"udp_rcvbuf_errors"`
	SndbufErrors Counter32 `json:"udp_sndbuf_errors"`
	InCsumErrors Counter32 `json:"udp_in_csum_errors"`
}

const mib2UDPGroupLen = 28

// Decode reads the record; bytes after the known fields are ignored.
func (c *MIB2UDPGroup) Decode(r Record) error {
	*c = MIB2UDPGroup{}
	if r.Format != FormatMIB2UDPGroup {
		return ErrFormat
	}
	if len(r.Body) < mib2UDPGroupLen {
		return ErrTruncated
	}
	b := r.Body[:mib2UDPGroupLen]
	c.InDatagrams = Counter32(be.Uint32(b))
	c.NoPorts = Counter32(be.Uint32(b[4:]))
	c.InErrors = Counter32(be.Uint32(b[8:]))
	c.OutDatagrams = Counter32(be.Uint32(b[12:]))
	c.RcvbufErrors = Counter32(be.Uint32(b[16:]))
	c.SndbufErrors = Counter32(be.Uint32(b[20:]))
	c.InCsumErrors = Counter32(be.Uint32(b[24:]))
	return nil
}

// Append appends the record with its format and length.
func (c *MIB2UDPGroup) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatMIB2UDPGroup)
	b = be.AppendUint32(b, uint32(c.InDatagrams))
	b = be.AppendUint32(b, uint32(c.NoPorts))
	b = be.AppendUint32(b, uint32(c.InErrors))
	b = be.AppendUint32(b, uint32(c.OutDatagrams))
	b = be.AppendUint32(b, uint32(c.RcvbufErrors))
	b = be.AppendUint32(b, uint32(c.SndbufErrors))
	b = be.AppendUint32(b, uint32(c.InCsumErrors))
	return endRecord(b, at)
}
