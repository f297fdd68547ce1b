package sflow

// FormatMIB2IPGroup is counter record 0:2007.
const FormatMIB2IPGroup Format = 2007

// MIB2IPGroup is a mib2_ip_group (counter record 0:2007, sflow_host_ip.txt):
// the ip group of a host's MIB-II (RFC 1213).
type MIB2IPGroup struct {
	Forwarding      uint32    `json:"ip_forwarding"`  // 1 forwarding, 2 not
	DefaultTTL      uint32    `json:"ip_default_ttl"` // hops
	InReceives      Counter32 `json:"ip_in_receives"`
	InHdrErrors     Counter32 `json:"ip_in_hdr_errors"`
	InAddrErrors    Counter32 `json:"ip_in_addr_errors"`
	ForwDatagrams   Counter32 `json:"ip_forw_datagrams"`
	InUnknownProtos Counter32 `json:"ip_in_unknown_protos"`
	InDiscards      Counter32 `json:"ip_in_discards"`
	InDelivers      Counter32 `json:"ip_in_delivers"`
	OutRequests     Counter32 `json:"ip_out_requests"`
	OutDiscards     Counter32 `json:"ip_out_discards"`
	OutNoRoutes     Counter32 `json:"ip_out_no_routes"`
	ReasmTimeout    uint32    `json:"ip_reasm_timeout"` // seconds
	ReasmReqds      Counter32 `json:"ip_reasm_reqds"`
	ReasmOKs        Counter32 `json:"ip_reasm_oks"`
	ReasmFails      Counter32 `json:"ip_reasm_fails"`
	FragOKs         Counter32 `json:"ip_frag_oks"`
	FragFails       Counter32 `json:"ip_frag_fails"`
	FragCreates     Counter32 `json:"ip_frag_creates"`
}

const mib2IPGroupLen = 76

// Decode reads the record; bytes after the known fields are ignored.
func (c *MIB2IPGroup) Decode(r Record) error {
	*c = MIB2IPGroup{}
	if r.Format != FormatMIB2IPGroup {
		return ErrFormat
	}
	if len(r.Body) < mib2IPGroupLen {
		return ErrTruncated
	}
	b := r.Body[:mib2IPGroupLen]
	c.Forwarding = be.Uint32(b)
	c.DefaultTTL = be.Uint32(b[4:])
	c.InReceives = Counter32(be.Uint32(b[8:]))
	c.InHdrErrors = Counter32(be.Uint32(b[12:]))
	c.InAddrErrors = Counter32(be.Uint32(b[16:]))
	c.ForwDatagrams = Counter32(be.Uint32(b[20:]))
	c.InUnknownProtos = Counter32(be.Uint32(b[24:]))
	c.InDiscards = Counter32(be.Uint32(b[28:]))
	c.InDelivers = Counter32(be.Uint32(b[32:]))
	c.OutRequests = Counter32(be.Uint32(b[36:]))
	c.OutDiscards = Counter32(be.Uint32(b[40:]))
	c.OutNoRoutes = Counter32(be.Uint32(b[44:]))
	c.ReasmTimeout = be.Uint32(b[48:])
	c.ReasmReqds = Counter32(be.Uint32(b[52:]))
	c.ReasmOKs = Counter32(be.Uint32(b[56:]))
	c.ReasmFails = Counter32(be.Uint32(b[60:]))
	c.FragOKs = Counter32(be.Uint32(b[64:]))
	c.FragFails = Counter32(be.Uint32(b[68:]))
	c.FragCreates = Counter32(be.Uint32(b[72:]))
	return nil
}

// Append appends the record with its format and length.
func (c *MIB2IPGroup) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatMIB2IPGroup)
	b = be.AppendUint32(b, c.Forwarding)
	b = be.AppendUint32(b, c.DefaultTTL)
	b = be.AppendUint32(b, uint32(c.InReceives))
	b = be.AppendUint32(b, uint32(c.InHdrErrors))
	b = be.AppendUint32(b, uint32(c.InAddrErrors))
	b = be.AppendUint32(b, uint32(c.ForwDatagrams))
	b = be.AppendUint32(b, uint32(c.InUnknownProtos))
	b = be.AppendUint32(b, uint32(c.InDiscards))
	b = be.AppendUint32(b, uint32(c.InDelivers))
	b = be.AppendUint32(b, uint32(c.OutRequests))
	b = be.AppendUint32(b, uint32(c.OutDiscards))
	b = be.AppendUint32(b, uint32(c.OutNoRoutes))
	b = be.AppendUint32(b, c.ReasmTimeout)
	b = be.AppendUint32(b, uint32(c.ReasmReqds))
	b = be.AppendUint32(b, uint32(c.ReasmOKs))
	b = be.AppendUint32(b, uint32(c.ReasmFails))
	b = be.AppendUint32(b, uint32(c.FragOKs))
	b = be.AppendUint32(b, uint32(c.FragFails))
	b = be.AppendUint32(b, uint32(c.FragCreates))
	return endRecord(b, at)
}
