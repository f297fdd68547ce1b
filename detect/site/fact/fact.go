// Package fact carries what the shards notice of the site to its model: who was
// heard, which port changed, what an agent said. A Gatherer belongs to a shard's
// goroutine and tells a fact when something changes, and that a sender or a port
// is alive at most once per tick or second, never per sample. Nothing is
// allocated while nothing changes; what does not fit the hand-over is dropped
// and counted.
package fact

import (
	"net/netip"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// Kind says what a Fact tells, and what its A, B and C hold.
type Kind uint8

// The kinds.
const (
	// Sender: an agent was heard for the first time; Detail has its addresses.
	Sender Kind = iota
	// Alive: a sub-agent was heard since the last tick. At is its last datagram.
	// A: sequence number<<32 | datagrams; B: uptime in ms<<32 | flow samples;
	// C: time of its last datagram with counters or a heartbeat, 0 none.
	Alive
	// Port: identity or status of an interface is new or changed, in Detail.
	Port
	// PortGone: an interface is no longer polled while its agent goes on; At is
	// when it was last.
	PortGone
	// PortActive: samples of an instance's port since the last such fact. At is
	// the last one sent by the instance, or 0. A: see PortMoves; B: SYN towards TCP ports that it
	// answered at within a day<<32 | SYN-ACK from it; C: see PortRest.
	PortActive
	// PortFlat: an interface receives (A is 0) or sends (A is 1) nothing while
	// the other direction moves. B: ms by its counters<<32 | unicast packets of
	// the other direction meanwhile, 0 where it moves again; C is how unlikely
	// that is for it in thousandths of a nat.
	PortFlat
	// PortErrors: A is errors, B discards since the last such fact, over C ms of
	// the interface's counters.
	PortErrors
	// PortMAC: A is a MAC address that sends at an instance's port, B its IPv4
	// address where known.
	PortMAC
	// Forwards: flow samples of a data source since the last tick: A of all, B
	// of those with an output, C the input interface of the last, 0 unknown.
	Forwards
	// Sampling: A is the sampling rate that a data source says now, B the one
	// before.
	Sampling
	// HeaderBytes: A is how many octets of a header a data source sends now, B
	// how many before.
	HeaderBytes
	// Seen: the watched MAC address A sent, at interface B of this agent.
	Seen
	// Asked: C times somebody asked for the watched MAC address A in vain: B is
	// 0 for ARP requests, 1 for ICMP unreachable.
	Asked
	// Host: description of a host or virtual machine is new or changed, in
	// Detail.
	Host
	// HostGone: it is no longer described while its agent goes on.
	HostGone
	// HostLoad: load of a host passed a mark, either way; Index is a Load, A is 1
	// above and 0 below, B the value.
	HostLoad
	// HostUptime: a host's uptime fell: A is it now in s, B before.
	HostUptime
	// VirtState: A is the state of virtual machine Index, B the one before.
	VirtState
	// VirtNode: A is the number of running domains, B the one before.
	VirtNode
	// Discards: A discarded packets were sampled since the last such fact, B is
	// the reason most of them had.
	Discards
	// PortSpoke: whether an instance's port has received anything since its
	// counters began: A is 0 no, which is told at most every ten seconds, or 1.
	PortSpoke
	// Said: an event, a heartbeat, or a state that changed, in Detail.
	Said
	// Carried: the MAC address A was sampled in a VLAN or virtual network; B: see
	// Segment. It is told where that is new, and again every minute.
	Carried
	// PortWays is by which ways unicast comes to and leaves an instance's port
	// since the last such fact, in samples. A: MAC address of the next hop to
	// addresses behind a router, 0 unknown; B: sent to it<<32 | come from it;
	// C: see PortAfar.
	PortWays
	// Voices: C times since the last such fact one was heard again under the name
	// and address of a sub-agent, in whose place another had spoken meanwhile. A:
	// uptime in ms of the one<<32 | sequence number; B: the same of the other.
	Voices
	// Polled: an interface is polled far less often than ever, or as it used to be
	// again. A: ns between its polls, or since the last; B: ns that were usual, 0
	// where they are again; C: when it was polled before.
	Polled
	// Unsampled: data source Index gives no samples though its interface's counters
	// go on. A: samples that were to be expected, 0 where they come again; B: its
	// sampling rate; C: its last sample.
	Unsampled
	// PortOpened: an instance has answered a handshake at TCP port A, to which B
	// SYN were sampled before without an answer, C ns after the first of them.
	PortOpened
	// PortStrange: samples from an instance's port with addresses that are not its
	// own since the last such fact: A with a way out, B without.
	PortStrange
)

// Segment is a VLAN, or a virtual network by its VNI.
type Segment struct {
	Virtual bool
	ID      uint32
}

// Pack returns s as Carried's B.
func (s Segment) Pack() uint64 {
	b := uint64(s.ID)
	if s.Virtual {
		b |= 1 << 32
	}
	return b
}

// UnpackSegment is the inverse of Pack.
func UnpackSegment(b uint64) Segment { return Segment{b>>32 != 0, uint32(b)} }

// PortAfar is what PortWays counts beside the next hop.
type PortAfar struct {
	Afar uint32 // unicast to the instance from elsewhere than its node and the next hop
	Asks uint32 // what the instance sent that asks for an answer: SYN, data over TCP, ARP requests
}

// Pack returns a as PortWays' C.
func (a PortAfar) Pack() uint64 { return uint64(a.Afar)<<32 | uint64(a.Asks) }

// UnpackPortAfar is the inverse of Pack.
func UnpackPortAfar(c uint64) PortAfar { return PortAfar{uint32(c >> 32), uint32(c)} }

// PortMoves is what PortActive counts of what moves. 16 bits hold at most their
// largest number, which stands for all above.
type PortMoves struct {
	Sent    uint16 // samples that it sent
	Towards uint16 // unicast to its MAC address, ARP apart
	Asked   uint16 // those among them that ask for an answer: TCP data, UDP to a port that answers
	Acked   uint16 // those that only acknowledge what it has sent
}

// Pack returns m as PortActive's A.
func (m PortMoves) Pack() uint64 {
	return uint64(m.Sent)<<48 | uint64(m.Towards)<<32 | uint64(m.Asked)<<16 | uint64(m.Acked)
}

// UnpackPortMoves is the inverse of Pack.
func UnpackPortMoves(a uint64) PortMoves {
	return PortMoves{uint16(a >> 48), uint16(a >> 32), uint16(a >> 16), uint16(a)}
}

// PortRest is what else PortActive counts: packed into 16 bits each, of which the
// largest number stands for all above.
type PortRest struct {
	Reset       uint16 // RST from it, as a closed port refuses a SYN
	Unreachable uint16 // ICMP port unreachable from it
	Probes      uint16 // SYN towards TCP ports that it has not answered at
	Replies     uint16 // ARP replies from it
}

// Pack returns r as PortActive's C.
func (r PortRest) Pack() uint64 {
	return uint64(r.Reset)<<48 | uint64(r.Unreachable)<<32 | uint64(r.Probes)<<16 | uint64(r.Replies)
}

// UnpackPortRest is the inverse of Pack.
func UnpackPortRest(c uint64) PortRest {
	return PortRest{uint16(c >> 48), uint16(c >> 32), uint16(c >> 16), uint16(c)}
}

// Load is what HostLoad is about.
type Load uint32

// The loads. Their values are in parts per thousand.
const (
	LoadCPU Load = iota
	LoadMemory
	LoadDisk
	LoadSteal
)

// Fact is one fact of one agent. It has a fixed size; Detail is allocated where
// something has changed, is never changed afterwards, and may be kept.
type Fact struct {
	At      int64 // ns since the epoch, of the datagram
	A, B, C uint64
	Detail  *Detail // nil in most kinds
	Agent   uint32  // number in this process, as in decoder.Vantage
	Sub     uint32  // sub-agent
	Index   uint32  // ifIndex, or index of the data source
	Kind    Kind
}

// Detail is what some kinds tell beyond numbers.
type Detail struct {
	Agent, Source netip.Addr // of Sender
	Keyed         bool       // of Sender: its host agent has a key of its own

	Name     string // of a Port or Host
	Status   uint8  // of a Port: bit 0 admin up, bit 1 oper up
	Was      uint8  // Status before; StatusNew where the port is new
	Counted  bool   // the status is known
	Unknown  bool   // all its counters are all ones
	Bridge   bool   // its type says that it is a bridge's own
	Instance bool   // its name says that it leads to an instance
	Datapath uint64 // OpenFlow datapath id; 0 none
	OFPort   uint32 // OpenFlow port; LocalPort is the bridge's own
	Group    uint32 // ifIndex of its link aggregation group, or a number from OwnGroup on; 0 none
	Actor    uint64 // of a member of one that speaks LACP: MAC address that it calls itself; 0 unknown
	Partner  uint64 // and of who is at the other end; 0 unknown
	Speed    uint64 // of a Port: ifSpeed, bit/s; 0 unknown

	Class   uint32 // of a Host's data source
	UUID    [16]byte
	Parent  sflow.DataSource
	Virtual bool // it has a parent
	MACs    []sflow.MAC
	Ports   []uint32 // ifIndexes of MACs, 0 unknown

	Topic   string // of Said: class of the statement
	Entity  string
	Pairs   []witness.Pair
	Trusted bool // signed with the node's key

	Before int64 // ns, when it was last told that it was otherwise; 0 unknown, or the very time is told
}

// OwnGroup is the first of the numbers of link aggregation groups that have no
// interface of their own.
const OwnGroup = 1 << 31

// Before is when what a fact tells was last told otherwise, in ns; 0 unknown, or it
// tells of the very time.
func (f *Fact) Before() int64 {
	if f.Detail == nil {
		return 0
	}
	return f.Detail.Before
}

// StatusNew is Detail.Was of a port not known before.
const StatusNew = 0xff

// IsLocalPort reports whether an OpenFlow port is the bridge's own: 0xfffffffe,
// or 0xfffe as Open vSwitch sends it.
func IsLocalPort(p uint32) bool { return p == 0xfffffffe || p == 0xfffe }

// MAC packs a MAC address into a number.
func MAC(m [6]byte) uint64 {
	return uint64(m[0])<<40 | uint64(m[1])<<32 | uint64(m[2])<<24 | uint64(m[3])<<16 | uint64(m[4])<<8 | uint64(m[5])
}

// UnpackMAC is the inverse of MAC.
func UnpackMAC(v uint64) sflow.MAC {
	return sflow.MAC{byte(v >> 40), byte(v >> 32), byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)}
}
