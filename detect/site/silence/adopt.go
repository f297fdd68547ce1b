package silence

// Adopt takes a period that is proven otherwise, in ns, in place of what was
// learned: the sender has another pace now. What it loses stays known.
func (p *Pace) Adopt(period int64) {
	p.hist = [bins]uint16{}
	p.hist[bin(period)] = learnt
	p.n, p.since, p.out = learnt, 0, 0
	p.fine, p.period = 0, 0
	p.learn()
}
