package sampler

import "strconv"

// Direction says which packets of an interface are sampled. Ingress alone is
// enough to see every packet of the node's instances once, and costs a packet
// that leaves nothing; egress makes the kernel clone each one.
type Direction uint8

// The directions; they may be joined.
const (
	Ingress Direction = 1 << iota // received by the interface: from the wire, from the instance behind a tap
	Egress                        // sent by the interface
)

// String returns the configuration's word.
func (d Direction) String() string {
	switch d {
	case Ingress:
		return "ingress"
	case Egress:
		return "egress"
	case Ingress | Egress:
		return "both"
	}
	return strconv.Itoa(int(d))
}

// Interface is one interface to be sampled: a data source.
type Interface struct {
	Index  uint32
	Name   string
	Speed  uint64 // bits a second; 0 unknown
	Uplink bool   // leads out of the node: keeps its floor of samples and its coarsest rate

	Rate       uint32    // one packet in Rate; 0 adapts to the budget
	Directions Direction // 0 is Ingress

	// Control asks for every ARP and every DHCP request that comes in, besides
	// the samples: see Config.Control. The interface must be Ethernet.
	Control bool
}

// The sampling of an uplink is never sparser than this, whatever the budget.
const (
	uplinkFloor = 20        // samples a second
	bitsPerRate = 1_000_000 // an uplink's rate is at most its speed by this
)

// coarsest returns the largest rate that adapting may choose.
func (i *Interface) coarsest() uint32 {
	if i.Uplink && i.Speed > 0 {
		return uint32(min(max(i.Speed/bitsPerRate, 1), maxRate))
	}
	return maxRate
}

// maxRate keeps the error of a draw from 32 random bits below a thousandth.
const maxRate = 1 << 22

func (i *Interface) directions() Direction {
	if i.Directions == 0 {
		return Ingress
	}
	return i.Directions
}
