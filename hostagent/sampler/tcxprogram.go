package sampler

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// A sample in the ring: a head in the machine's byte order, then the packet.
const (
	tcxLength  = 0  // of the packet
	tcxRate    = 4  // it was chosen at
	tcxKept    = 8  // octets that follow the head
	tcxTagged  = 12 // 1: a VLAN tag was taken from the bytes
	tcxTCI     = 16
	tcxTPID    = 20 // in network order
	tcxPacket  = 24 // PACKET_HOST, PACKET_OUTGOING, ...
	tcxControl = 28 // 1: a control frame, and no sample
	tcxAt      = 32 // nanoseconds of the monotonic clock
	tcxHead    = 40
	tcxRecord  = 8 // what the ring itself adds
)

// The state is in slots that share no line of a processor's cache: first what is
// wanted, then one of each processor.
const (
	tcxSlot       = 64
	tcxSlotShift  = 6
	wantedRate    = 0 // 4 octets; 0: nothing is chosen
	wantedControl = 4 // 4 octets; 1: control frames pass undrawn

	statePool  = 0  // packets looked at, 8 octets
	stateDrops = 8  // samples for which there was no room, 8 octets
	stateLeft  = 16 // packets up to the next sample, 4 octets
	statePlace = 20 // of that sample in its block, from 1, 4 octets
	stateRate  = 24 // the length of the block, 4 octets; 0: none yet
)

// tcxSlots returns how many processors there may be, rounded up to a power of
// two: the program finds its slot by a mask.
func tcxSlots() (int, error) {
	n, err := ebpf.PossibleCPU()
	if err != nil {
		return 0, fmt.Errorf("processors: %w", err)
	}
	slots := 1
	for slots < n {
		slots *= 2
	}
	return slots, nil
}

// Offsets in struct __sk_buff.
const (
	skbLen         = 0
	skbPacketType  = 4
	skbProtocol    = 16 // in network order
	skbVLANPresent = 20
	skbVLANTCI     = 24
	skbVLANProto   = 28
	skbData        = 76
	skbDataEnd     = 80
	tcxNext        = -1 // let the packet go on
)

// assembler collects the instructions of the program. It is made here, of
// instructions, and needs no compiler.
//
// Of each block of rate packets one is chosen, at a random place: one packet in
// rate, each with the same chance, and the processor only counts down to it. To
// draw each packet on its own would cost every one of them a call.
//
// Registers that calls keep: R6 the packet, R7 the state, R8 the wanted rate, R9
// a sample in the ring. On the stack: the sample's rate at -8, the octets to copy
// at -16.
type assembler struct {
	t    *tcx
	p    asm.Instructions
	next string // label of the next instruction
}

func (a *assembler) add(more ...asm.Instruction) {
	if a.next != "" && len(more) > 0 {
		more[0] = more[0].WithSymbol(a.next)
		a.next = ""
	}
	a.p = append(a.p, more...)
}

func (a *assembler) label(name string) { a.next = name }

// tcxProgram returns the program: count, choose, and copy what was chosen.
func tcxProgram(t *tcx, snap int32, side Direction, slots int) asm.Instructions {
	a := &assembler{t: t}
	a.add(asm.Mov.Reg(asm.R6, asm.R1),
		asm.FnGetSmpProcessorId.Call(), asm.And.Imm(asm.R0, int32(slots-1)), asm.LSh.Imm(asm.R0, tcxSlotShift),
		asm.LoadMapValue(asm.R7, t.state.FD(), tcxSlot), asm.Add.Reg(asm.R7, asm.R0),
		asm.LoadMem(asm.R1, asm.R7, statePool, asm.DWord), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R7, statePool, asm.R1, asm.DWord),
		asm.LoadMapValue(asm.R1, t.state.FD(), 0),
		asm.LoadMem(asm.R8, asm.R1, wantedRate, asm.Word), asm.JEq.Imm(asm.R8, 0, "pass"))
	if side == Ingress {
		a.add(asm.LoadMem(asm.R1, asm.R1, wantedControl, asm.Word), asm.JEq.Imm(asm.R1, 0, "count"))
		a.control()
		a.label("control")
		a.add(asm.StoreImm(asm.RFP, -8, 0, asm.Word))
		a.copy("c", controlSnap, side, 1)
	}
	a.label("count")
	a.count()
	a.copy("s", snap, side, 0)
	a.label("pass")
	a.add(asm.Mov.Imm(asm.R0, tcxNext), asm.Return())
	return a.p
}

