package largeflow

import "math"

// fused is the bank over all vantage points of a flow. Samplers at different
// points draw independently of each other, so that what they draw together is
// one Poisson process of the sum of their rates: a sample counts the same
// whoever took it, and the drain is that of all.
type fused struct {
	bank [banks]struct {
		s, k  float64
		start int64
		idle  float64 // samples that a flow at the threshold would have given in times that are left out
	}
	at int64 // ns, to which time has drained
}

// idle returns how much longer the time has become that says nothing at a
// point, in ns, of whose onset now is known and before was.
func idle(before, now *Onset, known, begun bool) int64 {
	switch {
	case begun:
		return now.from() - now.At
	case known && now.At == before.At:
		return max(now.from()-before.from(), 0)
	}
	return 0
}

// fuse adds a record of point p, which was known before or not; idle is how
// much longer, in ns, the flow's onset has become there with it. What arrives
// during an onset is not counted, and so is the time left out.
func (t *Tracker) fuse(f *flow, p *point, r *Record, known bool, idle int64) {
	if f.state != Quiet {
		return
	}
	if r.Cross.Member != 0 && f.cross.Member == 0 {
		f.cross = r.Cross
	}
	theta := t.threshold(f)
	total, seeing := 0.0, 0
	for _, q := range f.points {
		if q == p || r.Last-q.last < forgetAfter {
			total += theta / 8 / q.weight()
			seeing++
		}
	}
	mine := theta / 8 / p.weight()
	level := levelOf(rho(r.Level) * t.at(&r.Point) / theta)
	budget := t.cfg.Budget.budgetLog(float64(max(r.Share, 1e-3))) + math.Log(total)

	u := &f.fused
	x := (r.Sum.W + r.Onset.Sum.W - r.Onset.Lead.W) / p.weight()
	if known {
		f.heard += x
	}
	now := max(u.at, r.Last)
	for j := range u.bank {
		b, h := &u.bank[j], &hypotheses[level][j]
		gain, drain := float64(h.gain), float64(h.drain)/1e9
		from, n := u.at, x // drained up to from; samples to add
		switch {
		case r.Begun || !known:
			b.s -= drain * total * float64(max(r.Onset.At-u.at, 0))
			if b.s <= 0 {
				b.s, b.k, b.start, b.idle, from = 0, 1, r.Onset.At, 0, r.Onset.At
				break
			}
			n++ // what arrived with the first counts as one
			from = max(u.at, r.Onset.At)
			if !known { // it was there before it was seen
				b.s -= drain * mine * float64(max(from-b.start, 0))
			}
			if r.Onset.At < b.start {
				b.s -= drain * total * float64(b.start-r.Onset.At)
				b.start = r.Onset.At
			}
		case b.s <= 0 && r.First < u.at:
			b.s, b.k, b.start, b.idle, from, n = 0, 1, r.First, 0, r.First, max(x-1, 0)
		case b.s <= 0:
			b.s, b.k, b.start, b.idle = 0, 1, u.at, 0
		}
		b.k += n
		b.s += drain * mine * float64(idle)
		b.idle += mine * float64(idle) / 1e9
		limit := float64(h.base) + budget
		b.s = min(b.s+gain*n-drain*total*float64(now-from), topShare*limit)
		if b.s+gain < limit || f.cross.Member != 0 || seeing < 2 && f.begun {
			continue
		}
		if refuted(b.k, total*float64(now-b.start)/1e9-b.idle) {
			b.s, b.k, b.start, b.idle = 0, 1, now, 0
			continue
		}
		f.cross = Crossing{
			Member: j + 1, Samples: b.k, Start: b.start, At: now, Ratio: b.s + gain, Limit: limit, Rate: total,
			Theta: theta, Level: level, Points: seeing, Idle: b.idle / total,
		}
	}
	u.at = now
}
