package udp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is one bound socket of a receiver.
type socket struct {
	fd    int
	last  time.Time // Message.At of the last datagram; the receiver's goroutine only
	drops uint32    // kernel's counter when last read; under Receiver.mu
}

// openSocket makes a socket for addr and binds it. The first of a group is
// bound without SO_REUSEPORT: only so is another program that holds the port,
// even one of the same user that shares it willingly, an error.
func openSocket(addr netip.AddrPort, v6only, first bool) (fd int, err error) {
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if family == unix.AF_INET6 {
		only := 0
		if v6only {
			only = 1
		}
		if err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return -1, fmt.Errorf("setsockopt IPV6_V6ONLY: %w", err)
		}
	}
	if err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return -1, fmt.Errorf("setsockopt SO_TIMESTAMPNS: %w", err)
	}
	sa, err := sockaddr(addr)
	if err != nil {
		return -1, err
	}
	if !first {
		if err = reusePort(fd); err != nil {
			return -1, err
		}
	}
	if err = unix.Bind(fd, sa); err != nil {
		return -1, err
	}
	if first {
		if err = reusePort(fd); err != nil {
			return -1, err
		}
	}
	return fd, nil
}

func reusePort(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return fmt.Errorf("setsockopt SO_REUSEPORT: %w", err)
	}
	return nil
}

// setReceiveBuffer asks for a receive buffer, with privilege beyond the
// system's limit, and returns what was granted in the unit of want. The kernel
// books twice the number it is given.
func setReceiveBuffer(fd, want int) (int, error) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, want) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, want); err != nil {
			return 0, fmt.Errorf("setsockopt SO_RCVBUF: %w", err)
		}
	}
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	if err != nil {
		return 0, fmt.Errorf("getsockopt SO_RCVBUF: %w", err)
	}
	return n / 2, nil
}

// kernelDrops reads how many datagrams the kernel threw away at a socket since
// it was opened, for want of room or for a bad checksum. It wraps.
func kernelDrops(fd int) (uint32, error) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("getsockopt SO_MEMINFO: %w", errno)
	}
	return info[unix.SK_MEMINFO_DROPS], nil
}

func sockaddr(a netip.AddrPort) (unix.Sockaddr, error) {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}, nil
	}
	sa := &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
	if zone := a.Addr().Zone(); zone != "" {
		if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			sa.ZoneId = uint32(n)
			return sa, nil
		}
		ifi, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, fmt.Errorf("no interface is named %q", zone)
		}
		sa.ZoneId = uint32(ifi.Index)
	}
	return sa, nil
}

func localAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("getsockname: %w", err)
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), nil
	case *unix.SockaddrInet6:
		a := netip.AddrFrom16(sa.Addr)
		if sa.ZoneId != 0 {
			a = a.WithZone(strconv.FormatUint(uint64(sa.ZoneId), 10))
		}
		return netip.AddrPortFrom(a, uint16(sa.Port)), nil
	}
	return netip.AddrPort{}, errors.New("getsockname: not an internet address")
}

// ListenError is why an address could not be listened on, in one line with
// what to do about it.
type ListenError struct {
	Addr netip.AddrPort
	Err  error
}

func (e *ListenError) Error() string {
	s := "listen " + e.Addr.String() + ": "
	switch {
	case errors.Is(e.Err, unix.EADDRINUSE):
		return s + fmt.Sprintf("port in use by another program; find it with `ss -ulnp 'sport = :%d'`, or listen on another port", e.Addr.Port())
	case errors.Is(e.Err, unix.EADDRNOTAVAIL):
		return s + "no interface of this machine has the address; use one that `ip address` shows, or " + DefaultListen
	case errors.Is(e.Err, unix.EACCES):
		return s + "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, use another port"
	case errors.Is(e.Err, unix.EAFNOSUPPORT):
		return s + "the kernel has no IPv6; listen on an IPv4 address such as 0.0.0.0:6343"
	case errors.Is(e.Err, unix.EMFILE):
		return s + "too many open files; raise `ulimit -n`"
	}
	return s + e.Err.Error()
}

func (e *ListenError) Unwrap() error { return e.Err }
