package traffic

import (
	"net/netip"
	"time"
)

// Config describes a network. Agents, ports and hosts are named by index.
type Config struct {
	Seed     uint64
	Start    time.Time     // of the simulated clock
	Duration time.Duration // 0: endless
	Tick     time.Duration // 0: 5 ms

	Agents []Agent
	Links  []Link
	Hosts  []Host
	Flows  []Flow // in any order

	// Arrive gives further flows, in order of their Start, until it says false.
	// It must depend on nothing but the seed.
	Arrive func() (Flow, bool)

	Loss    float64 // probability that a datagram is lost
	Reorder float64 // probability that a datagram arrives after its agent's next one

	// Thin draws the sampled packets alone, which is as random as sampling all
	// of them and far faster. The flows of a Thin network have no Truths: what
	// they sent is arithmetic.
	Thin bool

	// Truth is the interval in which the true octets of every flow are kept, for
	// ever; 0 keeps none.
	Truth time.Duration
}

// Kind is what an agent is, and so how its samples look.
type Kind uint8

// The kinds of agents.
const (
	// Switch samples what enters each port; the data source is the port.
	Switch Kind = iota
	// Bridge is Open vSwitch: compact samples, one logical data source for all
	// ports, sample_pool invented as samples times rate, and port names.
	Bridge
	// HostAgent sends no flow samples, only the host's counters, expanded.
	HostAgent
)

// Agent is one sender of sFlow.
type Agent struct {
	Kind     Kind
	Addr     netip.Addr
	SubAgent uint32
	From     netip.AddrPort // source of its datagrams; zero: Addr and a port of its own
	Name     string         // hostname of a HostAgent
	Expanded bool           // a Switch that sends expanded samples
	Egress   bool           // a Switch that also samples what leaves a port, into the port's data source

	SamplingRate uint32        // one packet in SamplingRate; 0: no flow samples
	HeaderBytes  int           // of a sampled packet, at most 256; 0: 128
	Flush        time.Duration // longest time a sample waits; 0: by the seed, 50 ms to 1 s; negative, in a Thin network: none
	Polling      time.Duration // of counters; 0: none
	Uptime       time.Duration // at Start
	Ports        []Port

	Instances []Instance        // of a HostAgent
	Discards  Discards          // of a Switch
	Buffers   bool              // a Switch that tells of its ports' buffers, with a vendor's structure
	VNIs      map[uint32]uint32 // of a Switch: the tunnelled network of what enters a port (ifIndex), said with extended_vni_ingress
}

// Port is an interface of an agent.
type Port struct {
	Index uint32 // ifIndex
	Name  string // sent as port_name; empty: not sent
	Speed uint64 // bit/s
}

// End is one port of one agent.
type End struct {
	Agent int
	Port  uint32 // ifIndex
}

// Link joins two ports.
type Link struct{ A, B End }

// Host is an address, or a network of them, behind a port.
type Host struct {
	Net netip.Prefix
	At  End
}

// Flow is a stream of packets in one direction.
type Flow struct {
	Src, Dst         netip.Addr
	SrcPort, DstPort uint16 // of TCP and UDP
	Proto            uint8
	Flags            uint8         // of TCP; 0: SYN on the first packet, then ACK
	VLAN             uint16        // 0: untagged
	Rate             uint64        // bit/s of whole frames, with Ethernet header and FCS
	Frames           []int         // sizes in turn, octets with FCS; none: 1518
	Start            time.Duration // since Config.Start
	Stop             time.Duration // 0: never
	Path             []Hop         // nil: the shortest way between the hosts
	Vary             Vary          // what differs from packet to packet
	Fragment         bool          // IPv4: every packet is a later fragment, without ports
}

// Vary says what differs from packet to packet of a Flow, at random but the
// same at every hop: spoofed sources, many reflectors, a scan.
type Vary struct {
	SrcBits, DstBits int  // low bits of the address, at most 32
	SrcPort, DstPort bool // of TCP and UDP, from 1024 up
}

// Hop is an agent that a flow passes, and the ports by which.
type Hop struct {
	Agent   int
	In, Out uint32 // ifIndex
	Routed  bool   // the agent routes: behind it the time to live is one less, and the source MAC its own
}

// Datagram is what arrives at the collector.
type Datagram struct {
	At      time.Time
	From    netip.AddrPort
	Payload []byte // valid until the next call of Next
}

const (
	defaultTick   = 5 * time.Millisecond
	defaultHeader = 128
	maxHeader     = 256
	defaultFrame  = 1518
	minFrame      = 64
	maxDatagram   = 1400 // bytes of sFlow, the specification's default
)
