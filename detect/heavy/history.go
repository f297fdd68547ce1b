package heavy

// granule is what was counted in a second or in ten.
type granule struct {
	w  uint64
	n  uint32
	sq float32
}

func (g *granule) add(w uint64, n uint32, sq float32) {
	g.w = add(g.w, w)
	g.n = add32(g.n, n)
	g.sq += sq
}

// history keeps the longer past of one key.
type history struct {
	owner   int32  // place of the key, or none
	next    int32  // in the list of free ones
	from    uint32 // complete from this slot on; 0 where it has all that the entry ever counted
	second  uint32 // newest granule of each ring
	decade  uint32
	seconds [seconds]granule // granule g at g mod its size
	decades [decades]granule
}

// begin clears the history for a key whose first slot is slot.
func (h *history) begin(owner int32, slot uint32) {
	*h = history{owner: owner, next: none, second: slot / secondSlots, decade: slot / decadeSlots}
}

// add counts a slot, which is at most a little older than the newest.
func (h *history) add(slot uint32, w uint64, n uint32, sq float32) {
	h.second = ringTo(h.seconds[:], h.second, slot/secondSlots)
	h.decade = ringTo(h.decades[:], h.decade, slot/decadeSlots)
	h.seconds[slot/secondSlots%seconds].add(w, n, sq)
	h.decades[slot/decadeSlots%decades].add(w, n, sq)
}

// ringTo clears what a ring must forget when granule g follows last, and
// returns the newest.
func ringTo[T any](ring []T, last, g uint32) uint32 {
	if g <= last {
		return last
	}
	size := uint32(len(ring))
	var zero T
	for i := range min(g-last, size) {
		ring[(g-i)%size] = zero
	}
	return g
}

// ringSum adds up the granules from slot from on. Where from is inside a granule
// that one is not in the sum but in edge. ok is false where the ring does not
// reach back to from.
func ringSum(ring []granule, last, size, from uint32) (s granule, edge uint64, ok bool) {
	count := uint32(len(ring))
	first := from / size
	if first+count <= last {
		return s, 0, false
	}
	if first*size != from {
		if first <= last {
			edge = ring[first%count].w
		}
		first++
	}
	for g := first; g <= last; g++ {
		x := &ring[g%count]
		s.add(x.w, x.n, x.sq)
	}
	return s, edge, true
}

// read adds up what was counted from slot from on, by the finest ring that
// reaches back to it, and what may be there beside: of a granule that from
// divides.
func (h *history) read(from uint32) (s granule, edge uint64, ok bool) {
	if s, edge, ok = ringSum(h.seconds[:], h.second, secondSlots, from); ok {
		return s, edge, true
	}
	return ringSum(h.decades[:], h.decade, decadeSlots, from)
}

// histories hands out a fixed number of them.
type histories struct {
	all  []history
	free int32  // head of the list
	hand uint32 // where the search for a lighter owner goes on
}

func newHistories(n int) histories {
	p := histories{all: make([]history, n)}
	p.reset()
	return p
}

func (p *histories) reset() {
	p.free = none
	for i := range p.all {
		p.all[i].owner = none
		p.all[i].next = p.free
		p.free = int32(i)
	}
}

func (p *histories) release(i int32) {
	p.all[i].owner = none
	p.all[i].next = p.free
	p.free = i
}
