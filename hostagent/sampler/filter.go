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
	control bool // ARP and DHCP requests pass undrawn
}

// controlSnap is how many octets are kept of ARP and DHCP: up to a DHCP message's
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
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipTrue: 8},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: 8},
			bpf.LoadAbsolute{Off: 23, Size: 1},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_UDP, SkipFalse: 6},
			bpf.LoadAbsolute{Off: 20, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: fragmentOffset, SkipTrue: 4},
			bpf.LoadMemShift{Off: 14},
			bpf.LoadIndirect{Off: 14 + 2, Size: 2},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: dhcpServer, SkipFalse: 1},
			bpf.RetConstant{Val: controlSnap},
		)
	}
	if d.rate > 1 {
		p = append(p,
			bpf.LoadExtension{Num: bpf.ExtRand},
			bpf.ALUOpConstant{Op: bpf.ALUOpMod, Val: d.rate},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
			bpf.RetConstant{Val: 0},
		)
	}
	return append(p, bpf.RetConstant{Val: d.snap})
}

const (
	fragmentOffset = 0x1fff
	dhcpServer     = 67
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
	default:
		return false
	}
	if len(b) < 24 || b[23] != unix.IPPROTO_UDP || binary.BigEndian.Uint16(b[20:])&fragmentOffset != 0 {
		return false
	}
	at := 14 + int(b[14]&0xf)*4 + 2
	return len(b) >= at+2 && binary.BigEndian.Uint16(b[at:]) == dhcpServer
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
