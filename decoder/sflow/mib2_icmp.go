package sflow

// FormatMIB2ICMPGroup is counter record 0:2008.
const FormatMIB2ICMPGroup Format = 2008

// MIB2ICMPGroup is a mib2_icmp_group (counter record 0:2008,
// sflow_host_ip.txt): the icmp group of a host's MIB-II (RFC 1213). The
// structure leaves out received timestamp replies.
type MIB2ICMPGroup struct {
	InMsgs           Counter32 `json:"icmp_in_msgs"`
	InErrors         Counter32 `json:"icmp_in_errors"`
	InDestUnreachs   Counter32 `json:"icmp_in_dest_unreachs"`
	InTimeExcds      Counter32 `json:"icmp_in_time_excds"`
	InParamProbs     Counter32 `json:"icmp_in_param_probs"`
	InSrcQuenchs     Counter32 `json:"icmp_in_src_quenchs"`
	InRedirects      Counter32 `json:"icmp_in_redirects"`
	InEchos          Counter32 `json:"icmp_in_echos"`
	InEchoReps       Counter32 `json:"icmp_in_echo_reps"`
	InTimestamps     Counter32 `json:"icmp_in_timestamps"`
	InAddrMasks      Counter32 `json:"icmp_in_addr_masks"`
	InAddrMaskReps   Counter32 `json:"icmp_in_addr_mask_reps"`
	OutMsgs          Counter32 `json:"icmp_out_msgs"`
	OutErrors        Counter32 `json:"icmp_out_errors"`
	OutDestUnreachs  Counter32 `json:"icmp_out_dest_unreachs"`
	OutTimeExcds     Counter32 `json:"icmp_out_time_excds"`
	OutParamProbs    Counter32 `json:"icmp_out_param_probs"`
	OutSrcQuenchs    Counter32 `json:"icmp_out_src_quenchs"`
	OutRedirects     Counter32 `json:"icmp_out_redirects"`
	OutEchos         Counter32 `json:"icmp_out_echos"`
	OutEchoReps      Counter32 `json:"icmp_out_echo_reps"`
	OutTimestamps    Counter32 `json:"icmp_out_timestamps"`
	OutTimestampReps Counter32 `json:"icmp_out_timestamp_reps"`
	OutAddrMasks     Counter32 `json:"icmp_out_addr_masks"`
	OutAddrMaskReps  Counter32 `json:"icmp_out_addr_mask_reps"`
}

const mib2ICMPGroupLen = 100

// Decode reads the record; bytes after the known fields are ignored.
func (c *MIB2ICMPGroup) Decode(r Record) error {
	*c = MIB2ICMPGroup{}
	if r.Format != FormatMIB2ICMPGroup {
		return ErrFormat
	}
	if len(r.Body) < mib2ICMPGroupLen {
		return ErrTruncated
	}
	b := r.Body[:mib2ICMPGroupLen]
	c.InMsgs = Counter32(be.Uint32(b))
	c.InErrors = Counter32(be.Uint32(b[4:]))
	c.InDestUnreachs = Counter32(be.Uint32(b[8:]))
	c.InTimeExcds = Counter32(be.Uint32(b[12:]))
	c.InParamProbs = Counter32(be.Uint32(b[16:]))
	c.InSrcQuenchs = Counter32(be.Uint32(b[20:]))
	c.InRedirects = Counter32(be.Uint32(b[24:]))
	c.InEchos = Counter32(be.Uint32(b[28:]))
	c.InEchoReps = Counter32(be.Uint32(b[32:]))
	c.InTimestamps = Counter32(be.Uint32(b[36:]))
	c.InAddrMasks = Counter32(be.Uint32(b[40:]))
	c.InAddrMaskReps = Counter32(be.Uint32(b[44:]))
	c.OutMsgs = Counter32(be.Uint32(b[48:]))
	c.OutErrors = Counter32(be.Uint32(b[52:]))
	c.OutDestUnreachs = Counter32(be.Uint32(b[56:]))
	c.OutTimeExcds = Counter32(be.Uint32(b[60:]))
	c.OutParamProbs = Counter32(be.Uint32(b[64:]))
	c.OutSrcQuenchs = Counter32(be.Uint32(b[68:]))
	c.OutRedirects = Counter32(be.Uint32(b[72:]))
	c.OutEchos = Counter32(be.Uint32(b[76:]))
	c.OutEchoReps = Counter32(be.Uint32(b[80:]))
	c.OutTimestamps = Counter32(be.Uint32(b[84:]))
	c.OutTimestampReps = Counter32(be.Uint32(b[88:]))
	c.OutAddrMasks = Counter32(be.Uint32(b[92:]))
	c.OutAddrMaskReps = Counter32(be.Uint32(b[96:]))
	return nil
}

// Append appends the record with its format and length.
func (c *MIB2ICMPGroup) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatMIB2ICMPGroup)
	b = be.AppendUint32(b, uint32(c.InMsgs))
	b = be.AppendUint32(b, uint32(c.InErrors))
	b = be.AppendUint32(b, uint32(c.InDestUnreachs))
	b = be.AppendUint32(b, uint32(c.InTimeExcds))
	b = be.AppendUint32(b, uint32(c.InParamProbs))
	b = be.AppendUint32(b, uint32(c.InSrcQuenchs))
	b = be.AppendUint32(b, uint32(c.InRedirects))
	b = be.AppendUint32(b, uint32(c.InEchos))
	b = be.AppendUint32(b, uint32(c.InEchoReps))
	b = be.AppendUint32(b, uint32(c.InTimestamps))
	b = be.AppendUint32(b, uint32(c.InAddrMasks))
	b = be.AppendUint32(b, uint32(c.InAddrMaskReps))
	b = be.AppendUint32(b, uint32(c.OutMsgs))
	b = be.AppendUint32(b, uint32(c.OutErrors))
	b = be.AppendUint32(b, uint32(c.OutDestUnreachs))
	b = be.AppendUint32(b, uint32(c.OutTimeExcds))
	b = be.AppendUint32(b, uint32(c.OutParamProbs))
	b = be.AppendUint32(b, uint32(c.OutSrcQuenchs))
	b = be.AppendUint32(b, uint32(c.OutRedirects))
	b = be.AppendUint32(b, uint32(c.OutEchos))
	b = be.AppendUint32(b, uint32(c.OutEchoReps))
	b = be.AppendUint32(b, uint32(c.OutTimestamps))
	b = be.AppendUint32(b, uint32(c.OutTimestampReps))
	b = be.AppendUint32(b, uint32(c.OutAddrMasks))
	b = be.AppendUint32(b, uint32(c.OutAddrMaskReps))
	return endRecord(b, at)
}
