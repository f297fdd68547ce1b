package sflow

// Flow record formats of the sampled packet itself.
const (
	FormatSampledHeader   Format = 1
	FormatSampledEthernet Format = 2
	FormatSampledIPv4     Format = 3
	FormatSampledIPv6     Format = 4
)

// SampledHeader is a sampled_header (flow record 0:1): the first bytes of the
// packet.
type SampledHeader struct {
	Protocol    uint32 `json:"protocol"`     // header_protocol: 1 Ethernet, 11 IPv4, 12 IPv6; some switches send 0
	FrameLength uint32 `json:"frame_length"` // octets before sampling, with the stripped ones
	Stripped    uint32 `json:"stripped"`     // octets removed from the packet, e.g. the 4 of the FCS
	Header      Opaque `json:"header"`       // refers to the record's bytes
}

// Decode reads the record. Header refers to r.Body. A header length beyond the
// record is ErrLength.
func (h *SampledHeader) Decode(r Record) error {
	*h = SampledHeader{}
	if r.Format != FormatSampledHeader {
		return ErrFormat
	}
	if len(r.Body) < 16 {
		return ErrTruncated
	}
	b := r.Body
	n := uint64(be.Uint32(b[12:]))
	if n > uint64(len(b)-16) {
		return ErrLength
	}
	h.Protocol = be.Uint32(b)
	h.FrameLength = be.Uint32(b[4:])
	h.Stripped = be.Uint32(b[8:])
	h.Header = b[16 : 16+n : 16+n]
	return nil
}

// Append appends the record with its format and length.
func (h *SampledHeader) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatSampledHeader)
	b = be.AppendUint32(b, h.Protocol)
	b = be.AppendUint32(b, h.FrameLength)
	b = be.AppendUint32(b, h.Stripped)
	return endRecord(appendOpaque(b, h.Header), at)
}
