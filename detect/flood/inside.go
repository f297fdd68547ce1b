package flood

import (
	"math/bits"
	"sync/atomic"

	"weir/decoder"
)

// Inside tells all shards at which ports packets were sampled before they got
// there: those behind the cut. Whoever sums over all agents leaves their
// samples out and so counts a packet once, where it enters. Ports that nothing
// is known of yet, and ports where both kinds come, are not inside: there a sum
// is too high, never too low. One per site, safe for concurrent use.
type Inside struct{ ports atomic.Pointer[portSet] }

// portSet is an immutable set of ports by open addressing.
type portSet struct {
	slots []uint64 // id and what; 0 is free
}

// What is known of a port of a portSet.
const (
	behind  = 1 << 63 // it is inside
	sampled = 1 << 62 // packets are sampled where they enter by it
	known   = behind | sampled
)

// packed is a port in one word: 62 bits, of which the ifIndex takes 32.
func (id portID) packed() uint64 { return (uint64(id.agent)<<32 | uint64(id.port)) &^ known }

func (s *portSet) place(id uint64) int {
	return int(mix(id, 0x9e3779b97f4a7c15) & uint64(len(s.slots)-1))
}

// Again reports whether the packet of a flow sample is sure to have been
// counted elsewhere: it was sampled behind the cut, or where it left an agent
// that samples where packets enter. It allocates nothing.
func (in *Inside) Again(f *decoder.Flow) bool {
	s := in.ports.Load()
	if s == nil {
		return false
	}
	id := portID{f.Est.Vantage.Agent, f.Sample.Input.Value | f.Sample.Input.Format<<30}.packed()
	for i := s.place(id); s.slots[i] != 0; i = (i + 1) & (len(s.slots) - 1) {
		if v := s.slots[i]; v&^known == id {
			return v&behind != 0 || v&sampled != 0 && f.Est.Vantage.Egress()
		}
	}
	return false
}

// publish replaces what in tells; nil where nothing is known.
func (c *cut) publish(in *Inside) {
	c.changed = false
	n := 0
	for _, p := range c.ports {
		if p.inside() || p.ingress {
			n++
		}
	}
	if n == 0 {
		in.ports.Store(nil)
		return
	}
	s := &portSet{slots: make([]uint64, 4<<bits.Len(uint(n)))}
	for id, p := range c.ports {
		what := uint64(0)
		if p.inside() {
			what |= behind
		}
		if p.ingress {
			what |= sampled
		}
		if what == 0 {
			continue
		}
		i := s.place(id.packed())
		for s.slots[i] != 0 {
			i = (i + 1) & (len(s.slots) - 1)
		}
		s.slots[i] = id.packed() | what
	}
	in.ports.Store(s)
}

// inside reports whether nearly all flows at a port were sampled elsewhere
// before; where the cut is configured, whether it is not of it.
func (p *portState) inside() bool {
	if p.configured {
		return !p.edge
	}
	all := p.entry + p.inner
	return all >= enoughFlows && p.entry <= 0.2*all
}
