package neighbour

import "golang.org/x/net/bpf"

const (
	etherIPv4   = 0x0800
	etherARP    = 0x0806
	etherIPv6   = 0x86dd
	protoUDP    = 17
	protoICMPv6 = 58
	serverPort  = 67  // of DHCP
	serverPort6 = 547 // of DHCPv6
	solicit     = 135 // ICMPv6's question for a neighbour
)

// filter keeps whole: ARP, DHCP from clients to servers, and the question for an
// IPv6 address by which a host claims it, which has no source address.
var filter = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 12, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherIPv4, SkipFalse: 7},
	bpf.LoadAbsolute{Off: 23, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoUDP, SkipFalse: 17},
	bpf.LoadAbsolute{Off: 20, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 15}, // a later fragment
	bpf.LoadMemShift{Off: 14},
	bpf.LoadIndirect{Off: 14 + 2, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: serverPort, SkipTrue: 11, SkipFalse: 12},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherARP, SkipTrue: 10},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherIPv6, SkipFalse: 10},
	bpf.LoadAbsolute{Off: 14 + 6, Size: 1}, // next header
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoUDP, SkipFalse: 2},
	bpf.LoadAbsolute{Off: 14 + 40 + 2, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: serverPort6, SkipTrue: 5, SkipFalse: 6},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoICMPv6, SkipFalse: 5},
	bpf.LoadAbsolute{Off: 14 + 40, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: solicit, SkipFalse: 3},
	bpf.LoadAbsolute{Off: 14 + 8, Size: 4}, // the source's first octets
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipFalse: 1},
	bpf.RetConstant{Val: 1 << 16},
	bpf.RetConstant{Val: 0},
}
