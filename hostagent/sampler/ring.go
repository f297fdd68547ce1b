package sampler

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ring is a packet socket whose accepted packets the kernel writes into frames
// of memory shared with us (TPACKET_V2). A frame costs no system call, and the
// memory is the same however large the packets are.
type ring struct {
	fd        int
	mem       []byte
	frameSize int
	frames    int
	next      int // the frame to be read next
}

// intake is where the samples of one interface come from.
type intake interface {
	// pollable returns what epoll waits for.
	pollable() int
	// choose sets which packets pass.
	choose(d *draw) error
	// read fills f with the next sample, and says false where there is none. The
	// frame's bytes stay until release.
	read(f *frame) bool
	release(f *frame)
	// dropped returns how many chosen packets found no room since the last call.
	dropped() uint32
	// counted returns how many packets could have been chosen since the
	// beginning, where that is known.
	counted() (packets uint64, ok bool)
	// fault returns why there will be no more samples, nil where there will.
	fault() error
	// size returns how many samples there is room for.
	size() int
	close()
}

// frame is one sample as the kernel hands it over.
type frame struct {
	at       int    // in the ring
	rate     uint32 // it was chosen at; 0: the one set
	draw     drawing
	data     []byte // the captured start of the packet
	length   uint32 // of the packet
	sec, ns  uint32 // when the kernel took it
	status   uint32
	tci, tpi uint16 // the tag that was taken from the bytes; see tagged
	packet   uint8  // PACKET_HOST, PACKET_OUTGOING, ...
	hardware uint16 // ARPHRD_*
}

// drawing says how a frame came to be chosen.
type drawing uint8

const (
	unknown drawing = iota // a control frame passed undrawn, any other was drawn
	drawn
	undrawn // a control frame, and no sample: that it may be as well is another frame
)

// tagged reports whether the frame had a VLAN tag that is not in its bytes.
func (f *frame) tagged() bool { return f.status&unix.TP_STATUS_VLAN_VALID != 0 }

// tpid returns the tag's EtherType.
func (f *frame) tpid() uint16 {
	if f.status&unix.TP_STATUS_VLAN_TPID_VALID != 0 {
		return f.tpi
	}
	return unix.ETH_P_8021Q
}

// ringHeadroom is what a frame holds before the packet's bytes.
const ringHeadroom = 80

// openRing opens the ring of an interface with room for frames packets of snap
// octets. Nothing passes before choose. The caller closes it.
func openRing(ifIndex int, frames int, snap uint32) (_ *ring, err error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("packet socket: %w", err)
	}
	r := &ring{fd: fd, frames: frames, frameSize: 512}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	for r.frameSize < int(snap)+ringHeadroom {
		r.frameSize *= 2
	}
	if err := attach(fd, (&draw{}).program()); err != nil {
		return nil, fmt.Errorf("packet filter: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return nil, fmt.Errorf("packet ring: %w", err)
	}
	// Whole frames fill whole blocks, so that frame i begins at i times its size.
	block := max(unix.Getpagesize(), r.frameSize)
	blocks := max(1, frames*r.frameSize/block)
	r.frames = blocks * block / r.frameSize
	req := unix.TpacketReq{Block_size: uint32(block), Block_nr: uint32(blocks), Frame_size: uint32(r.frameSize), Frame_nr: uint32(r.frames)}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &req); err != nil {
		return nil, fmt.Errorf("packet ring of %d frames: %w", r.frames, err)
	}
	r.mem, err = unix.Mmap(fd, 0, block*blocks, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("packet ring: %w", err)
	}
	err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: ifIndex})
	if err != nil {
		return nil, fmt.Errorf("packet socket: interface %d: %w", ifIndex, err)
	}
	return r, nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func (r *ring) pollable() int { return r.fd }

func (r *ring) size() int { return r.frames }

// counted knows nothing: a packet socket counts what the filter accepts.
func (r *ring) counted() (uint64, bool) { return 0, false }

func (r *ring) choose(d *draw) error {
	if d.rate > 0 && d.dirs == Ingress {
		// Where the kernel can skip outgoing packets, it need not clone them for
		// us. Older ones (before 4.20) leave it to the filter.
		_ = unix.SetsockoptInt(r.fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	}
	return attach(r.fd, d.program())
}

func (r *ring) read(f *frame) bool {
	at := r.next * r.frameSize
	h := (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.mem[at]))
	f.status = atomic.LoadUint32(&h.Status)
	if f.status&unix.TP_STATUS_USER == 0 {
		return false
	}
	f.at, f.rate, f.draw = at, 0, unknown
	mac, n := int(h.Mac), int(h.Snaplen)
	end := min(mac+n, r.frameSize)
	f.data = r.mem[at+min(mac, end) : at+end : at+end]
	f.length, f.sec, f.ns = h.Len, h.Sec, h.Nsec
	f.tci, f.tpi = h.Vlan_tci, h.Vlan_tpid
	sll := (*unix.RawSockaddrLinklayer)(unsafe.Pointer(&r.mem[at+int(unsafe.Sizeof(*h))]))
	f.packet, f.hardware = sll.Pkttype, sll.Hatype
	if r.next++; r.next == r.frames {
		r.next = 0
	}
	return true
}

// release gives a frame back to the kernel.
func (r *ring) release(f *frame) {
	atomic.StoreUint32((*uint32)(unsafe.Pointer(&r.mem[f.at])), unix.TP_STATUS_KERNEL)
}

func (r *ring) dropped() uint32 {
	s, err := unix.GetsockoptTpacketStats(r.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0
	}
	return s.Drops
}

// ErrGone says that the interface sampled is no longer in its namespace.
var ErrGone = errors.New("interface is gone")

// fault takes the socket's pending error: nil where it goes on (an interface
// that is down comes back by itself), ErrGone where it never will.
func (r *ring) fault() error {
	_, _ = unix.GetsockoptInt(r.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	a, err := unix.Getsockname(r.fd)
	if err != nil {
		return err
	}
	if l, ok := a.(*unix.SockaddrLinklayer); ok && l.Ifindex <= 0 {
		return ErrGone
	}
	return nil
}

func (r *ring) close() {
	if r.mem != nil {
		_ = unix.Munmap(r.mem)
	}
	_ = unix.Close(r.fd)
}
