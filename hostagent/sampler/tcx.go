package sampler

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// tcx samples with an eBPF program at the entry of the traffic control layer. It
// counts every packet, so its pool is exact.
type tcx struct {
	state, samples *ebpf.Map
	programs       []*ebpf.Program
	links          []link.Link
	shared         []byte // state, in memory shared with the kernel
	ring           *bpfRing
	lost           uint64 // drops told already
	room           int
	index          uint32
	home           int   // any socket of the namespace
	boot           int64 // Unix nanoseconds of the monotonic clock's zero
	looks          int
}

// openTCX attaches the program to an interface, with room for so many samples.
// Nothing passes before choose. The caller closes it.
func openTCX(ifIndex, frames int, snap uint32, dirs Direction) (_ *tcx, err error) {
	t := &tcx{index: uint32(ifIndex), home: -1}
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
	slots, err := tcxSlots()
	if err != nil {
		return nil, err
	}
	for _, m := range []struct {
		to   **ebpf.Map
		spec ebpf.MapSpec
	}{
		{&t.state, ebpf.MapSpec{Name: "weir_state", Type: ebpf.Array, Flags: unix.BPF_F_MMAPABLE, KeySize: 4, ValueSize: uint32((1 + slots) * tcxSlot), MaxEntries: 1}},
		{&t.samples, ebpf.MapSpec{Name: "weir_samples", Type: ebpf.RingBuf, MaxEntries: uint32(size)}},
	} {
		if *m.to, err = ebpf.NewMap(&m.spec); err != nil {
			return nil, fmt.Errorf("eBPF map: %w", err)
		}
	}
	page := os.Getpagesize()
	if t.shared, err = unix.Mmap(t.state.FD(), 0, ((1+slots)*tcxSlot+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("eBPF map: %w", err)
	}
	t.shared = t.shared[:(1+slots)*tcxSlot]
	for _, side := range []struct {
		want   Direction
		attach ebpf.AttachType
	}{{Ingress, ebpf.AttachTCXIngress}, {Egress, ebpf.AttachTCXEgress}} {
		if dirs&side.want == 0 {
			continue
		}
		p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "weir_sample", Type: ebpf.SchedCLS, License: "GPL", Instructions: tcxProgram(t, int32(snap), side.want, slots),
		})
		if err != nil {
			return nil, fmt.Errorf("eBPF program: %w", err)
		}
		t.programs = append(t.programs, p)
		// Before all others: one that sends packets elsewhere would hide them.
		l, err := link.AttachTCX(link.TCXOptions{Interface: ifIndex, Program: p, Attach: side.attach, Anchor: link.Head()})
		if err != nil {
			return nil, fmt.Errorf("TCX (Linux 6.6 and later): %w", err)
		}
		t.links = append(t.links, l)
	}
	if t.ring, err = openBPFRing(t.samples.FD(), size); err != nil {
		return nil, err
	}
	t.setBoot()
	return t, nil
}

func (t *tcx) pollable() int { return t.samples.FD() }

func (t *tcx) size() int { return t.room }

// choose changes the rate of the running program: each sample says at which it
// was chosen. Directions and length cannot be changed.
func (t *tcx) choose(d *draw) error {
	t.setBoot()
	var control uint32
	if d.control {
		control = 1
	}
	atomic.StoreUint32(t.word(wantedControl), control)
	atomic.StoreUint32(t.word(wantedRate), d.rate)
	return nil
}

func (t *tcx) word(at int) *uint32 { return (*uint32)(unsafe.Pointer(&t.shared[at])) }

// clockEvery is after how many looks the clock is read again: it may be set.
const clockEvery = 16

func (t *tcx) setBoot() {
	var wall, mono unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &wall) == nil && unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) == nil {
		t.boot = wall.Nano() - mono.Nano()
	}
}

func (t *tcx) read(f *frame) bool {
	b := t.ring.read()
	if len(b) < tcxHead {
		return false
	}
	ne := binary.NativeEndian
	kept := min(int(ne.Uint32(b[tcxKept:])), len(b)-tcxHead)
	at := uint64(int64(ne.Uint64(b[tcxAt:])) + t.boot)
	*f = frame{
		rate: ne.Uint32(b[tcxRate:]), draw: drawn, data: b[tcxHead : tcxHead+kept], length: ne.Uint32(b[tcxLength:]),
		sec: uint32(at / 1e9), ns: uint32(at % 1e9),
		tci: uint16(ne.Uint32(b[tcxTCI:])), tpi: htons(uint16(ne.Uint32(b[tcxTPID:]))),
		packet: uint8(ne.Uint32(b[tcxPacket:])), hardware: unix.ARPHRD_ETHER,
	}
	if ne.Uint32(b[tcxControl:]) != 0 {
		f.draw = undrawn
	}
	if ne.Uint32(b[tcxTagged:]) != 0 {
		f.status = unix.TP_STATUS_VLAN_VALID | unix.TP_STATUS_VLAN_TPID_VALID
	}
	return true
}

func (t *tcx) release(*frame) { t.ring.release() }

// sum adds up what the processors counted.
func (t *tcx) sum(at int) (n uint64) {
	for slot := tcxSlot; slot < len(t.shared); slot += tcxSlot {
		n += atomic.LoadUint64((*uint64)(unsafe.Pointer(&t.shared[slot+at])))
	}
	return n
}

func (t *tcx) counted() (uint64, bool) { return t.sum(statePool), true }

func (t *tcx) dropped() uint32 {
	n := t.sum(stateDrops)
	d := uint32(n - t.lost)
	t.lost = n
	return d
}

// fault asks whether the interface is still in the namespace the program was
// attached in: it goes along when the interface moves.
func (t *tcx) fault() error {
	if t.looks++; t.looks%clockEvery == 0 {
		t.setBoot()
	}
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
	if t.ring != nil {
		t.ring.close()
	}
	if t.shared != nil {
		errs = append(errs, unix.Munmap(t.shared[:cap(t.shared)]))
	}
	for _, p := range t.programs {
		errs = append(errs, p.Close())
	}
	for _, m := range []*ebpf.Map{t.state, t.samples} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	if t.home >= 0 {
		errs = append(errs, unix.Close(t.home))
	}
	_ = errors.Join(errs...) // closing a descriptor leaves nothing to be done about it
}
