package heavy

import "math"

// reading is what an entry knows of a window: at least w, at most most.
type reading struct {
	granule
	most uint64
}

// read returns what was counted for a place in slots from to to, relative ones.
func (t *Table) read(place int, from, to uint32) reading {
	e := t.at(place)
	var h *history
	if e.history >= 0 {
		h = &t.old.all[e.history]
	}
	return e.read(&t.past[place], h, from, to)
}

func (e *entry) read(p *past, h *history, from, to uint32) reading {
	if e.last < from || to < from {
		return reading{}
	}
	if from+pastSlots >= e.last {
		g := e.recent(p, from, to)
		return reading{g, g.w}
	}
	r := e.long(p, h, from)
	if to >= e.last {
		return r
	}
	if to+reachSlots < e.last { // weight behind the window cannot be told from weight in it
		return reading{most: r.most}
	}
	after := e.recent(p, to+1, e.last)
	r.w = r.w - min(r.w, after.w)
	r.n -= min(r.n, after.n)
	r.sq = max(0, r.sq-after.sq)
	r.most = sub(r.most, after.w)
	return r
}

// recent adds up slots that are current or past, one by one.
func (e *entry) recent(p *past, from, to uint32) granule {
	var g granule
	if to >= e.last {
		g = granule{e.w, e.n, e.sq}
		to = e.last - 1
	}
	for s := max(from, e.first()); s <= to; s++ {
		i := s % pastSlots
		if w := p.w[i]; w > 0 {
			n, sq := unpack(p.s[i], w)
			g.add(w, n, sq)
		}
	}
	return g
}

// most returns upper bounds of what an entry without history counted in the
// longest windows of the three tiers.
func (e *entry) most(p *past, now uint32) (v [3]uint64) {
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
		for s := max(now-pastSlots, e.first()); s < e.last; s++ {
			v[0] = add(v[0], p.w[s%pastSlots])
		}
	}
	return v
}

// long reads from a slot before the past ones up to the current one.
func (e *entry) long(p *past, h *history, from uint32) reading {
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
	known := e.recent(p, from, e.last)
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

// Effective returns the number of samples of equal weight that would tell as
// much as these of different weights: (Σw)²/Σw², at most Samples.
func (e *Estimate) Effective() float64 {
	if e.Squares <= 0 {
		return 0
	}
	l := float64(e.Lower)
	return min(l*l/e.Squares, float64(e.Samples))
}

// estimate is bounds with the distinct members.
func (t *Table) estimate(place int, w Window) Estimate {
	est := t.bounds(place, w)
	if t.members != nil {
		est.Distinct = t.distinct(place)
	}
	return est
}

// bounds joins what an entry knows and what its bucket forgot.
func (t *Table) bounds(place int, w Window) Estimate {
	from, to := t.rel(w.From), t.rel(w.To)
	e := t.at(place)
	r := t.read(place, from, to)
	return Estimate{
		Lower: r.w, Samples: uint64(r.n), Squares: float64(r.sq),
		Upper: add(r.most, t.evicted[place/ways].bound(from, e.admitted, t.rel(t.now))),
	}
}

// unknown is the estimate of a key of the bucket that has no place.
func (t *Table) unknown(at uint64, w Window) Estimate {
	now := t.rel(t.now)
	return Estimate{Upper: t.evicted[at].bound(t.rel(w.From), now, now)}
}

// tooEarly reports that nothing is known of the window's first slots.
func (t *Table) tooEarly(w Window) bool {
	return w.From-t.base < 0 || tierOf(t.rel(w.From), t.rel(t.now)) < 0
}

// lookup returns the estimate for a hash, and its place or none.
func (t *Table) lookup(hash uint64, w Window) (Estimate, int) {
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
