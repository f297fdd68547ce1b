package udp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of a receiver's buffers.
const (
	batchSize  = 64
	bufferSize = 1 << 16 // a UDP payload has at most 65,527 octets
)

// gather is how long a receiver that has just been busy lets datagrams gather
// before it waits for the next one: waking up for every few of them costs a
// tenth of the processor at 100,000 a second. It is far below the 5 ms within
// which a hot flow is looked at.
const gather = 300 * time.Microsecond

// Message is one datagram received.
type Message struct {
	Payload   []byte
	From      netip.AddrPort // IPv4 sources are IPv4 addresses; without zone
	At        time.Time      // when the kernel received it, in the time of the group's Clock
	Truncated bool           // Payload is not all of it
}

// Stats counts what a receiver did since it was opened.
type Stats struct {
	Datagrams     uint64
	Octets        uint64 // of payload
	Batches       uint64 // reads that delivered datagrams
	Truncated     uint64 // datagrams longer than a buffer
	SocketDropped uint64 // thrown away by the kernel at our sockets: no room, or a bad checksum
}

// Receiver reads the datagrams of one shard. Read belongs to one goroutine;
// Wake and Stats are safe for all.
type Receiver struct {
	shard   int
	clock   *Clock
	sockets []socket
	event   int             // eventfd of Wake
	polls   []unix.PollFd   // the sockets, then event
	next    int             // the socket to ask first
	ready   bool            // sockets may hold datagrams: read before blocking
	busy    bool            // the last batch was not small
	msgs    []Message       // of the last batch
	buffers []byte          // batchSize of them
	headers []mmsghdr       // one per buffer
	iovecs  []unix.Iovec    // one per buffer
	names   []sockaddrBytes // one per buffer
	control []controlBytes  // one per buffer
	used    int             // headers the kernel wrote to and that are to be reset

	datagrams, octets, batches, truncated, dropped atomic.Uint64

	closed  atomic.Bool
	reading sync.Mutex // held by Read
	mu      sync.Mutex // guards sockets' drops, and descriptors against close
	gone    bool       // descriptors are closed; under mu
}

// mmsghdr is the kernel's struct mmsghdr.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
	_   [unsafe.Sizeof(uintptr(0)) - 4]byte
}

type sockaddrBytes [unix.SizeofSockaddrInet6]byte

// controlBytes holds one control message with a timespec, aligned as such.
type controlBytes struct {
	hdr  unix.Cmsghdr
	time unix.Timespec
}

func newReceiver(shard int, clock *Clock) (*Receiver, error) {
	event, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	r := &Receiver{
		shard: shard, clock: clock, event: event,
		msgs:    make([]Message, batchSize),
		buffers: make([]byte, batchSize*bufferSize),
		headers: make([]mmsghdr, batchSize),
		iovecs:  make([]unix.Iovec, batchSize),
		names:   make([]sockaddrBytes, batchSize),
		control: make([]controlBytes, batchSize),
		used:    batchSize,
	}
	for i := range r.headers {
		h := &r.headers[i].hdr
		r.iovecs[i].Base = &r.buffers[i*bufferSize]
		r.iovecs[i].SetLen(bufferSize)
		h.Iov = &r.iovecs[i]
		h.SetIovlen(1)
		h.Name = &r.names[i][0]
		h.Control = (*byte)(unsafe.Pointer(&r.control[i]))
	}
	return r, nil
}

func (r *Receiver) add(fd int, now time.Time) {
	r.sockets = append(r.sockets, socket{fd: fd, last: now})
}

