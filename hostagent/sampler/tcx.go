package sampler

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"
)

// tcx samples with an eBPF program at the entry of the traffic control layer. It
// counts every packet, so its pool is exact. The program is made here, of
// instructions, and needs no compiler.
type tcx struct {
	rate, counts, samples *ebpf.Map
	programs              []*ebpf.Program
	links                 []link.Link
	reader                *ringbuf.Reader
	record                ringbuf.Record
	perCPU                []uint64
	lost                  uint64 // drops told already
	room                  int
	index                 uint32
	home                  int   // any socket of the namespace
	boot                  int64 // Unix nanoseconds of the monotonic clock's zero
}

// A sample in the ring: a head in the machine's byte order, then the packet.
const (
	tcxLength  = 0  // of the packet
	tcxRate    = 4  // it was chosen at
	tcxKept    = 8  // octets that follow the head
	tcxTagged  = 12 // 1: a VLAN tag was taken from the bytes
	tcxTCI     = 16
	tcxTPID    = 20 // in network order
	tcxPacket  = 24 // PACKET_HOST, PACKET_OUTGOING, ...
	tcxAt      = 32 // nanoseconds of the monotonic clock
	tcxHead    = 40
	tcxRecord  = 8 // what the ring itself adds
	countPool  = 0
	countDrops = 1
)

// Offsets in struct __sk_buff.
const (
	skbLen         = 0
	skbPacketType  = 4
	skbVLANPresent = 20
	skbVLANTCI     = 24
	skbVLANProto   = 28
	tcxNext        = -1 // let the packet go on
)

// openTCX attaches the program to an interface, with room for so many samples.
// Nothing passes before choose. The caller closes it.
func openTCX(ifIndex, frames int, snap uint32, dirs Direction) (_ *tcx, err error) {
	t := &tcx{perCPU: make([]uint64, 0, 64), index: uint32(ifIndex), home: -1}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.home, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	size := os.Getpagesize()
	for size < frames*(int(snap)+tcxHead+tcxRecord) {
		size *= 2
	}
	t.room = size / (int(snap) + tcxHead + tcxRecord)
	for _, m := range []struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&t.rate, ebpf.MapSpec{Name: "weir_rate", Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1}},
		{&t.counts, ebpf.MapSpec{Name: "weir_counts", Type: ebpf.PerCPUArray, KeySize: 4, ValueSize: 8, MaxEntries: 2}},
		{&t.samples, ebpf.MapSpec{Name: "weir_samples", Type: ebpf.RingBuf, MaxEntries: uint32(size)}},
	} {
		if *m.to, err = ebpf.NewMap(&m.spec); err != nil {
			return nil, fmt.Errorf("eBPF map: %w", err)
		}
	}
	for _, side := range []struct {
		want   Direction
		attach ebpf.AttachType
	}{{Ingress, ebpf.AttachTCXIngress}, {Egress, ebpf.AttachTCXEgress}} {
		if dirs&side.want == 0 {
			continue
		}
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "weir_sample", Type: ebpf.SchedCLS, License: "GPL", Instructions: t.instructions(int32(snap), side.want),
		})
		if err != nil {
			return nil, fmt.Errorf("eBPF program: %w", err)
		}
		t.programs = append(t.programs, p)
		l, err := link.AttachTCX(link.TCXOptions{Interface: ifIndex, Program: p, Attach: side.attach})
		if err != nil {
			return nil, fmt.Errorf("TCX (Linux 6.6 and later): %w", err)
		}
		t.links = append(t.links, l)
	}
	if t.reader, err = ringbuf.NewReader(t.samples); err != nil {
		return nil, fmt.Errorf("eBPF ring: %w", err)
	}
	t.reader.SetDeadline(time.Unix(1, 0)) // never wait: epoll does
	t.setBoot()
	return t, nil
}

