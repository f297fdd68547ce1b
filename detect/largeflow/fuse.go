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
	}
	at int64 // ns, to which time has drained
}

// fuse adds a record of point p, which was known before or not.
func (t *Tracker) fuse(f *flow, p *point, r *Record, known bool) {
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
	now := max(u.at, r.Last)
	for j := range u.bank {
		b, h := &u.bank[j], &hypotheses[level][j]
		gain, drain := float64(h.gain), float64(h.drain)/1e9
		from, n := u.at, x // drained up to from; samples to add
		switch {
		case r.Begun || !known:
			b.s -= drain * total * float64(max(r.Onset.At-u.at, 0))
			if b.s <= 0 {
				b.s, b.k, b.start, from = 0, 1, r.Onset.At, r.Onset.At
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
			b.s, b.k, b.start, from, n = 0, 1, r.First, r.First, max(x-1, 0)
		case b.s <= 0:
			b.s, b.k, b.start = 0, 1, u.at
		}
		b.k += n
		limit := float64(h.base) + budget
		b.s = min(b.s+gain*n-drain*total*float64(now-from), topShare*limit)
		if b.s+gain < limit || f.cross.Member != 0 || seeing < 2 && f.begun {
			continue
		}
		if refuted(b.k, total*float64(now-b.start)/1e9) {
			b.s, b.k, b.start = 0, 1, now
			continue
		}
		f.cross = Crossing{
			Member: j + 1, Samples: b.k, Start: b.start, At: now, Ratio: b.s + gain, Limit: limit, Rate: total,
			Theta: theta, Level: level, Points: seeing,
		}
	}
	u.at = now
}
