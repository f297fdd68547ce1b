package sampler

import "encoding/binary"

// Test frames, built by hand so that what is sent is known to the octet.

var (
	macA = [6]byte{2, 0, 0, 0, 0, 0xa}
	macB = [6]byte{2, 0, 0, 0, 0, 0xb}
)

func ethernet(etherType uint16, payload ...byte) []byte {
	b := append(macB[:len(macB):len(macB)], macA[:]...)
	return append(binary.BigEndian.AppendUint16(b, etherType), payload...)
}

func tag(tpid, tci uint16, frame []byte) []byte {
	b := append([]byte(nil), frame[:12]...)
	b = binary.BigEndian.AppendUint16(b, tpid)
	return append(binary.BigEndian.AppendUint16(b, tci), frame[12:]...)
}

// ipv4 returns a packet of the protocol from 10.9.0.1 to 10.9.0.2.
func ipv4(proto byte, payload []byte) []byte {
	b := []byte{0x45, 0, 0, 0, 0, 1, 0, 0, 64, proto, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2}
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(payload)))
	return append(b, payload...)
}

// ipv6 returns a packet of the protocol from fe80::1 to ff02::2.
func ipv6(proto byte, payload []byte) []byte {
	b := make([]byte, 40)
	b[0], b[6], b[7] = 0x60, proto, 255
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[8], b[9], b[23], b[24], b[25], b[39] = 0xfe, 0x80, 1, 0xff, 2, 2
	return append(b, payload...)
}

func udp(src, dst uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
	return append(append(b, 0, 0), payload...)
}

func tcp(src, dst uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, src)
	b = binary.BigEndian.AppendUint16(b, dst)
	b = append(b, make([]byte, 16)...)
	b[12], b[13] = 8<<4, 2 // 12 octets of options
	return append(append(b, make([]byte, 12)...), payload...)
}

func vxlan(vni uint32, frame []byte) []byte {
	b := []byte{8, 0, 0, 0, byte(vni >> 16), byte(vni >> 8), byte(vni), 0}
	return append(b, frame...)
}

var secret = []byte("what the tenants say is nobody's business, least of all the operator's")
