package packet

const arpLen = 28

// arp reads an ARP or RARP message for IPv4 over Ethernet. Others, and cut
// ones, leave ARP empty.
func (h *Header) arp(l *layer) {
	if len(l.b)-l.at < arpLen {
		return
	}
	b := (*[arpLen]byte)(l.b[l.at:])
	if be.Uint64(b[:])>>16 != 0x0001_0800_06_04 { // hardware and protocol, type and length
		return
	}
	h.ARP.Op = be.Uint16(b[6:])
	if h.ARP.Op == 0 {
		return
	}
	h.ARP.SenderMAC = [6]byte(b[8:])
	h.ARP.SenderIP = [4]byte(b[14:])
	h.ARP.TargetMAC = [6]byte(b[18:])
	h.ARP.TargetIP = [4]byte(b[24:])
	h.PayloadOffset = l.at + arpLen
}
