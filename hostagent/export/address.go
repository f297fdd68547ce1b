package export

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// zone returns the number of an IPv6 address's zone, 0 without.
func zone(a netip.Addr) uint32 {
	if a.Zone() == "" {
		return 0
	}
	if n, err := strconv.ParseUint(a.Zone(), 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(a.Zone()); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// SourceFor returns the address this node sends from to the collector; the zero
// Addr where there is no route.
func SourceFor(collector netip.AddrPort) netip.Addr {
	// Connecting a UDP socket sends nothing.
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(collector))
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	a, ok := c.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}
	}
	return a.AddrPort().Addr().Unmap().WithZone("")
}

// AddressIn returns the node's first address within the first of networks that
// holds one, the zero Addr where none does.
func AddressIn(networks []netip.Prefix) netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}
	}
	for _, n := range networks {
		for _, a := range addrs {
			p, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			if ip, ok := netip.AddrFromSlice(p.IP); ok && n.Contains(ip.Unmap()) {
				return ip.Unmap().WithZone("")
			}
		}
	}
	return netip.Addr{}
}

// AnyAddress returns an address of the node that names it to others: IPv4 before
// IPv6, none that holds on one link alone; the zero Addr where it has none.
func AnyAddress() netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}
	}
	var six netip.Addr
	for _, a := range addrs {
		p, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(p.IP)
		if ip = ip.Unmap(); !ok || !ip.IsGlobalUnicast() {
			continue
		}
		if ip.Is4() {
			return ip
		}
		if !six.IsValid() {
			six = ip
		}
	}
	return six
}

// SearchDomains returns the domains that a resolv.conf names: those of its last
// "search" or "domain" line.
func SearchDomains(file string) (domains []string) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	for l := range strings.Lines(string(b)) {
		f := strings.Fields(l)
		if len(f) > 1 && (f[0] == "search" || f[0] == "domain") {
			domains = f[1:]
		}
	}
	return domains[:min(len(domains), 6)]
}
