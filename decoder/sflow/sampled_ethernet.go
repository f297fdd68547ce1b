package sflow

// SampledEthernet is a sampled_ethernet (flow record 0:2): the Ethernet header
// of the packet, where its bytes are not available.
type SampledEthernet struct {
	Length uint32 `json:"length"` // octets of the MAC packet, with the FCS
	SrcMAC MAC    `json:"src_mac"`
	DstMAC MAC    `json:"dst_mac"`
	Type   uint32 `json:"type"` // Ethernet type
}

// XDR pads each MAC to 8 bytes; some agents pack them. The length tells.
const (
	sampledEthernetLen       = 24
	sampledEthernetPackedLen = 20
)

// Decode reads the record; bytes after the known fields are ignored. MACs are
// taken as packed where the record is too short for padded ones.
func (e *SampledEthernet) Decode(r Record) error {
	*e = SampledEthernet{}
	if r.Format != FormatSampledEthernet {
		return ErrFormat
	}
	return e.decode(r.Body)
}

func (e *SampledEthernet) decode(b []byte) error {
	switch {
	case len(b) >= sampledEthernetLen:
		b = b[:sampledEthernetLen]
		e.SrcMAC = MAC(b[4:10])
		e.DstMAC = MAC(b[12:18])
		e.Type = be.Uint32(b[20:])
	case len(b) >= sampledEthernetPackedLen:
		e.SrcMAC = MAC(b[4:10])
		e.DstMAC = MAC(b[10:16])
		e.Type = be.Uint32(b[16:])
	default:
		return ErrTruncated
	}
	e.Length = be.Uint32(b)
	return nil
}

// Append appends the record with its format and length, the MACs padded.
func (e *SampledEthernet) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatSampledEthernet)
	return endRecord(e.append(b), at)
}

func (e *SampledEthernet) append(b []byte) []byte {
	b = be.AppendUint32(b, e.Length)
	b = append(append(b, e.SrcMAC[:]...), 0, 0)
	b = append(append(b, e.DstMAC[:]...), 0, 0)
	return be.AppendUint32(b, e.Type)
}
