package largeflow

import (
	"bytes"
	"cmp"

	"weir/decoder/packet"
)

// Passing is a large flow that passes an interface.
type Passing struct {
	Key           packet.Key
	BitsPerSecond float64
	Low, High     float64
}

// Passing returns the flows with an open alert that enter an agent by an
// interface, or leave by it, in no stated order.
func (t *Tracker) Passing(agent, iface uint32, out bool, now int64) []Passing {
	var all []Passing
	for _, f := range t.all {
		if f.state != Suspected && f.state != Confirmed || !f.passes(agent, iface, out) {
			continue
		}
		e := t.estimate(f, max(now, f.newest), t.shownSpan(f, t.threshold(f)), false)
		e.interval()
		all = append(all, Passing{f.key, e.BitsPerSecond, e.Low, e.High})
	}
	return all
}

func (f *flow) passes(agent, iface uint32, out bool) bool {
	for _, p := range f.points {
		port := p.Input
		if out {
			port = p.Output
		}
		if i, ok := port.Single(); ok && i == iface && p.Vantage.Agent == agent {
			return true
		}
	}
	return false
}

// CompareKeys orders keys by all their fields.
func CompareKeys(a, b *packet.Key) int {
	return cmp.Or(
		bytes.Compare(a.Src[:], b.Src[:]), bytes.Compare(a.Dst[:], b.Dst[:]), cmp.Compare(a.Domain, b.Domain),
		cmp.Compare(a.SrcPort, b.SrcPort), cmp.Compare(a.DstPort, b.DstPort), cmp.Compare(a.Proto, b.Proto),
	)
}

// Large calls each for every vantage point of every flow with an open alert, in
// the order of their coming.
func (t *Tracker) Large(each func(k *packet.Key, p *Point)) {
	for _, f := range t.all {
		if f.state != Suspected && f.state != Confirmed {
			continue
		}
		for _, p := range f.points {
			each(&f.key, &p.Point)
		}
	}
}
