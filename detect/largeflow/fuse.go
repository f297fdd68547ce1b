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
	level := levelOf(rho(r.Level) * t.cfg.Threshold.At(r.Point.Speed) / theta)
	budget := t.cfg.Budget.budgetLog(float64(max(r.Share, 1e-3))) + math.Log(total)

	x := (r.Sum.W + r.Onset.Sum.W - r.Onset.Lead.W) / p.weight()
	u := &f.fused
	begin := u.at
	if begun := r.Begun || !known; begun && r.Onset.At > u.at {
		begin = r.Onset.At
	}
	for j := range u.bank {
		b, h := &u.bank[j], &hypotheses[level][j]
		gain, drain := float64(h.gain), float64(h.drain)
		n := x
		if !known && b.s > 0 { // it was there before it was seen
			b.s = b.s - drain*mine*float64(max(u.at-b.start, 0))/1e9 + gain
			n++
		}
		b.s -= drain * total * float64(begin-u.at) / 1e9
		if b.s <= 0 {
			b.s, b.k, b.start = 0, 1, begin
		}
		b.k += n
		limit := float64(h.base) + budget
		b.s += gain*x - drain*total*float64(max(r.Last-begin, 0))/1e9
		b.s = min(b.s, topShare*limit)
		if b.s+gain < limit || f.cross.Member != 0 || seeing < 2 && f.begun {
			continue
		}
		if refuted(b.k, total*float64(r.Last-b.start)/1e9) {
			b.s, b.k, b.start = 0, 1, r.Last
			continue
		}
		f.cross = Crossing{
			Member: j + 1, Samples: b.k, Start: b.start, At: max(r.Last, u.at), Ratio: b.s + gain, Limit: limit, Rate: total,
			Theta: theta, Level: level,
		}
	}
	u.at = max(u.at, r.Last)
}