// count goes on to the next instruction where the packet is chosen, its rate on
// the stack. A finer rate begins a new block at once, a coarser one with the next
// block: so no packet's chance depends on what was chosen before.
func (a *assembler) count() {
	place := func() {
		a.add(asm.FnGetPrandomU32.Call(), asm.Mod.Reg32(asm.R0, asm.R8), asm.Add.Imm32(asm.R0, 1),
			asm.StoreMem(asm.R7, statePlace, asm.R0, asm.Word))
	}
	a.add(asm.LoadMem(asm.R1, asm.R7, stateRate, asm.Word),
		asm.JEq.Imm(asm.R1, 0, "anew"), asm.JGE.Reg(asm.R8, asm.R1, "left"))
	a.label("anew")
	a.add(asm.StoreMem(asm.R7, stateRate, asm.R8, asm.Word))
	place()
	a.add(asm.StoreMem(asm.R7, stateLeft, asm.R0, asm.Word))
	a.label("left")
	a.add(asm.LoadMem(asm.R1, asm.R7, stateLeft, asm.Word), asm.Sub.Imm(asm.R1, 1),
		asm.StoreMem(asm.R7, stateLeft, asm.R1, asm.Word), asm.JNE.Imm(asm.R1, 0, "pass"))
	// Up to the sample of the next block: the rest of this one, and its place there.
	a.add(asm.LoadMem(asm.R9, asm.R7, stateRate, asm.Word), asm.StoreMem(asm.RFP, -8, asm.R9, asm.Word),
		asm.LoadMem(asm.R1, asm.R7, statePlace, asm.Word), asm.Sub.Reg(asm.R9, asm.R1),
		asm.StoreMem(asm.R7, stateRate, asm.R8, asm.Word))
	place()
	a.add(asm.Add.Reg(asm.R0, asm.R9), asm.StoreMem(asm.R7, stateLeft, asm.R0, asm.Word))
}

// control goes on to "control" for the frames that isControl names, else to
// "count". What is not in the packet's linear part is none.
func (a *assembler) control() {
	network := func(v uint16) int32 { return int32(htons(v)) } // memory is read in the machine's order
	within := func(octets int32) {
		a.add(asm.Mov.Reg(asm.R4, asm.R2), asm.Add.Imm(asm.R4, octets), asm.JGT.Reg(asm.R4, asm.R3, "count"))
	}
	a.add(asm.LoadMem(asm.R1, asm.R6, skbProtocol, asm.Word), asm.JEq.Imm(asm.R1, network(unix.ETH_P_ARP), "control"),
		asm.LoadMem(asm.R2, asm.R6, skbData, asm.Word), asm.LoadMem(asm.R3, asm.R6, skbDataEnd, asm.Word),
		asm.JEq.Imm(asm.R1, network(unix.ETH_P_IPV6), "six"), asm.JNE.Imm(asm.R1, network(unix.ETH_P_IP), "count"))
	within(14 + 20)
	a.add(asm.LoadMem(asm.R1, asm.R2, 23, asm.Byte), asm.JNE.Imm(asm.R1, unix.IPPROTO_UDP, "count"),
		asm.LoadMem(asm.R1, asm.R2, 20, asm.Half), asm.And.Imm(asm.R1, network(fragmentOffset)), asm.JNE.Imm(asm.R1, 0, "count"),
		asm.LoadMem(asm.R1, asm.R2, 14, asm.Byte), asm.And.Imm(asm.R1, 0xf), asm.LSh.Imm(asm.R1, 2), asm.Add.Reg(asm.R2, asm.R1))
	within(14 + 4)
	a.add(asm.LoadMem(asm.R1, asm.R2, 14+2, asm.Half), asm.JEq.Imm(asm.R1, network(dhcpServer), "control"), asm.Ja.Label("count"))
	a.label("six")
	within(ip6Payload + 4)
	a.add(asm.LoadMem(asm.R1, asm.R2, ip6+6, asm.Byte), asm.JEq.Imm(asm.R1, unix.IPPROTO_ICMPV6, "icmp"), asm.JNE.Imm(asm.R1, unix.IPPROTO_UDP, "count"),
		asm.LoadMem(asm.R1, asm.R2, ip6Payload+2, asm.Half), asm.JEq.Imm(asm.R1, network(dhcp6Server), "control"), asm.Ja.Label("count"))
	a.label("icmp")
	a.add(asm.LoadMem(asm.R1, asm.R2, ip6Payload, asm.Byte), asm.JNE.Imm(asm.R1, neighbourSolicitation, "count"),
		asm.LoadMem(asm.R1, asm.R2, ip6+8, asm.Word), asm.JNE.Imm(asm.R1, 0, "count"))
}

