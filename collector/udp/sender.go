package udp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SenderConfig says where a Sender sends and how fast.
type SenderConfig struct {
	To     netip.AddrPort
	Source netip.Addr // address to send from; the zero Addr: the kernel's choice
	Rate   float64    // datagrams per second; 0: as fast as possible
}

// SenderStats counts what a Sender did.
type SenderStats struct {
	Datagrams uint64 // handed to the kernel
	Octets    uint64 // of payload
	Refused   uint64 // answers of the other side that nobody listens there
}

const (
	sendBatch = 64
	// maxPause is how long a batch may wait to become full when it is paced.
	maxPause = time.Millisecond
	// maxDebt is how far behind its pace a Sender catches up; what a longer
	// stall kept from being sent then is not sent in one burst.
	maxDebt = 100 * time.Millisecond
)

// Sender sends UDP payloads in batches, evenly paced or by the times of a
// capture. It is for one goroutine.
type Sender struct {
	fd      int
	rate    float64
	batch   int // datagrams sent at once
	headers [sendBatch]mmsghdr
	iovecs  [sendBatch]unix.Iovec
	bufs    [sendBatch][]byte
	queued  int

	start time.Time // when the first datagram was due
	sent  float64   // datagrams since start, those queued included; for a rate
	first time.Time // capture time of the first datagram; for SendAt

	stats SenderStats
}

// NewSender opens a socket connected to cfg.To.
func NewSender(cfg SenderConfig) (*Sender, error) {
	to := netip.AddrPortFrom(cfg.To.Addr().Unmap(), cfg.To.Port())
	switch {
	case !to.IsValid() || to.Port() == 0:
		return nil, fmt.Errorf("send to %v: no address and port; write for example 127.0.0.1:6343", cfg.To)
	case cfg.Rate < 0:
		return nil, fmt.Errorf("rate: %v is negative; use datagrams per second, or 0 for no limit", cfg.Rate)
	case to.Addr().IsUnspecified() && to.Addr().Is4():
		to = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port())
	case to.Addr().IsUnspecified():
		to = netip.AddrPortFrom(netip.IPv6Loopback(), to.Port())
	}
	fd, err := connect(to, cfg.Source.Unmap())
	if err != nil {
		return nil, fmt.Errorf("send to %s: %w", to, err)
	}
	s := &Sender{fd: fd, rate: cfg.Rate, batch: sendBatch}
	if cfg.Rate > 0 {
		s.batch = max(1, min(sendBatch, int(cfg.Rate*maxPause.Seconds())))
	}
	for i := range s.headers {
		s.headers[i].hdr.Iov = &s.iovecs[i]
		s.headers[i].hdr.SetIovlen(1)
	}
	return s, nil
}

func connect(to netip.AddrPort, source netip.Addr) (fd int, err error) {
	family := unix.AF_INET6
	if to.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if source.IsValid() {
		if source.Is4() != to.Addr().Is4() {
			return -1, fmt.Errorf("source %s is of another address family", source)
		}
		sa, err := sockaddr(netip.AddrPortFrom(source, 0))
		if err == nil {
			err = unix.Bind(fd, sa)
		}
		if err != nil {
			return -1, fmt.Errorf("source %s: %w", source, err)
		}
	}
	sa, err := sockaddr(to)
	if err != nil {
		return -1, err
	}
	return fd, unix.Connect(fd, sa)
}

// Send queues a copy of payload and, when a batch is full, sends it at its
// time. It blocks as long as the pace demands, or until ctx is done.
func (s *Sender) Send(ctx context.Context, payload []byte) error {
	if s.rate > 0 && s.start.IsZero() {
		s.start = time.Now()
	}
	i := s.queued
	s.bufs[i] = append(s.bufs[i][:0], payload...)
	s.iovecs[i].Base = unsafe.SliceData(s.bufs[i])
	s.iovecs[i].SetLen(len(payload))
	s.queued++
	s.sent++
	if s.queued < s.batch {
		return nil
	}
	return s.Flush(ctx)
}

// SendAt is Send for datagrams that keep the distances of their capture times,
// within a millisecond; it is not for a Sender with a rate. Where the capture's
// time jumps, backwards or by more than longest, the distance is not kept: the
// datagram is sent at once, or after longest.
func (s *Sender) SendAt(ctx context.Context, payload []byte, at time.Time, longest time.Duration) error {
	now := time.Now()
	if s.first.IsZero() {
		s.start, s.first = now, at
	}
	wait := s.start.Add(at.Sub(s.first)).Sub(now)
	if wait > longest || wait < -maxDebt {
		wait = min(max(0, wait), longest)
		s.start, s.first = now.Add(wait), at
	}
	if wait > maxPause {
		if err := s.Flush(ctx); err != nil { // what is queued is due
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
	return s.Send(ctx, payload)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d < 20*time.Millisecond || ctx.Done() == nil {
		time.Sleep(d)
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Flush sends what is queued, at its time.
func (s *Sender) Flush(ctx context.Context) error {
	if s.rate > 0 && s.queued > 0 {
		if err := s.pace(ctx); err != nil {
			return err
		}
	}
	return s.flush()
}

func (s *Sender) flush() error {
	done, n := 0, s.queued
	s.queued = 0
	for done < n {
		res, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.headers[done])),
			uintptr(n-done), 0, 0, 0)
		switch errno {
		case 0:
			for i := done; i < done+int(res); i++ {
				s.stats.Octets += uint64(len(s.bufs[i]))
			}
			s.stats.Datagrams += uint64(res)
			done += int(res)
		case unix.ECONNREFUSED:
			s.stats.Refused++ // about an earlier datagram; this one was not tried yet
		case unix.EINTR:
		case unix.ENOBUFS, unix.EAGAIN:
			time.Sleep(maxPause)
		case unix.EMSGSIZE:
			return fmt.Errorf("payload of %d octets is too long for a datagram: %w", len(s.bufs[done]), errno)
		default:
			return fmt.Errorf("sendmmsg: %w", errno)
		}
	}
	return nil
}

// pace waits until the first datagram queued is due.
func (s *Sender) pace(ctx context.Context) error {
	due := s.start.Add(time.Duration((s.sent - float64(s.queued)) / s.rate * float64(time.Second)))
	now := time.Now()
	wait := due.Sub(now)
	if wait > 0 {
		return sleep(ctx, wait)
	}
	if -wait > maxDebt {
		s.start, s.sent = now, float64(s.queued)
	}
	return nil
}

// Stats returns the counters.
func (s *Sender) Stats() SenderStats { return s.stats }

// Close sends what is queued, at once, and closes the socket.
func (s *Sender) Close() error {
	return errors.Join(s.flush(), unix.Close(s.fd))
}
