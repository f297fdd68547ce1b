package udp

import (
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
)

// DefaultListen is every IPv4 and IPv6 address of the machine at the port
// registered for sFlow.
const DefaultListen = "[::]:6343"

// DefaultReceiveBuffer is the receive buffer wished for per socket, in octets.
const DefaultReceiveBuffer = 32 << 20

// Limits of a Config.
const (
	MaxShards = 256
	MaxListen = 16
)

// Config says where and how to listen. The zero value is useful.
type Config struct {
	Listen        []string // "address:port" with literal addresses; nil: DefaultListen
	Shards        int      // receivers; 0: GOMAXPROCS
	ReceiveBuffer int      // octets per socket wished for; 0: DefaultReceiveBuffer
	Seed          uint64   // of the steering hash; 0: random
	Clock         *Clock   // time base of Message.At; nil: a new one
}

// withDefaults returns c with every zero field filled in, or why c is wrong.
func (c Config) withDefaults() (Config, error) {
	if len(c.Listen) == 0 {
		c.Listen = []string{DefaultListen}
	}
	if len(c.Listen) > MaxListen {
		return c, fmt.Errorf("listen: %d addresses given, at most %d are possible", len(c.Listen), MaxListen)
	}
	if c.Shards == 0 {
		c.Shards = min(runtime.GOMAXPROCS(0), MaxShards)
	}
	if c.Shards < 0 || c.Shards > MaxShards {
		return c, fmt.Errorf("shards: %d is out of range; use 1 to %d, or 0 for one per core", c.Shards, MaxShards)
	}
	if c.ReceiveBuffer == 0 {
		c.ReceiveBuffer = DefaultReceiveBuffer
	}
	if c.ReceiveBuffer < 0 || c.ReceiveBuffer > 1<<30 {
		return c, fmt.Errorf("receive_buffer: %d octets is out of range; use at most 1 GiB, or 0 for 32 MiB", c.ReceiveBuffer)
	}
	if c.Clock == nil {
		c.Clock = newClock()
	}
	return c, nil
}

// listenAddrs parses and checks a list of listen addresses.
func listenAddrs(list []string) ([]netip.AddrPort, error) {
	addrs := make([]netip.AddrPort, 0, len(list))
	seen := make(map[netip.AddrPort]bool, len(list))
	for _, s := range list {
		a, err := parseListen(s)
		if err != nil {
			return nil, err
		}
		if a.Port() != 0 && seen[a] {
			return nil, fmt.Errorf("listen %q: given twice; leave one out", s)
		}
		seen[a] = true
		addrs = append(addrs, a)
	}
	return addrs, nil
}

// parseListen parses a listen address: a literal IPv4 or IPv6 address and a
// port. An empty address means all, as in ":6343".
func parseListen(s string) (netip.AddrPort, error) {
	if strings.HasPrefix(s, ":") {
		s = "[::]" + s
	}
	a, err := netip.ParseAddrPort(s)
	if err == nil {
		return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return netip.AddrPort{}, fmt.Errorf("listen %q: no port; write %q", s, netip.AddrPortFrom(ip, 6343))
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen %q: not an address and port; write for example \"0.0.0.0:6343\" or %q", s, DefaultListen)
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen %q: %q is no IP address; names are not looked up, write the address", s, host)
	}
	return netip.AddrPort{}, fmt.Errorf("listen %q: port %q is not a number from 0 to 65535", s, port)
}
