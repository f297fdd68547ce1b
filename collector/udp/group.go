package udp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// Group is a set of receivers that share listen addresses.
type Group struct {
	receivers []*Receiver
	addrs     []netip.AddrPort
	steering  steering
	clock     *Clock
	want      int
	granted   int
	warnings  []string
	closing   sync.Once
}

// Listen opens a group. An error is one line that names the address and says
// what to do; one about the network is a *ListenError.
func Listen(cfg Config) (*Group, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	addrs, err := listenAddrs(cfg.Listen)
	if err != nil {
		return nil, err
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	g := &Group{steering: newSteering(cfg.Seed), clock: cfg.Clock, want: cfg.ReceiveBuffer, granted: cfg.ReceiveBuffer}
	for i := range cfg.Shards {
		r, err := newReceiver(i, g.clock)
		if err != nil {
			_ = g.Close()
			return nil, err
		}
		g.receivers = append(g.receivers, r)
	}
	for _, a := range addrs {
		if err := g.open(a, addrs); err != nil {
			_ = g.Close()
			return nil, err
		}
	}
	for _, r := range g.receivers {
		r.start()
	}
	return g, nil
}

// open binds one socket per receiver to addr and steers between them.
func (g *Group) open(addr netip.AddrPort, all []netip.AddrPort) error {
	v6only := addr.Addr().Is6() && listed(all, netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port()))
	for i, r := range g.receivers {
		fd, err := openSocket(addr, v6only, i == 0)
		if i == 0 && errors.Is(err, unix.EAFNOSUPPORT) && addr.Addr() == netip.IPv6Unspecified() {
			g.warnings = append(g.warnings, fmt.Sprintf("the kernel has no IPv6: listening on 0.0.0.0:%d instead of %s", addr.Port(), addr))
			addr = netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())
			fd, err = openSocket(addr, false, true)
		}
		if err != nil {
			return &ListenError{Addr: addr, Err: err}
		}
		r.add(fd, g.clock.Now())
		granted, err := setReceiveBuffer(fd, g.want)
		if err != nil {
			return &ListenError{Addr: addr, Err: err}
		}
		g.granted = min(g.granted, granted)
		if i > 0 {
			continue
		}
		// The others of the group join the port the kernel chose for ":0".
		if addr, err = localAddr(fd); err != nil {
			return &ListenError{Addr: addr, Err: err}
		}
		g.addrs = append(g.addrs, addr)
	}
	if n := len(g.receivers); n > 1 {
		if err := g.steering.attach(g.receivers[0].sockets[len(g.addrs)-1].fd, n); err != nil {
			g.warnings = append(g.warnings, fmt.Sprintf("the kernel does not steer by agent on %s: an agent that changes its port changes its shard: %v", addr, err))
		}
	}
	return nil
}

func listed(all []netip.AddrPort, a netip.AddrPort) bool {
	for _, b := range all {
		if a == b {
			return a.Port() != 0
		}
	}
	return false
}

// Receivers returns the receivers, one per shard, in the order of shards.
func (g *Group) Receivers() []*Receiver { return g.receivers }

// Addrs returns the addresses listened on, with real ports, in the order of
// Config.Listen.
func (g *Group) Addrs() []netip.AddrPort { return g.addrs }

// Clock returns the time base of Message.At.
func (g *Group) Clock() *Clock { return g.clock }

// Granted returns the octets of receive buffer that the kernel granted each
// socket.
func (g *Group) Granted() int { return g.granted }

// Advice says how to get the receive buffer that was wished for; it is empty
// when it was granted.
func (g *Group) Advice() string {
	if g.granted >= g.want {
		return ""
	}
	return fmt.Sprintf("receive buffer is %d octets instead of %d: run `sysctl -w net.core.rmem_max=%d`, or give the program CAP_NET_ADMIN", g.granted, g.want, g.want)
}

// Warnings returns what works less well than it should, one line each; for
// the receive buffer see Advice.
func (g *Group) Warnings() []string { return g.warnings }

// Stats returns the sum over all receivers.
func (g *Group) Stats() Stats {
	var sum Stats
	for _, r := range g.receivers {
		s := r.Stats()
		sum.Datagrams += s.Datagrams
		sum.Octets += s.Octets
		sum.Batches += s.Batches
		sum.Truncated += s.Truncated
		sum.SocketDropped += s.SocketDropped
	}
	return sum
}

// Close closes all receivers. A blocked Read returns net.ErrClosed.
func (g *Group) Close() error {
	var errs []error
	g.closing.Do(func() {
		for _, r := range g.receivers {
			errs = append(errs, r.close())
		}
	})
	return errors.Join(errs...)
}
