package link

import (
	"weir/decoder/sflow"
)

// Kind says what an interface is. Its text is what the agent tells.
type Kind uint8

// Kinds of interfaces.
const (
	Other    Kind = iota // dummy, ifb, macvlan …
	Physical             // has a device on a bus, or one the hypervisor gave this node
	Bond
	Bridge
	Tap
	Veth
	VLAN
	VXLAN // and the other tunnels that carry Ethernet: Geneve, GRE
	OVS   // an internal port of Open vSwitch: a bridge's own one among them
	Loopback
)

var kinds = [...]string{"other", "physical", "bond", "bridge", "tap", "veth", "vlan", "vxlan", "ovs", "loopback"}

// String returns the kind's name.
func (k Kind) String() string { return kinds[min(int(k), len(kinds)-1)] }

// ParseKind returns the kind of that name.
func ParseKind(s string) (Kind, bool) {
	for i, k := range kinds {
		if k == s {
			return Kind(i), true
		}
	}
	return Other, false
}

// Oper is an operational state (RFC 2863).
type Oper uint8

// Values of Oper, as the kernel numbers them.
const (
	OperUnknown Oper = iota
	OperNotPresent
	OperDown
	OperLowerLayerDown
	OperTesting
	OperDormant
	OperUp
)

var opers = [...]string{"unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"}

// String returns the state's name.
func (o Oper) String() string {
	if int(o) < len(opers) {
		return opers[o]
	}
	return opers[OperUnknown]
}

// Info is what the kernel tells of an interface.
type Info struct {
	Index    uint32
	Name     string
	Kind     Kind
	Driver   string // the kernel's word for its kind: "bridge", "tun"; "" of most physical ones
	Master   uint32 // ifIndex of the bridge, bond or Open vSwitch datapath it belongs to; 0 none
	Lower    uint32 // ifIndex of what a VLAN lies on, or of the other end of a veth pair; 0 none
	LowerNS  int32  // number of the network namespace Lower is in; -1: ours
	Port     PortState
	MAC      sflow.MAC
	Ethernet bool // frames are Ethernet, and MAC is an address
	MTU      uint32
	Admin    bool // set up
	Oper     Oper
	Carrier  bool // and set up: the kernel's flag LOWER_UP
	Promisc  bool
	Speed    uint64 // bit/s; 0 unknown, as it is of everything virtual
	Duplex   Duplex
	LACP     LACP
	Stats    Stats
}

// Duplex of a physical interface.
type Duplex uint8

// Values of Duplex: those of ifDirection.
const (
	DuplexUnknown Duplex = 0
	DuplexFull    Duplex = 1
	DuplexHalf    Duplex = 2
)

// PortState is the spanning tree's state of a port of a Linux bridge.
type PortState uint8

// Values of PortState; NoPort is zero, the others are the kernel's plus one.
const (
	NoPort PortState = iota
	PortDisabled
	PortListening
	PortLearning
	PortForwarding
	PortBlocking
)

// Up reports whether the interface works: it is up, or it does not tell and has a
// carrier.
func (i *Info) Up() bool {
	return i.Oper == OperUp || i.Oper == OperUnknown && i.Admin && i.Carrier
}

// Status returns ifStatus: bit 0 set up, bit 1 working.
func (i *Info) Status() (v uint32) {
	if i.Admin {
		v |= 1
	}
	if i.Up() {
		v |= 2
	}
	return v
}

// Stats are the kernel's counters of an interface (struct rtnl_link_stats64).
type Stats struct {
	RxPackets, TxPackets, RxBytes, TxBytes uint64
	RxErrors, TxErrors                     uint64
	RxDropped, TxDropped                   uint64
	Multicast, Collisions                  uint64
	RxLengthErrors, RxOverErrors           uint64
	RxCRCErrors, RxFrameErrors             uint64
	RxFIFOErrors, RxMissedErrors           uint64
	TxAbortedErrors, TxCarrierErrors       uint64
	TxFIFOErrors, TxHeartbeatErrors        uint64
	TxWindowErrors                         uint64
}

// statsLen is what every kernel with 64-bit counters tells.
const statsLen = 23 * 8

// parse reads the kernel's structure; a short one leaves s as it is.
func (s *Stats) parse(b []byte) bool {
	if len(b) < statsLen {
		return false
	}
	b = b[:statsLen]
	*s = Stats{
		RxPackets: ne.Uint64(b), TxPackets: ne.Uint64(b[8:]), RxBytes: ne.Uint64(b[16:]), TxBytes: ne.Uint64(b[24:]),
		RxErrors: ne.Uint64(b[32:]), TxErrors: ne.Uint64(b[40:]),
		RxDropped: ne.Uint64(b[48:]), TxDropped: ne.Uint64(b[56:]),
		Multicast: ne.Uint64(b[64:]), Collisions: ne.Uint64(b[72:]),
		RxLengthErrors: ne.Uint64(b[80:]), RxOverErrors: ne.Uint64(b[88:]),
		RxCRCErrors: ne.Uint64(b[96:]), RxFrameErrors: ne.Uint64(b[104:]),
		RxFIFOErrors: ne.Uint64(b[112:]), RxMissedErrors: ne.Uint64(b[120:]),
		TxAbortedErrors: ne.Uint64(b[128:]), TxCarrierErrors: ne.Uint64(b[136:]),
		TxFIFOErrors: ne.Uint64(b[144:]), TxHeartbeatErrors: ne.Uint64(b[152:]),
		TxWindowErrors: ne.Uint64(b[160:]),
	}
	return true
}

// LACP is what the kernel tells of link aggregation: of a member its own state,
// of a bond the part that its members share.
type LACP struct {
	Member       bool // of a bond that speaks LACP
	Bond8023AD   bool // a bond that speaks LACP
	Aggregator   uint16
	ActorOper    uint8 // sflow.LACPActivity …
	PartnerOper  uint8
	ActorSystem  sflow.MAC // of a bond; zero: its own address
	PartnerMAC   sflow.MAC // of a bond
	ActiveMember bool      // carries traffic
}
