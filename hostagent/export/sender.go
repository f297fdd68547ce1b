package export

import (
	"errors"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// Port is the UDP port of sFlow.
const Port = 6343

// sendBuffer is asked of the kernel, in octets: a poll of a large node at once.
const sendBuffer = 1 << 20

// Sender sends each datagram to every collector. Sending never waits.
type Sender struct {
	mu    sync.Mutex
	peers []*peer
}

// peer is one collector. Its socket is connected, so that the kernel tells when
// nobody listens.
type peer struct {
	addr  netip.AddrPort
	fd    int // -1: not connected
	stats PeerStats
}

// PeerStats counts what happened with one collector.
type PeerStats struct {
	Addr    netip.AddrPort
	Sent    uint64
	Refused uint64 // answers that nobody listens, each for a datagram sent before
	Lost    uint64 // datagrams that could not be sent
	Err     error  // why the last datagram could not be sent; nil when it was
}

// NewSender returns a Sender without collectors.
func NewSender() *Sender { return &Sender{} }

// Set replaces the collectors; those that stay keep their sockets and counts.
func (s *Sender) Set(addrs []netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.peers
	s.peers = make([]*peer, 0, len(addrs))
next:
	for _, a := range addrs {
		for i, p := range old {
			if p != nil && p.addr == a {
				s.peers, old[i] = append(s.peers, p), nil
				continue next
			}
		}
		p := &peer{addr: a, fd: -1, stats: PeerStats{Addr: a}}
		p.connect()
		s.peers = append(s.peers, p)
	}
	for _, p := range old {
		if p != nil {
			p.close()
		}
	}
}

// Send sends b to every collector.
func (s *Sender) Send(b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		p.send(b)
	}
}

// Retry connects to collectors that could not be reached. It is called about once
// a second and does not wait.
func (s *Sender) Retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.peers {
		if p.fd < 0 {
			p.connect()
		}
	}
}

// Stats returns what was counted, by collector.
func (s *Sender) Stats() []PeerStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]PeerStats, len(s.peers))
	for i, p := range s.peers {
		out[i] = p.stats
	}
	return out
}

// Sent returns how many datagrams went to the first collector, and how many could
// not be sent to it.
func (s *Sender) Sent() (sent, lost uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.peers) == 0 {
		return 0, 0
	}
	return s.peers[0].stats.Sent, s.peers[0].stats.Lost
}

// Close closes the sockets.
func (s *Sender) Close() { s.Set(nil) }

func (p *peer) connect() {
	family := unix.AF_INET6
	var to unix.Sockaddr
	if a := p.addr.Addr(); a.Is4() {
		family = unix.AF_INET
		to = &unix.SockaddrInet4{Port: int(p.addr.Port()), Addr: a.As4()}
	} else {
		to = &unix.SockaddrInet6{Port: int(p.addr.Port()), Addr: a.As16(), ZoneId: zone(a)}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		p.stats.Err = err
		return
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer) // a smaller one works too
	if err := unix.Connect(fd, to); err != nil {
		_ = unix.Close(fd)
		p.stats.Err = err
		return
	}
	p.fd, p.stats.Err = fd, nil
}

// send tries twice where the kernel tells that nobody listened to an earlier
// datagram: it has then not sent this one.
func (p *peer) send(b []byte) {
	if p.fd < 0 {
		p.stats.Lost++
		return
	}
	var err error
	for range 3 {
		if _, err = unix.Write(p.fd, b); err != unix.ECONNREFUSED && err != unix.EINTR {
			break
		}
		if err == unix.ECONNREFUSED {
			p.stats.Refused++
		}
	}
	switch {
	case err == nil:
		p.stats.Sent++
		p.stats.Err = nil
		return
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.ECONNREFUSED):
	default:
		// The route or our own address is gone: a new socket finds others.
		p.close()
	}
	p.stats.Lost++
	p.stats.Err = err
}

func (p *peer) close() {
	if p.fd >= 0 {
		_ = unix.Close(p.fd)
		p.fd = -1
	}
}
