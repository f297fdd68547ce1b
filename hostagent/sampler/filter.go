package sampler

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// program returns the filter of a packet socket that lets one packet in rate
// pass, chosen by the kernel's random numbers, cut to snap octets. Rate 0 lets
// nothing pass. The draw comes last: it is the dearest step.
func program(rate, snap uint32, dirs Direction) []bpf.Instruction {
	if rate == 0 {
		return []bpf.Instruction{bpf.RetConstant{Val: 0}}
	}
	var p []bpf.Instruction
	if dirs != Ingress|Egress {
		out, in := uint8(1), uint8(0) // instructions to skip: egress wants the outgoing ones
		if dirs == Ingress {
			out, in = 0, 1
		}
		p = append(p,
			bpf.LoadExtension{Num: bpf.ExtType},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.PACKET_OUTGOING, SkipTrue: out, SkipFalse: in},
			bpf.RetConstant{Val: 0},
		)
	}
	if rate > 1 {
		p = append(p,
			bpf.LoadExtension{Num: bpf.ExtRand},
			bpf.ALUOpConstant{Op: bpf.ALUOpMod, Val: rate},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
			bpf.RetConstant{Val: 0},
		)
	}
	return append(p, bpf.RetConstant{Val: snap})
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
