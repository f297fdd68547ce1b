package decoder

import (
	"net/netip"
	"time"

	"weir/decoder/packet"
	"weir/decoder/sflow"
)

// Handler receives the events of one datagram, in its order: first the
// Arrival, then one event per good sample. What it is given is reused; copy
// what must outlive the call.
type Handler interface {
	Arrival(*Arrival)
	Flow(*Flow)
	Counters(*Counters)
	Discard(*Discard)
	Metrics(*Metrics)
}

// Arrival is one datagram whose head could be read.
type Arrival struct {
	At       time.Time      // receive time, kernel's or the capture's
	From     netip.AddrPort // UDP source
	Agent    netip.Addr     // agent_address; From's address where the agent sent type 0
	SubAgent uint32
	Sequence sflow.Seq
	Uptime   uint32 // milliseconds
	Samples  uint32 // as the head says
	Octets   int    // of the payload
}

// Seen is a set of extended flow records that a sample carried.
type Seen uint32

// Members of Seen. Those marked decoded have their values in Flow; the others
// are found with Flow.Record.
const (
	SeenHeader    Seen = 1 << iota // 1: decoded
	SeenEthernet                   // 2: decoded
	SeenIPv4                       // 3: decoded
	SeenIPv6                       // 4: decoded
	SeenSwitch                     // 1001: decoded
	SeenRouter                     // 1002
	SeenGateway                    // 1003
	SeenTunnelOut                  // 1021, 1023, 1025
	SeenTunnelIn                   // 1022, 1024, 1026
	SeenVNIOut                     // 1029: decoded
	SeenVNIIn                      // 1030: decoded
	SeenTimestamp                  // 1043: decoded
	SeenTCPInfo                    // 2209
	SeenEntities                   // 2210
	SeenFunction                   // 1038
	SeenReason                     // 1041, 1042
	SeenOther                      // any other
)

// Packet is what a flow or discard sample says of the sampled packet.
type Packet struct {
	Header      packet.Header
	FrameLength uint32 // octets on the wire, up to 64 KiB with segmentation offload; 0 unknown
	Seen        Seen
	InVLAN      uint32 // extended_switch; valid with SeenSwitch
	OutVLAN     uint32
	InVNI       uint32 // 1030; valid with SeenVNIIn
	OutVNI      uint32 // 1029; valid with SeenVNIOut
	Timestamp   uint64 // 1043: ns since the epoch; valid with SeenTimestamp
	HeaderBytes []byte // the sampled header, referring to the datagram; nil without

	HeaderProtocol packet.Protocol // of HeaderBytes
}

// FlowsKept is how many flow samples of a datagram a Handler may gather before
// it looks at them: a Flow stays as it is while it is among so many newest, and
// until Decode returns.
const FlowsKept = 8

// Flow is one flow sample.
type Flow struct {
	*Arrival
	Sample sflow.FlowSample
	Packet
	Est FlowEst // filled by the registry before any observer
}

// FlowEst is what the registry adds to a flow sample.
type FlowEst struct {
	SamplingRate uint32    // effective packets per sample, never 0; the sample's own until more is known
	Vantage      Vantage   // the observation point the sample belongs to
	Speed        uint64    // bit/s of the interface the flow is judged by; 0 unknown
	Class        PortClass // of that interface
	UptimeBefore uint32    // ms, uptime of the sub-agent's datagram before: the sample was taken after that and not after Uptime; 0 unknown
}

// PortClass is what an interface leads to, as far as its name tells.
type PortClass uint8

// The classes.
const (
	PortUnknown  PortClass = iota
	PortPhysical           // anything named that is none of the others
	PortInstance           // a virtual machine or container
	PortBridge             // a bridge's own port
	PortClasses            // how many there are
)

// Vantage is one point where traffic is sampled once: a data source in one
// direction. Estimates of one flow at several vantage points are never added.
type Vantage struct {
	Agent  uint32 // number of the agent in this process, from 1
	Source uint32 // number of the data source within the agent, twice, and one more where packets leave
}

// Egress reports whether packets are sampled there where they leave the agent. A
// packet passes an agent at most once in each direction: vantage points of one agent
// and one direction see different packets and may be added for keys coarser than a
// flow, those of different directions never.
func (v Vantage) Egress() bool { return v.Source&1 == 1 }

// Counters is one counter sample.
type Counters struct {
	*Arrival
	Sample sflow.CounterSample
}

// Discard is one discarded packet.
type Discard struct {
	*Arrival
	Sample sflow.DiscardSample
	Packet
}

// Metrics is an rtmetric or rtflow sample, undecoded.
type Metrics struct {
	*Arrival
	Sample sflow.Sample
}
