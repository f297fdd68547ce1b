package site

import (
	"net/netip"
	"time"

	"weir/detect/site/silence"
)

// KeptNode is what is kept of a node over a restart beside State: what it has, who
// is attached where, and how it is heard. It is to be written as JSON.
type KeptNode struct {
	Key     string      `json:"key"`
	Parts   KeptParts   `json:"parts"`   // changes as the site does
	Learned KeptLearned `json:"learned"` // changes all the time, a little
}

// KeptParts is what a node has. The project of an instance stands beside its UUID,
// and what a port is known by beside that of its instance.
type KeptParts struct {
	Carries   bool           `json:"carries,omitempty"` // instances: it is no switch
	Own       []KeptAddress  `json:"own,omitempty"`
	Senders   []KeptSender   `json:"senders,omitempty"`
	Bridges   []KeptBridge   `json:"bridges,omitempty"`
	Ports     []KeptPort     `json:"ports,omitempty"`
	Instances []KeptInstance `json:"instances,omitempty"`
	At        []KeptPoint    `json:"at,omitempty"` // ports of switches that it is attached to, that it hangs on first
}

// KeptSender is who speaks for a node.
type KeptSender struct {
	Agent  netip.Addr `json:"agent"`
	Source netip.Addr `json:"source"`
}

// KeptBridge is a bridge.
type KeptBridge struct {
	Name      string   `json:"name"`
	Linux     bool     `json:"linux,omitempty"`
	Local     uint32   `json:"local,omitempty"` // index of its own port
	Datapaths []uint64 `json:"datapaths,omitempty"`
}

// KeptPort is an interface.
type KeptPort struct {
	Index    uint32        `json:"index"`
	Name     string        `json:"name,omitempty"`
	Sender   int           `json:"sender,omitempty"` // number in Senders, from 1; 0 unknown
	Sub      uint32        `json:"sub,omitempty"`
	Up       bool          `json:"up,omitempty"`
	Bridge   string        `json:"bridge,omitempty"` // that it is a port of
	Datapath uint64        `json:"datapath,omitempty"`
	Is       KeptIs        `json:"is,omitzero"`
	Group    uint32        `json:"group,omitempty"`
	Speed    uint64        `json:"speed,omitempty"`
	UUID     string        `json:"uuid,omitempty"` // of its instance
	Neutron  string        `json:"neutron,omitempty"`
	MACs     []KeptAddress `json:"macs,omitempty"`
	VLAN     uint32        `json:"vlan,omitempty"` // the segment that its agent says it is in
	VNI      uint32        `json:"vni,omitempty"`
	Network  string        `json:"network,omitempty"`
	Router   string        `json:"router,omitempty"` // MAC address of its next hop
}

// KeptIs is what a port is, as bits.
type KeptIs uint8

// Bits of KeptIs.
const (
	isInstance KeptIs = 1 << iota
	isLocal
	isBridge
	isBond
	isInternal
)

// KeptAddress is a MAC address with what it is known by.
type KeptAddress struct {
	MAC  string       `json:"mac"`
	IPs  []netip.Addr `json:"ips,omitempty"`
	VLAN uint32       `json:"vlan,omitempty"`
	VNI  uint32       `json:"vni,omitempty"`
	Many bool         `json:"many,omitempty"`
}

// KeptInstance is an instance.
type KeptInstance struct {
	UUID    string   `json:"uuid"`
	Name    string   `json:"name,omitempty"`
	Domain  string   `json:"domain,omitempty"`
	Project string   `json:"project,omitempty"`
	State   string   `json:"state,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	MACs    []string `json:"macs,omitempty"`
}

// KeptPoint is a port of a switch.
type KeptPoint struct {
	Node  string `json:"node"`
	Index uint32 `json:"index"`
}

// KeptLearned is how a node is heard, and where its traffic is seen.
type KeptLearned struct {
	Heard   time.Time    `json:"heard"`
	Streams []KeptStream `json:"streams,omitempty"`
	Sights  []KeptSight  `json:"sights,omitempty"`
}

// KeptStream is a sub-agent of a sender with its pace.
type KeptStream struct {
	Sender  int             `json:"sender"` // number in Senders, from 1
	Sub     uint32          `json:"sub"`
	Speaks  string          `json:"speaks,omitempty"`
	Agent   bool            `json:"agent,omitempty"` // it is the host agent's
	Beats   bool            `json:"beats,omitempty"`
	Samples bool            `json:"samples,omitempty"`
	Pace    silence.Learned `json:"pace,omitzero"`
	Traffic silence.Learned `json:"traffic,omitzero"`
}

// KeptSight is a place where an address of the node is seen by another.
type KeptSight struct {
	MAC    string     `json:"mac"`
	Node   string     `json:"node"`
	Agent  netip.Addr `json:"agent"`
	Source netip.Addr `json:"source"`
	Sub    uint32     `json:"sub,omitempty"`
	Input  uint32     `json:"input,omitempty"`
	Rate   float64    `json:"rate"` // samples a second
}
