package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// blaster sends the datagrams of one agent several at a time, as a switch does
// that flushes what it has: the kernel is given one long datagram and where to
// cut it (UDP_SEGMENT), which costs the sender a third of what single ones do.
// The receiver is the one to be measured. Those cut from one go to one socket:
// they must be of one agent.
type blaster struct {
	fd      int
	rate    float64 // datagrams a second; 0: as fast as possible
	begin   time.Time
	sent    uint64
	size    int
	buf     []byte
	control []byte
}

// segments is how many datagrams of an agent are sent at once.
const segments = 8

// maxDebt is how far behind its pace a blaster catches up.
const maxDebt = 100 * time.Millisecond

func newBlaster(to netip.AddrPort, rate float64) (*blaster, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().Unmap().As4(), Port: int(to.Port())}); err != nil {
		_ = unix.Close(fd) // the first error is the one to tell
		return nil, fmt.Errorf("connect %v: %w", to, err)
	}
	b := &blaster{fd: fd, rate: rate, begin: time.Now(), control: make([]byte, unix.CmsgSpace(2))}
	binary.NativeEndian.PutUint64(b.control, uint64(unix.CmsgLen(2)))
	binary.NativeEndian.PutUint32(b.control[8:], unix.SOL_UDP)
	binary.NativeEndian.PutUint32(b.control[12:], unix.UDP_SEGMENT)
	return b, nil
}

// send queues a copy of p, and sends what is queued where p is of another agent
// or size, or has no room.
func (b *blaster) send(ctx context.Context, p []byte) error {
	if len(b.buf) > 0 && (len(p) != b.size || !bytes.Equal(b.buf[8:12], p[8:12]) || len(b.buf) >= segments*b.size) {
		if err := b.flush(ctx); err != nil {
			return err
		}
	}
	b.size = len(p)
	b.buf = append(b.buf, p...)
	return nil
}

func (b *blaster) flush(ctx context.Context) error {
	if len(b.buf) == 0 {
		return nil
	}
	if b.rate > 0 {
		due := b.begin.Add(time.Duration(float64(b.sent) / b.rate * 1e9))
		switch wait := time.Until(due); {
		case wait < -maxDebt:
			b.begin = b.begin.Add(-wait) // what was not sent in time is not sent in one burst
		case wait > 0:
			time.Sleep(wait)
		}
	}
	binary.NativeEndian.PutUint16(b.control[16:], uint16(b.size))
	if _, err := unix.SendmsgN(b.fd, b.buf, b.control, nil, 0); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	b.sent += uint64(len(b.buf) / b.size)
	b.buf = b.buf[:0]
	return ctx.Err()
}

func (b *blaster) close(ctx context.Context) error {
	err := b.flush(ctx)
	_ = unix.Close(b.fd) // nothing is lost by it
	return err
}
