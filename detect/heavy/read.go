package heavy

import "math"

// reading is what an entry knows of a window: at least w, at most most.
type reading struct {
	granule
	most uint64
}

// read returns what an entry counted in slots from to to, relative ones.
func (t *table) read(e *entry, from, to uint32) reading {
	var h *history
	if e.history >= 0 {
		h = &t.old.all[e.history]
	}
	return e.read(h, from, to)
}

func (e *entry) read(h *history, from, to uint32) reading {
	if e.last < from || to < from {
		return reading{}
	}
	if from+pastSlots >= e.last {
		g := e.recent(from, to)
		return reading{g, g.w}
	}
	r := e.long(h, from)
	if to >= e.last {
		return r
	}
	if to+reachSlots < e.last { // weight behind the window cannot be told from weight in it
		return reading{most: r.most}
	}
	after := e.recent(to+1, e.last)
	r.w = r.w - min(r.w, after.w)
	r.n -= min(r.n, after.n)
	r.sq = max(0, r.sq-after.sq)
	r.most = sub(r.most, after.w)
	return r
}

// recent adds up slots that are current or past, one by one.
func (e *entry) recent(from, to uint32) granule {
	var g granule
	if to >= e.last {
		g = granule{e.w, e.n, e.sq}
		to = e.last - 1
	}
	for s := max(from, e.past()); s <= to; s++ {
		i := s % pastSlots
		if w := e.pastW[i]; w > 0 {
			n, sq := unpack(e.pastS[i], w)
			g.add(w, n, sq)
		}
	}
	return g
}

// most returns upper bounds of what an entry without history counted in the
// longest windows of the three tiers.
func (e *entry) most(now uint32) (v [3]uint64) {
	if now-e.last >= reachDecades {
		return v
	}
	all := add(e.total, e.w)
	if e.turned() {
		all = add(all, e.prev)
	}
	v[2] = all
	if now-e.last >= reachSeconds {
		return v
	}
	v[1] = all
	switch {
	case now-e.last >= reachSlots:
	case now-min(e.since, now) < reachSlots && !e.turned():
		v[0] = all
	default:
		v[0] = e.w
		for s := max(now-pastSlots, e.past()); s < e.last; s++ {
			v[0] = add(v[0], e.pastW[s%pastSlots])
		}
	}
	return v
}

// long reads from a slot before the past ones up to the current one.
func (e *entry) long(h *history, from uint32) reading {
	all := granule{e.total, e.totalN, e.totalSq}
	all.add(e.w, e.n, e.sq)
	if from <= e.since && !e.turned() {
		return reading{all, all.w}
	}
	// Weight before since was in prev; what total had before that turn is
	// before every window.
	most := all.w
	if from < e.since {
		most = add(most, e.prev)
	}
	known := e.recent(from, e.last)
	if from <= e.since && all.w > known.w {
		known = all
	}
	if h == nil {
		return reading{known, most}
	}
	g, edge, ok := h.read(from)
	if !ok {
		return reading{known, most}
	}
	g.add(e.w, e.n, e.sq)
	if from >= h.from {
		most = min(most, add(g.w, edge))
	}
	if g.w < known.w {
		g = known
	}
	return reading{g, most}
}

// Estimate is what a summary knows of a key in a window.
type Estimate struct {
	Lower, Upper uint64  // bounds of the weight
	Samples      uint64  // behind Lower
	Squares      float64 // sum of squared weights behind Lower
	Distinct     Distinct
}

// Exact reports that the weight is known.
func (e *Estimate) Exact() bool { return e.Lower == e.Upper }

// Effective returns the number of samples of equal weight that would tell as
// much as these of different weights: (Σw)²/Σw², at most Samples.
func (e *Estimate) Effective() float64 {
	if e.Squares <= 0 {
		return 0
	}
	l := float64(e.Lower)
	return min(l*l/e.Squares, float64(e.Samples))
}

// estimate joins what an entry knows and what its bucket forgot.
func (t *table) estimate(place int, w Window) Estimate {
	from, to := t.rel(w.From), t.rel(w.To)
	e := &t.entries[place]
	r := t.read(e, from, to)
	est := Estimate{
		Lower: r.w, Samples: uint64(r.n), Squares: float64(r.sq),
		Upper: add(r.most, t.evicted[place/ways].bound(from, e.admitted, t.rel(t.now))),
	}
	if t.members != nil {
		est.Distinct = t.distinct(place)
	}
	return est
}

// unknown is the estimate of a key of the bucket that has no place.
func (t *table) unknown(at uint64, w Window) Estimate {
	now := t.rel(t.now)
	return Estimate{Upper: t.evicted[at].bound(t.rel(w.From), now, now)}
}

// tooEarly reports that nothing is known of the window's first slots.
func (t *table) tooEarly(w Window) bool {
	return w.From-t.base < 0 || tierOf(t.rel(w.From), t.rel(t.now)) < 0
}

// lookup returns the estimate for a hash, and its place or none.
func (t *table) lookup(hash uint64, w Window) (Estimate, int) {
	if !t.begun {
		return Estimate{}, none
	}
	at := hash >> 1 & t.mask
	i := t.buckets[at].find(hash | 1)
	if i < 0 {
		est := t.unknown(at, w)
		if t.tooEarly(w) {
			est.Upper = math.MaxUint64
		}
		return est, none
	}
	place := int(at)*ways + i
	est := t.estimate(place, w)
	if t.tooEarly(w) {
		est = Estimate{Upper: math.MaxUint64, Distinct: est.Distinct}
	}
	return est, place
}
