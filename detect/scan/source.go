package scan

import (
	"math"
	"net/netip"

	"weir/decoder"
	"weir/detect/distinct"
)

// Protocol is what a source scans with.
type Protocol uint8

// The protocols.
const (
	TCP Protocol = iota + 1
	UDP
	ICMP
)

// Type is what a scan goes through.
type Type uint8

// The types.
const (
	PortScan  Type = iota + 1 // many ports of few hosts
	HostSweep                 // many hosts, few ports
	Spreader                  // both
)

// Key is a source.
type Key struct {
	Addr   [16]byte // IPv4 in mapped form
	Domain uint32
	V6     bool
	Proto  Protocol
}

// Source returns the address.
func (k *Key) Source() netip.Addr { return address(k.Addr, k.V6) }

func address(a [16]byte, v6 bool) netip.Addr {
	if v6 {
		return netip.AddrFrom16(a)
	}
	return netip.AddrFrom4([4]byte(a[12:16]))
}

// source is what is known of one.
type source struct {
	key     Key
	began   int64 // ns; of the present minute
	last    int64
	probes  uint32
	other   uint32 // packets of connections, or answers
	told    int64  // ns of the last report
	active  Type
	first   int64  // ns of the first probe of what is reported
	total   uint64 // probes since
	packets float64
	targets distinct.Set // hosts with ports
	hosts   distinct.Set
	ports   distinct.Set
	host    majority[[16]byte]
	port    majority[uint16]
	agent   majority[decoder.Vantage]
	flags   uint8 // of the newest probe
}

// majority keeps the value that most samples have, if any has (Boyer, Moore),
// and how many samples it had since it was chosen.
type majority[T comparable] struct {
	value T
	lead  uint32
	count uint32
}

func (m *majority[T]) add(v T) {
	switch {
	case m.lead == 0:
		m.value, m.lead, m.count = v, 1, 1
	case m.value == v:
		m.lead++
		m.count++
	default:
		m.lead--
	}
}

// renew begins another minute.
func (s *source) renew(at int64) {
	s.began, s.probes, s.other, s.packets = at, 0, 0, 0
	s.targets, s.hosts, s.ports = distinct.Set{}, distinct.Set{}, distinct.Set{}
	s.host, s.port, s.agent = majority[[16]byte]{}, majority[uint16]{}, majority[decoder.Vantage]{}
}

const (
	minute = int64(60e9)

	// A scanner's packets are probes: of its TCP packets three in five.
	maxOther = 2.0 / 3
	// What is answered this often is a service that is used.
	maxAnsweredUDP  = 0.2
	maxAnsweredICMP = 0.5

	few = 8 // hosts or ports

	// floodRate is how many packets a second to one host are left to the
	// detector of floods.
	floodRate = 30_000
)

// judge tells what the source's probes amount to; 0 is nothing.
func (s *source) judge(least int) Type {
	n := float64(s.probes)
	if s.probes < uint32(least) {
		return 0
	}
	allowed := maxOther
	switch s.key.Proto {
	case UDP:
		allowed = maxAnsweredUDP
	case ICMP:
		allowed = maxAnsweredICMP
	}
	if o := float64(s.other); o+2*math.Sqrt(o) > allowed*n {
		return 0
	}
	need := 0.98 * float64(least) // a Set may take two for one
	if s.targets.Count() < need {
		return 0
	}
	hosts, ports := s.hosts.Count(), s.ports.Count()
	switch {
	case hosts >= need && (ports <= few || s.port.count >= s.probes*4/5):
		return HostSweep
	case s.key.Proto == ICMP:
		return 0
	case ports >= need && (hosts <= few || s.host.count >= s.probes*4/5):
		if s.packets*1e9 > floodRate*float64(max(s.last-s.began, 1e8)) {
			return 0
		}
		return PortScan
	case hosts > few && ports > few && s.targets.Count() >= 2*need:
		return Spreader
	}
	return 0
}