// instructions returns the program: count, draw, and copy what was drawn.
func (t *tcx) instructions(snap int32, side Direction) asm.Instructions {
	// Registers that calls keep: R6 the packet, R7 the sample, R8 the rate, R9
	// octets to copy. The counters' key is on the stack.
	lookup := func(m *ebpf.Map, key int64) asm.Instructions {
		return asm.Instructions{
			asm.StoreImm(asm.RFP, -4, key, asm.Word),
			asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
			asm.LoadMapPtr(asm.R1, m.FD()),
			asm.FnMapLookupElem.Call(),
			asm.JEq.Imm(asm.R0, 0, "pass"),
		}
	}
	increment := asm.Instructions{
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord), asm.Add.Imm(asm.R1, 1), asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
	}
	field := func(from, to int16) asm.Instructions {
		return asm.Instructions{asm.LoadMem(asm.R1, asm.R6, from, asm.Word), asm.StoreMem(asm.R7, to, asm.R1, asm.Word)}
	}
	var p asm.Instructions
	add := func(more ...asm.Instruction) { p = append(p, more...) }

	add(asm.Mov.Reg(asm.R6, asm.R1))
	add(lookup(t.counts, countPool)...)
	add(increment...)
	add(lookup(t.rate, 0)...)
	add(asm.LoadMem(asm.R8, asm.R0, 0, asm.Word), asm.JEq.Imm(asm.R8, 0, "pass"),
		asm.FnGetPrandomU32.Call(), asm.Mod.Reg32(asm.R0, asm.R8), asm.JNE.Imm(asm.R0, 0, "pass"))
	add(asm.LoadMem(asm.R9, asm.R6, skbLen, asm.Word), asm.JEq.Imm(asm.R9, 0, "pass"),
		asm.JLE.Imm(asm.R9, snap, "cut"), asm.Mov.Imm(asm.R9, snap))
	add(asm.LoadMapPtr(asm.R1, t.samples.FD()).WithSymbol("cut"), asm.Mov.Imm(asm.R2, tcxHead+snap), asm.Mov.Imm(asm.R3, 0),
		asm.FnRingbufReserve.Call(), asm.JNE.Imm(asm.R0, 0, "room"))
	add(lookup(t.counts, countDrops)...)
	add(increment...)
	add(asm.Ja.Label("pass"))
	add(asm.Mov.Reg(asm.R7, asm.R0).WithSymbol("room"),
		asm.StoreMem(asm.R7, tcxRate, asm.R8, asm.Word), asm.StoreMem(asm.R7, tcxKept, asm.R9, asm.Word))
	add(field(skbLen, tcxLength)...)
	add(field(skbVLANPresent, tcxTagged)...)
	add(field(skbVLANTCI, tcxTCI)...)
	add(field(skbVLANProto, tcxTPID)...)
	if side == Egress { // the packet's own type says how it once came
		add(asm.StoreImm(asm.R7, tcxPacket, unix.PACKET_OUTGOING, asm.Word))
	} else {
		add(field(skbPacketType, tcxPacket)...)
	}
	add(asm.FnKtimeGetNs.Call(), asm.StoreMem(asm.R7, tcxAt, asm.R0, asm.DWord))
	add(asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, 0), asm.Mov.Reg(asm.R3, asm.R7), asm.Add.Imm(asm.R3, tcxHead),
		asm.Mov.Reg(asm.R4, asm.R9), asm.FnSkbLoadBytes.Call(), asm.JEq.Imm(asm.R0, 0, "submit"))
	add(asm.Mov.Reg(asm.R1, asm.R7), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufDiscard.Call(), asm.Ja.Label("pass"))
	add(asm.Mov.Reg(asm.R1, asm.R7).WithSymbol("submit"), asm.Mov.Imm(asm.R2, 0), asm.FnRingbufSubmit.Call())
	add(asm.Mov.Imm(asm.R0, tcxNext).WithSymbol("pass"), asm.Return())
	return p
}

func (t *tcx) pollable() int { return t.samples.FD() }

func (t *tcx) size() int { return t.room }

// choose changes the rate of the running program: each sample says at which it
// was chosen. Nothing else of it can be changed.
func (t *tcx) choose(d *draw) error {
	t.setBoot() // rates are looked at every second, and clocks step
	return t.rate.Put(uint32(0), d.rate)
}

func (t *tcx) setBoot() {
	var wall, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &wall) == nil && unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) == nil {
		t.boot = wall.Nano() - mono.Nano()
	}
}

func (t *tcx) read(f *frame) bool {
	if err := t.reader.ReadInto(&t.record); err != nil {
		return false
	}
	b := t.record.RawSample
	if len(b) < tcxHead {
		return false
	}
	ne := binary.NativeEndian
	kept := min(int(ne.Uint32(b[tcxKept:])), len(b)-tcxHead)
	at := uint64(int64(ne.Uint64(b[tcxAt:])) + t.boot)
	*f = frame{
		rate: ne.Uint32(b[tcxRate:]), data: b[tcxHead : tcxHead+kept], length: ne.Uint32(b[tcxLength:]),
		sec: uint32(at / 1e9), ns: uint32(at % 1e9),
		tci: uint16(ne.Uint32(b[tcxTCI:])), tpi: htons(uint16(ne.Uint32(b[tcxTPID:]))),
		packet: uint8(ne.Uint32(b[tcxPacket:])), hardware: unix.ARPHRD_ETHER,
	}
	if ne.Uint32(b[tcxTagged:]) != 0 {
		f.status = unix.TP_STATUS_VLAN_VALID | unix.TP_STATUS_VLAN_TPID_VALID
	}
	return true
}

func (t *tcx) release(*frame) {}

func (t *tcx) sum(key uint32) uint64 {
	if err := t.counts.Lookup(key, &t.perCPU); err != nil {
		return 0
	}
	n := uint64(0)
	for _, v := range t.perCPU {
		n += v
	}
	return n
}

func (t *tcx) counted() (uint64, bool) { return t.sum(countPool), true }

func (t *tcx) dropped() uint32 {
	n := t.sum(countDrops)
	d := uint32(n - t.lost)
	t.lost = n
	return d
}

// fault asks whether the interface is still in the namespace the program was
// attached in: it goes along when the interface moves.
func (t *tcx) fault() error {
	r, err := unix.NewIfreq("x")
	if err != nil {
		return err
	}
	r.SetUint32(t.index)
	if err := unix.IoctlIfreq(t.home, unix.SIOCGIFNAME, r); errors.Is(err, unix.ENODEV) {
		return ErrGone
	}
	return nil
}

func (t *tcx) close() {
	var errs []error
	for _, l := range t.links {
		errs = append(errs, l.Close())
	}
	if t.reader != nil {
		errs = append(errs, t.reader.Close())
	}
	for _, p := range t.programs {
		errs = append(errs, p.Close())
	}
	for _, m := range []*ebpf.Map{t.rate, t.counts, t.samples} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	if t.home >= 0 {
		errs = append(errs, unix.Close(t.home))
	}
	_ = errors.Join(errs...) // closing a descriptor leaves nothing to be done about it
}
