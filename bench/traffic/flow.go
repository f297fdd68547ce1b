package traffic

import (
	"math/bits"
	"time"
)

// flow is a Flow while it is active, and its truth for ever.
type flow struct {
	Flow
	id     int
	hops   []hop
	before []uint64 // octets of the cycle's frames before each
	cycle  uint64   // octets of all frames once
	sent   uint64   // packets
	frame  frame
}

// hop is a Hop with its agent's parts found.
type hop struct {
	agent   *agent
	in, out *port
	source  *source // nil: not sampled here
	egress  *source // nil: not sampled again as it leaves
	ttl     uint8   // of the flow's packets here
	mac     [6]byte // source address here, of whom sent them
}

// sum returns the octets of the first n packets.
func (f *flow) sum(n uint64) uint64 {
	k := uint64(len(f.before))
	return n/k*f.cycle + f.before[n%k]
}

func (f *flow) size(k uint64) int { return f.Frames[k%uint64(len(f.Frames))] }

// due returns how many packets have been sent at time t: a packet leaves once
// the rate has earned all before it, so the first leaves at once.
func (f *flow) due(t time.Duration) uint64 {
	if f.Stop > 0 {
		t = min(t, f.Stop)
	}
	hi, lo := bits.Mul64(f.Rate, uint64(t-f.Start))
	earned, _ := bits.Div64(hi, lo, 8e9)
	n := earned / f.cycle * uint64(len(f.before))
	for _, b := range f.before {
		if b > earned%f.cycle {
			break
		}
		n++
	}
	return n
}

// at returns when packet k leaves.
func (f *flow) at(k uint64) time.Duration {
	hi, lo := bits.Mul64(f.sum(k), 8e9)
	ns, _ := bits.Div64(hi, lo, f.Rate)
	return f.Start + time.Duration(ns)
}

// Truth is what a flow really sent.
type Truth struct {
	Flow    Flow
	Packets uint64
	Octets  uint64   // with Ethernet header and FCS
	Slots   []uint64 // octets in each Config.Truth, from Config.Start; nil without
}

// Truths returns every flow so far, in order of admission, with what it sent up
// to Now. Without Config.Truth only the active ones are known.
func (n *Network) Truths() []Truth {
	if n.cfg.Truth == 0 {
		all := make([]Truth, 0, len(n.active))
		for _, f := range n.active {
			all = append(all, Truth{Flow: f.Flow, Packets: f.sent, Octets: f.sum(f.sent)})
		}
		return all
	}
	return n.truth
}

// record adds what f sent in the tick that ends at t.
func (n *Network) record(f *flow, packets, octets uint64, t time.Duration) {
	if n.cfg.Truth == 0 {
		return
	}
	tr := &n.truth[f.id]
	tr.Packets += packets
	tr.Octets += octets
	slot := int((t - 1) / n.cfg.Truth)
	for len(tr.Slots) <= slot {
		tr.Slots = append(tr.Slots, 0)
	}
	tr.Slots[slot] += octets
}
