package packet

// mpls reads a label stack (RFC 3032) and guesses from the first nibble what
// it carries, which no field tells: IPv4, IPv6, or an Ethernet pseudowire with
// or without its control word, whose first two bytes are 0 (RFC 4448).
func (l *layer) mpls() bool {
	for {
		if len(l.b)-l.at < 4 {
			return false
		}
		e := be.Uint32(l.b[l.at:])
		if l.labels == 0 {
			l.label = e >> 12
		}
		if l.labels < 255 {
			l.labels++
		}
		l.at += 4
		if e&0x100 != 0 { // bottom of the stack
			break
		}
	}
	b := l.b[l.at:]
	if len(b) == 0 {
		return false
	}
	switch {
	case b[0]>>4 == 4 && b[0]&15 >= 5:
		l.etherType = etherTypeIPv4
		return true
	case b[0]>>4 == 6:
		l.etherType = etherTypeIPv6
		return true
	case len(b) < 4+ethernetLen:
		return false // too short to tell the two kinds of pseudowire apart
	case b[0] == 0 && b[1] == 0 && carried(be.Uint16(b[4+12:])):
		l.at += 4
	case carried(be.Uint16(b[12:])):
	default:
		return false
	}
	l.innerMAC = l.at
	l.etherType = be.Uint16(l.b[l.at+12:])
	l.at += ethernetLen
	return true
}

// carried tells an EtherType that makes 14 bytes credible as an Ethernet
// header.
func carried(t uint16) bool {
	switch t {
	case etherTypeIPv4, etherTypeIPv6, etherTypeARP, etherTypeRARP, etherTypeVLAN,
		etherTypeQinQ, etherTypeQinQ91, etherTypeMPLS, etherTypeMPLSUp, etherTypePPPoE:
		return true
	}
	return false
}
