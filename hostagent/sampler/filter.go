package sampler

import (
	"encoding/binary"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// draw is how the filter of a packet socket chooses.
type draw struct {
	rate    uint32 // one packet in rate; 0 none at all
	snap    uint32 // octets kept of those drawn
	dirs    Direction
	control bool // ARP, DHCP requests and claims of IPv6 addresses pass undrawn
}

// controlSnap is how many octets are kept of control frames: up to a DHCP message's
// first options.
const controlSnap = 400

// program returns the filter: one packet in rate passes, chosen by the kernel's
// random numbers. The draw comes last: it is the dearest step.
func (d *draw) program() []bpf.Instruction {
	if d.rate == 0 {
		return []bpf.Instruction{bpf.RetConstant{Val: 0}}
	}
	var p []bpf.Instruction
	if d.dirs != Ingress|Egress {
		out, in := uint8(1), uint8(0) // instructions to skip: egress wants the outgoing ones
		if d.dirs == Ingress {
			out, in = 0, 1
		}
		p = append(p,
			bpf.LoadExtension{Num: bpf.ExtType},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: out, SkipFalse: in},
			bpf.RetConstant{Val: 0},
		)
	}
	if d.control {
		p = append(p,
			bpf.LoadAbsolute{Off: 12, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: 7},
			bpf.LoadAbsolute{Off: 23, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipFalse: 17},
			bpf.LoadAbsolute{Off: 20, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: fragmentOffset, SkipTrue: 15},
			bpf.LoadMemShift{Off: 14},
			bpf.LoadIndirect{Off: 14 + 2, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: dhcpServer, SkipTrue: 11, SkipFalse: 12},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 10},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipFalse: 10},
			bpf.LoadAbsolute{Off: ip6 + 6, Size: 1}, // next header
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipFalse: 2},
			bpf.LoadAbsolute{Off: ip6Payload + 2, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: dhcp6Server, SkipTrue: 5, SkipFalse: 6},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipFalse: 5},
			bpf.LoadAbsolute{Off: ip6Payload, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: neighbourSolicitation, SkipFalse: 3},
			bpf.LoadAbsolute{Off: ip6 + 8, Size: 4}, // of its source: zero while an address is claimed
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 1},
			bpf.RetConstant{Val: controlSnap},
		)
	}
	if d.rate > 1 {
		p = append(p,
			bpf.LoadExtension{Num: bpf.ExtRand},
			bpf.JumpIf{Cond: bpf.JumpLessThan, Val: uint32(1 << 32 / uint64(d.rate)), SkipTrue: 1},
			bpf.RetConstant{Val: 0},
		)
	}
	return append(p, bpf.RetConstant{Val: d.snap})
}

const (
	fragmentOffset = 0x1fff
	dhcpServer     = 67
	dhcp6Server    = 547

	ip6                   = 14 // offset of an IPv6 header
	ip6Payload            = ip6 + 40
	neighbourSolicitation = 135 // of ICMPv6
)

// isControl reports whether the filter let a frame pass undrawn: it must say the
// same.
func isControl(b []byte) bool {
	if len(b) < 14 {
		return false
	}
	switch binary.BigEndian.Uint16(b[12:]) {
	case unix.ETH_P_ARP:
		return true
	case unix.ETH_P_IP:
	case unix.ETH_P_IPV6:
		return isControl6(b)
	default:
		return false
	}
	if len(b) < 24 || b[23] != unix.IPPROTO_UDP || binary.BigEndian.Uint16(b[20:])&fragmentOffset != 0 {
		return false
	}
	at := 14 + int(b[14]&0xf)*4 + 2
	return len(b) >= at+2 && binary.BigEndian.Uint16(b[at:]) == dhcpServer
}

func isControl6(b []byte) bool {
	if len(b) < ip6Payload+4 {
		return false
	}
	switch b[ip6+6] {
	case unix.IPPROTO_UDP:
		return binary.BigEndian.Uint16(b[ip6Payload+2:]) == dhcp6Server
	case unix.IPPROTO_ICMPV6:
		return b[ip6Payload] == neighbourSolicitation && binary.BigEndian.Uint32(b[ip6+8:]) == 0
	}
	return false
}

// attach replaces the filter of a socket.
func attach(fd int, p []bpf.Instruction) error {
	raw, err := bpf.Assemble(p)
	if err != nil {
		return err
	}
	f := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		f[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]})
}
