package packet

// EtherTypes (IEEE 802 numbers) that are looked into.
const (
	etherTypeMin    = 0x0600 // below: an 802.3 length
	etherTypeIPv4   = 0x0800
	etherTypeARP    = 0x0806
	etherTypeTEB    = 0x6558 // transparent Ethernet bridging: a frame in a tunnel
	etherTypeRARP   = 0x8035
	etherTypeVLAN   = 0x8100 // 802.1Q
	etherTypeIPv6   = 0x86dd
	etherTypeMPLS   = 0x8847
	etherTypeMPLSUp = 0x8848 // upstream-assigned label, multicast
	etherTypePPPoE  = 0x8864 // session stage
	etherTypeQinQ   = 0x88a8 // 802.1ad
	etherTypeQinQ91 = 0x9100 // 802.1ad before it had a number
)

const ethernetLen = 14

// setLink fills in the outermost frame.
func (h *Header) setLink(l *layer) {
	h.DstMAC = [6]byte(l.b[0:6])
	h.SrcMAC = [6]byte(l.b[6:12])
	h.EtherType = l.etherType
	h.VLAN, h.InnerVLAN, h.VLANTags, h.PCP = l.vlan, l.innerVLAN, l.vlanTags, l.pcp
	h.setInner(l)
	h.Depth = DepthLink
	h.PayloadOffset = l.at
}

// ethernet reads the Ethernet header at l.at and all tags and labels after it.
// It reports whether the Ethernet header was complete.
func (l *layer) ethernet() bool {
	if len(l.b)-l.at < ethernetLen {
		return false
	}
	if l.at > 0 {
		l.innerMAC = l.at
	}
	l.etherType = be.Uint16(l.b[l.at+12:])
	l.at += ethernetLen
	if l.etherType != etherTypeIPv4 && l.etherType != etherTypeIPv6 {
		l.tags(l.innerMAC == 0)
	}
	return true
}

// tags reads what stands between an EtherType and a packet. Tags are kept when
// they are the outer frame's.
func (l *layer) tags(outer bool) {
	for {
		ok := false
		switch l.etherType {
		case etherTypeVLAN, etherTypeQinQ, etherTypeQinQ91:
			ok = l.tag(outer)
		case etherTypeMPLS, etherTypeMPLSUp:
			if ok = l.mpls(); ok && l.innerMAC > 0 {
				outer = false // a pseudowire's tags are not the frame's
			}
		case etherTypePPPoE:
			ok = l.pppoe()
		default:
			if l.etherType >= etherTypeMin {
				return
			}
			if ok = l.llc(); ok && l.etherType == 0 {
				return
			}
		}
		if !ok {
			l.cut = true
			return
		}
	}
}

// tag reads the rest of an 802.1Q or 802.1ad tag and the EtherType after it.
func (l *layer) tag(outer bool) bool {
	if len(l.b)-l.at < 4 {
		return false
	}
	b := (*[4]byte)(l.b[l.at:])
	if outer {
		tci := be.Uint16(b[:])
		if l.vlanTags == 0 {
			l.vlan = tci & 0xfff
			l.pcp = uint8(tci >> 13)
		} else {
			l.innerVLAN = tci & 0xfff
		}
		if l.vlanTags < 255 {
			l.vlanTags++
		}
	}
	l.etherType = be.Uint16(b[2:])
	l.at += 4
	return true
}

// llc reads an 802.2 header and finds the EtherType behind it: SNAP with the
// OUI of encapsulated Ethernet (RFC 1042, 802.1H), or the SAP of IP. The
// EtherType is 0 for all else, and padding behind the frame's length is cut off.
func (l *layer) llc() bool {
	if n := int(l.etherType); n > 1500 {
		l.etherType = 0 // neither a length nor a type
		return true
	} else if n < len(l.b)-l.at {
		l.b = l.b[:l.at+n]
	}
	l.etherType = 0
	if len(l.b)-l.at < 3 {
		return false
	}
	b := l.b[l.at:]
	switch {
	case b[0] == 0xaa && b[1] == 0xaa && b[2] == 3:
		if len(b) < 8 {
			return false
		}
		if b[3] == 0 && b[4] == 0 && (b[5] == 0 || b[5] == 0xf8) {
			if t := be.Uint16(b[6:]); t >= etherTypeMin {
				l.etherType = t
			}
		}
		l.at += 8
	case b[0] == 6 && b[1] == 6 && b[2] == 3:
		l.etherType = etherTypeIPv4
		l.at += 3
	default:
		l.at += 3
	}
	return true
}

// pppoe reads a PPPoE session header (RFC 2516) and the PPP protocol after it.
// Control protocols end the packet.
func (l *layer) pppoe() bool {
	b := l.b[l.at:]
	if len(b) < 8 || b[0] != 0x11 || b[1] != 0 {
		return false
	}
	var t uint16
	switch be.Uint16(b[6:]) {
	case 0x0021:
		t = etherTypeIPv4
	case 0x0057:
		t = etherTypeIPv6
	case 0x0281:
		t = etherTypeMPLS
	default:
		return false
	}
	n := int(be.Uint16(b[4:])) // of the PPP frame, its protocol included
	if n < 2 {
		return false
	}
	if n < len(b)-6 {
		l.b = l.b[:l.at+6+n]
	}
	l.etherType = t
	l.at += 8
	return true
}