func (r *Receiver) start() {
	for _, s := range r.sockets {
		r.polls = append(r.polls, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
	}
	r.polls = append(r.polls, unix.PollFd{Fd: int32(r.event), Events: unix.POLLIN})
	r.ready = true
}

// Read returns the datagrams that wait, at most 64; if there are none it waits
// for one until deadline (the zero Time: for ever) or until Wake is called,
// and then returns an empty batch and no error. After the group was closed
// the error is net.ErrClosed.
//
// The returned slice is valid until the next call, and so are the payloads.
func (r *Receiver) Read(deadline time.Time) ([]Message, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if r.closed.Load() {
		return nil, net.ErrClosed
	}
	if r.ready {
		// Without asking first whether there is something: under load there is.
		if n, err := r.readAny(); n > 0 || err != nil {
			return r.batch(n), err
		}
		if r.busy {
			r.busy = false
			time.Sleep(gather)
			if n, err := r.readAny(); n > 0 || err != nil {
				return r.batch(n), err
			}
		}
		r.ready = false
	}
	woken, err := r.wait(deadline)
	if err != nil {
		return nil, err
	}
	if r.closed.Load() {
		return nil, net.ErrClosed
	}
	if woken || !r.ready {
		return r.msgs[:0], nil
	}
	n, err := r.readAny()
	return r.batch(n), err
}

// batch returns the first n messages, and notes whether so many wait at a time
// that the next wait is better a short sleep.
func (r *Receiver) batch(n int) []Message {
	r.busy = n >= batchSize/4
	return r.msgs[:n]
}

// readAny reads from the first socket that has datagrams, beginning behind the
// one that was served last.
func (r *Receiver) readAny() (int, error) {
	for range r.sockets {
		s := &r.sockets[r.next]
		if r.next++; r.next == len(r.sockets) {
			r.next = 0
		}
		n, err := r.recv(s)
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, nil
}

// wait blocks until a socket is readable, which it notes in r.ready, or Wake
// was called, or deadline.
func (r *Receiver) wait(deadline time.Time) (woken bool, err error) {
	for {
		var timeout *unix.Timespec
		if !deadline.IsZero() {
			ts := unix.NsecToTimespec(max(0, int64(time.Until(deadline))))
			timeout = &ts
		}
		n, err := unix.Ppoll(r.polls, timeout, nil)
		if errors.Is(err, unix.EINTR) {
			continue // as the Go runtime's own signals cause
		}
		if err != nil {
			return false, fmt.Errorf("ppoll: %w", err)
		}
		if event := &r.polls[len(r.polls)-1]; event.Revents != 0 {
			var b [8]byte
			_, _ = unix.Read(r.event, b[:])
			woken = true
			n--
		}
		r.ready = n > 0
		return woken, nil
	}
}

// recv reads one batch from a socket without blocking.
func (r *Receiver) recv(s *socket) (int, error) {
	for i := range r.headers[:r.used] {
		h := &r.headers[i].hdr
		h.Namelen = uint32(len(r.names[i]))
		h.SetControllen(int(unsafe.Sizeof(r.control[i])))
	}
	r.used = 0
	var n int
	for {
		// Raw, since it does not block: the scheduler need not know of it.
		res, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&r.headers[0])),
			uintptr(len(r.headers)), unix.MSG_DONTWAIT, 0, 0)
		if errno == 0 {
			n = int(res)
			break
		}
		switch errno {
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			return 0, nil
		case unix.ECONNREFUSED, unix.ENETDOWN, unix.ENOMEM, unix.ENOBUFS:
			return 0, nil // passes by itself; the kernel counts what it lost
		}
		return 0, fmt.Errorf("recvmmsg: %w", errno)
	}
	if r.used = n; n > 0 {
		r.deliver(s, n)
	}
	return n, nil
}

// deliver fills r.msgs from the first n headers.
func (r *Receiver) deliver(s *socket, n int) {
	stamp := r.clock.stamper(s.last)
	var octets, truncated uint64
	for i := range n {
		h, m := &r.headers[i], &r.msgs[i]
		size := min(int(h.len), bufferSize)
		m.Payload = r.buffers[i*bufferSize : i*bufferSize+size : i*bufferSize+size]
		m.From = r.names[i].addrPort()
		m.Truncated = h.hdr.Flags&unix.MSG_TRUNC != 0
		m.At = stamp.now
		if c := &r.control[i]; h.hdr.Controllen >= unix.SizeofCmsghdr && c.hdr.Level == unix.SOL_SOCKET && c.hdr.Type == unix.SO_TIMESTAMPNS {
			m.At = stamp.at(c.time.Nano())
		}
		octets += uint64(size)
		if m.Truncated {
			truncated++
		}
	}
	s.last = r.msgs[n-1].At
	r.datagrams.Add(uint64(n))
	r.octets.Add(octets)
	r.batches.Add(1)
	if truncated > 0 {
		r.truncated.Add(truncated)
	}
}

// addrPort reads a sockaddr_in or sockaddr_in6.
func (b *sockaddrBytes) addrPort() netip.AddrPort {
	port := binary.BigEndian.Uint16(b[2:])
	switch binary.NativeEndian.Uint16(b[:]) {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])).Unmap(), port)
	}
	return netip.AddrPort{}
}

// Wake makes a Read that waits return an empty batch; if none waits, the next
// one that would.
func (r *Receiver) Wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.gone {
		r.signal()
	}
}

func (r *Receiver) signal() {
	one := [8]byte{}
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(r.event, one[:]) // EAGAIN: it is signalled already
}

// Stats returns the counters. SocketDropped is asked of the kernel at once,
// also when nothing arrives any more.
func (r *Receiver) Stats() Stats {
	r.mu.Lock()
	if !r.gone {
		r.countDrops()
	}
	r.mu.Unlock()
	return Stats{
		Datagrams:     r.datagrams.Load(),
		Octets:        r.octets.Load(),
		Batches:       r.batches.Load(),
		Truncated:     r.truncated.Load(),
		SocketDropped: r.dropped.Load(),
	}
}

func (r *Receiver) countDrops() {
	for i := range r.sockets {
		s := &r.sockets[i]
		if n, err := kernelDrops(s.fd); err == nil {
			r.dropped.Add(uint64(n - s.drops)) // 32 bits that wrap
			s.drops = n
		}
	}
}

// close unblocks Read, waits until it has returned, and closes the sockets.
func (r *Receiver) close() error {
	r.closed.Store(true)
	r.signal()
	r.reading.Lock()
	defer r.reading.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.countDrops()
	var errs []error
	for _, s := range r.sockets {
		errs = append(errs, unix.Close(s.fd))
	}
	errs = append(errs, unix.Close(r.event))
	r.gone = true
	return errors.Join(errs...)
}
