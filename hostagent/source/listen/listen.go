// Package listen hears a few kinds of packets on many interfaces, every one of
// them: what passes is chosen by a filter in the kernel. It takes only so many
// from one interface at a time, so that nobody who floods them makes the agent
// work or the others wait; what is too much is dropped by the kernel and counted.
package listen

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Config says what is heard.
type Config struct {
	// Filter chooses the packets of Ethernet frames; its result is how many
	// octets are kept.
	Filter []bpf.Instruction
	// Protocol is the EtherType to ask the kernel for: 0 is every packet.
	Protocol uint16
	// Group is a multicast address that the interfaces must take; zero none.
	Group [6]byte
	// Each is given each packet, in Run's goroutine. frame is valid until it
	// returns. It must not call the Listener.
	Each func(ifIndex uint32, frame []byte)
}

// Bounds.
const (
	frameLen  = 2048                  // octets kept of a frame at most
	turn      = 32                    // packets read from one interface before the next one's turn
	nap       = 10 * time.Millisecond // between two rounds
	rcvBuffer = 64 << 10              // octets
)

// Listener hears packets. Make it with New, say where with Set, and let Run do
// it.
type Listener struct {
	cfg   Config
	epoll int

	mu      sync.Mutex
	fds     map[uint32]int // socket of an interface
	dropped uint64
	closed  bool
}

// New returns a Listener that hears nothing yet.
func New(cfg Config) (*Listener, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &Listener{cfg: cfg, epoll: fd, fds: map[uint32]int{}}, nil
}

// Set says on which interfaces to listen from now on, in the network namespace of
// the calling thread. Those that were listened to before and are gone must be
// left out; one that failed is tried again. It returns the first failure that
// remains.
func (l *Listener) Set(indexes []uint32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	want := make(map[uint32]bool, len(indexes))
	var first error
	for _, i := range indexes {
		want[i] = true
		if _, ok := l.fds[i]; ok {
			continue
		}
		fd, err := l.open(i)
		if errors.Is(err, unix.ENODEV) {
			continue // gone since it was listed
		}
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		l.fds[i] = fd
	}
	for i, fd := range l.fds {
		if !want[i] {
			l.close(i, fd)
		}
	}
	return first
}

// Dropped returns how many packets were too much since it was asked last. Of those
// that were so at the end of Run it is asked after it.
func (l *Listener) Dropped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fd := range l.fds {
		l.count(fd)
	}
	n := l.dropped
	l.dropped = 0
	return n
}

func (l *Listener) count(fd int) {
	if s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		l.dropped += uint64(s.Drops)
	}
}

func (l *Listener) close(i uint32, fd int) {
	l.count(fd)
	_ = unix.Close(fd)
	delete(l.fds, i)
}

func (l *Listener) open(ifIndex uint32) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("packet socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	raw, err := bpf.Assemble(l.cfg.Filter)
	if err != nil {
		return fd, err
	}
	f := make([]unix.SockFilter, len(raw))
	for k, r := range raw {
		f[k] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}); err != nil {
		return fd, fmt.Errorf("packet filter: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, rcvBuffer)
	// What leaves the interface is not looked for; kernels before 4.20 show it
	// all the same.
	_ = unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1)
	if l.cfg.Group != [6]byte{} {
		m := unix.PacketMreq{Ifindex: int32(ifIndex), Type: unix.PACKET_MR_MULTICAST, Alen: 6}
		copy(m.Address[:], l.cfg.Group[:])
		if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &m); err != nil {
			return fd, fmt.Errorf("multicast on interface %d: %w", ifIndex, err)
		}
	}
	protocol := l.cfg.Protocol
	if protocol == 0 {
		protocol = unix.ETH_P_ALL
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: int(ifIndex)}); err != nil {
		return fd, fmt.Errorf("packet socket: interface %d: %w", ifIndex, err)
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd), Pad: int32(ifIndex)}
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fd, fmt.Errorf("epoll: %w", err)
	}
	return fd, nil
}

// Run hears until ctx is done, and then closes everything.
func (l *Listener) Run(ctx context.Context) error {
	defer l.shut()
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	defer unix.Close(wake)
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wake)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		_, _ = unix.Write(wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	})
	defer func() {
		if !stop() {
			<-stopped // it must not write to another file of the same number
		}
	}()
	events := make([]unix.EpollEvent, 64)
	buf := make([]byte, frameLen)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(l.epoll, events, -1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for i := range max(n, 0) {
			l.read(&events[i], buf)
		}
		if n > 0 {
			time.Sleep(nap)
		}
	}
	return nil
}

// read takes a turn of packets from one interface.
func (l *Listener) read(e *unix.EpollEvent, buf []byte) {
	index, fd := uint32(e.Pad), int(e.Fd)
	l.mu.Lock() // for the whole turn: Set must not close what is being read
	defer l.mu.Unlock()
	if current, ok := l.fds[index]; !ok || current != fd {
		return // closed since
	}
	if e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		_, _ = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if a, err := unix.Getsockname(fd); err == nil {
			if ll, ok := a.(*unix.SockaddrLinklayer); ok && ll.Ifindex <= 0 {
				l.close(index, fd)
				return
			}
		}
	}
	for range turn {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return
		}
		l.cfg.Each(index, buf[:n])
	}
}

func (l *Listener) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, fd := range l.fds {
		l.close(i, fd)
	}
	l.closed = true
	_ = unix.Close(l.epoll)
}