// copy puts the packet's start into the ring and goes on to the next instruction
// for a control frame, else to "pass". name begins the labels.
func (a *assembler) copy(name string, snap int32, side Direction, control int64) {
	end := "pass"
	if control != 0 {
		end = "count"
	}
	field := func(from, to int16) {
		a.add(asm.LoadMem(asm.R1, asm.R6, from, asm.Word), asm.StoreMem(asm.R9, to, asm.R1, asm.Word))
	}
	label := func(l string) string { return fmt.Sprintf("%s_%s", name, l) }
	a.add(asm.LoadMem(asm.R1, asm.R6, skbLen, asm.Word), asm.JEq.Imm(asm.R1, 0, end),
		asm.JLE.Imm(asm.R1, snap, label("short")), asm.Mov.Imm(asm.R1, snap))
	a.label(label("short"))
	a.add(asm.StoreMem(asm.RFP, -16, asm.R1, asm.DWord),
		asm.LoadMapPtr(asm.R1, a.t.samples.FD()), asm.Mov.Imm(asm.R2, tcxHead+snap), asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(), asm.JNE.Imm(asm.R0, 0, label("room")))
	if control == 0 {
		a.add(asm.LoadMem(asm.R1, asm.R7, stateDrops, asm.DWord), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R7, stateDrops, asm.R1, asm.DWord))
	}
	a.add(asm.Ja.Label(end))
	a.label(label("room"))
	a.add(asm.Mov.Reg(asm.R9, asm.R0),
		asm.LoadMem(asm.R1, asm.RFP, -8, asm.Word), asm.StoreMem(asm.R9, tcxRate, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, -16, asm.DWord), asm.StoreMem(asm.R9, tcxKept, asm.R1, asm.Word),
		asm.StoreImm(asm.R9, tcxControl, control, asm.Word))
	field(skbLen, tcxLength)
	field(skbVLANPresent, tcxTagged)
	field(skbVLANTCI, tcxTCI)
	field(skbVLANProto, tcxTPID)
	if side == Egress { // the packet's own type says how it once came
		a.add(asm.StoreImm(asm.R9, tcxPacket, unix.PACKET_OUTGOING, asm.Word))
	} else {
		field(skbPacketType, tcxPacket)
	}
	a.add(asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.R9, tcxAt, asm.R0, asm.DWord),
		asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.R9), asm.Add.Imm(asm.R3, tcxHead),
		asm.LoadMem(asm.R4, asm.RFP, -16, asm.DWord), asm.FnSkbLoadBytes.Call(), asm.JEq.Imm(asm.R0, 0, label("submit")),
		asm.Mov.Reg(asm.R1, asm.R9), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufDiscard.Call(), asm.Ja.Label(end))
	a.label(label("submit"))
	a.add(asm.Mov.Reg(asm.R1, asm.R9), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufSubmit.Call(), asm.Ja.Label(end))
}
