package sflow

import "net/netip"

// FormatExtendedGateway is flow record 0:1003.
const FormatExtendedGateway Format = 1003

// ExtendedGateway is an extended_gateway (flow record 0:1003): the BGP route of
// the packet.
type ExtendedGateway struct {
	NextHop     netip.Addr `json:"nexthop"`     // border router; zero where the agent sent address type 0
	AS          uint32     `json:"as"`          // of the router itself
	SrcAS       uint32     `json:"src_as"`      // of the source
	SrcPeerAS   uint32     `json:"src_peer_as"` // of the peer the source is reached through
	DstASPath   ASPath     `json:"dst_as_path"` // to the destination; refers to the record's bytes
	Communities Words      `json:"communities"` // refers to the record's bytes
	LocalPref   uint32     `json:"localpref"`
}

// Decode reads the record; bytes after the known fields are ignored, but
// four zero bytes after an address type 0 are taken as its address where the
// record's length fits only then. DstASPath and Communities refer to r.Body.
func (e *ExtendedGateway) Decode(r Record) error {
	*e = ExtendedGateway{}
	if r.Format != FormatExtendedGateway {
		return ErrFormat
	}
	rest, err := e.decode(r.Body, decodeAddress)
	if err != nil || len(rest) > 0 {
		var filled ExtendedGateway
		if rest, err := filled.decode(r.Body, decodeFilled); err == nil && len(rest) == 0 {
			*e = filled
			return nil
		}
	}
	return err
}

// decode returns what follows the known fields; e is set only without an error.
func (e *ExtendedGateway) decode(b []byte, address addressDecoder) (rest []byte, err error) {
	hop, b, err := address(b)
	if err != nil {
		return nil, err
	}
	if len(b) < 12 {
		return nil, ErrTruncated
	}
	as := b[:12]
	path, b, err := decodeASPath(b[12:])
	if err != nil {
		return nil, err
	}
	communities, b, err := decodeWords(b)
	if err != nil {
		return nil, err
	}
	if len(b) < 4 {
		return nil, ErrTruncated
	}
	e.NextHop = hop
	e.AS = be.Uint32(as)
	e.SrcAS = be.Uint32(as[4:])
	e.SrcPeerAS = be.Uint32(as[8:])
	e.DstASPath = path
	e.Communities = communities
	e.LocalPref = be.Uint32(b)
	return b[4:], nil
}

// DstAS returns the AS of the destination, the last of the path, and that of
// the peer it is reached through, the first; 0 where the path is empty: the
// destination is in the router's own AS.
func (e *ExtendedGateway) DstAS() (dst, peer uint32) {
	for s := range e.DstASPath.Segments() {
		n := s.ASNs.Len()
		if n == 0 {
			continue
		}
		if peer == 0 {
			peer = s.ASNs.At(0)
		}
		dst = s.ASNs.At(n - 1)
	}
	return dst, peer
}

// Append appends the record with its format and length.
func (e *ExtendedGateway) Append(b []byte) []byte {
	b, at := beginRecord(b, FormatExtendedGateway)
	b = appendAddress(b, e.NextHop)
	b = be.AppendUint32(b, e.AS)
	b = be.AppendUint32(b, e.SrcAS)
	b = be.AppendUint32(b, e.SrcPeerAS)
	b = appendASPath(b, e.DstASPath)
	b = appendWords(b, e.Communities)
	b = be.AppendUint32(b, e.LocalPref)
	return endRecord(b, at)
}
