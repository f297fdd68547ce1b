package udp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forwardSocket sends to one target with the source address of each datagram.
// The kernel lets a socket do so that is transparent, which needs CAP_NET_RAW,
// and does all else: checksums, fragments, routes. The source port is the
// socket's own.
type forwardSocket struct {
	fd          int
	v4          bool
	loopback    bool // the target is on this machine by a loopback address
	transparent bool
	name        sockaddrBytes
	nameLen     uint32
	headers     [sendBatch]mmsghdr
	iovecs      [sendBatch]unix.Iovec
	control     [sendBatch]pktinfo

	sent, failed, own atomic.Uint64
}

// pktinfo is a control message with the source address: struct in_pktinfo or
// struct in6_pktinfo.
type pktinfo struct {
	hdr  unix.Cmsghdr
	data [24]byte // 12 or 20 are used; whole words
}

// sendTimeout bounds how long the kernel may hold up the sender, which then
// looks whether it shall end.
const sendTimeout = 200 * time.Millisecond

func newForwardSocket(to netip.AddrPort) (*forwardSocket, error) {
	s := &forwardSocket{v4: to.Addr().Is4(), loopback: to.Addr().IsLoopback()}
	family := unix.AF_INET6
	if s.v4 {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	s.fd = fd
	s.setName(to)
	if s.v4 {
		s.transparent = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1) == nil
	} else {
		s.transparent = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_TRANSPARENT, 1) == nil
	}
	tv := unix.NsecToTimeval(int64(sendTimeout))
	_ = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 4<<20)
	for i := range s.headers {
		h := &s.headers[i].hdr
		h.Iov = &s.iovecs[i]
		h.SetIovlen(1)
		h.Name, h.Namelen = &s.name[0], s.nameLen
	}
	return s, nil
}

// setName writes the target as a sockaddr_in or sockaddr_in6.
func (s *forwardSocket) setName(to netip.AddrPort) {
	binary.BigEndian.PutUint16(s.name[2:], to.Port())
	if s.v4 {
		binary.NativeEndian.PutUint16(s.name[:], unix.AF_INET)
		a := to.Addr().As4()
		copy(s.name[4:], a[:])
		s.nameLen = unix.SizeofSockaddrInet4
		return
	}
	binary.NativeEndian.PutUint16(s.name[:], unix.AF_INET6)
	a := to.Addr().As16()
	copy(s.name[8:], a[:])
	s.nameLen = unix.SizeofSockaddrInet6
}

// send sends all of b, until the deadline where there is one. It returns how
// many datagrams are left.
func (s *forwardSocket) send(b *forwardBuffer, deadline time.Time) (left int) {
	begin := 0
	for at := 0; at < len(b.items); {
		if !deadline.IsZero() && time.Now().After(deadline) {
			return len(b.items) - at
		}
		n := min(sendBatch, len(b.items)-at)
		end := begin
		for i, item := range b.items[at : at+n] {
			s.prepare(i, b.octets[end:item.end], item.from)
			end = item.end
		}
		s.batch(n)
		at, begin = at+n, end
	}
	return 0
}

// prepare fills header i.
func (s *forwardSocket) prepare(i int, payload []byte, from netip.Addr) {
	s.iovecs[i].Base = unsafe.SliceData(payload)
	s.iovecs[i].SetLen(len(payload))
	h, c := &s.headers[i].hdr, &s.control[i]
	h.Control = nil
	h.SetControllen(0)
	if !s.keeps(from) {
		return
	}
	size := unix.SizeofInet4Pktinfo
	if s.v4 {
		c.hdr.Level, c.hdr.Type = unix.SOL_IP, unix.IP_PKTINFO
		a := from.As4()
		copy(c.data[4:], a[:]) // behind the interface: ipi_spec_dst, the source
	} else {
		size = unix.SizeofInet6Pktinfo
		c.hdr.Level, c.hdr.Type = unix.SOL_IPV6, unix.IPV6_PKTINFO
		a := from.As16()
		copy(c.data[:], a[:])
	}
	c.hdr.SetLen(unix.CmsgLen(size))
	h.Control = (*byte)(unsafe.Pointer(c))
	h.SetControllen(unix.CmsgSpace(size))
}

// keeps reports whether a datagram can be sent with this source address.
func (s *forwardSocket) keeps(from netip.Addr) bool {
	return s.transparent && from.Is4() == s.v4 && !from.IsUnspecified() && !from.IsMulticast() && !from.IsLinkLocalUnicast() &&
		(!from.IsLoopback() || s.loopback)
}

// batch sends the first n headers. One that the kernel refuses is counted and
// left out.
func (s *forwardSocket) batch(n int) {
	for at := 0; at < n; {
		res, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.headers[at])), uintptr(n-at), 0, 0, 0)
		switch {
		case errno == 0:
			for i := range s.headers[at : at+int(res)] {
				if s.headers[at+i].hdr.Control == nil {
					s.own.Add(1)
				}
			}
			s.sent.Add(uint64(res))
			at += int(res)
		case errors.Is(errno, unix.EINTR):
		default: // no way to it, too long, forbidden, no room for sendTimeout
			s.failed.Add(1)
			at++
		}
	}
}

func (s *forwardSocket) close() { _ = unix.Close(s.fd) }
