package fact

// polls follow how often an interface is polled: one whose polling is stretched
// shows less than before. What was lost on the way stretches nothing: only polls
// count between which no datagram of the sub-agent is missing.
type polls struct {
	known        uint8  // gaps learned from, up to pollsLeast
	n            uint16 // of them in this epoch
	most, second int64  // the longest of this epoch, ns
	before       int64  // the second longest of the epoch before
	run          uint8  // gaps in a row that are longer than ever
	last         int64  // the last of these
	holes        uint32 // datagrams of the sub-agent that were missing until the last poll
	usual        int64  // while stretched: what was usual before; 0 it is not
	back         uint8  // gaps in a row that are usual again
	none         bool   // it has not been polled since it was found to be stretched
	times        uint8  // it was stretched before
	way          int64  // the longest gap that it comes back to again and again; 0 none
}

// NoPoll marks Polled's A where that is only how long ago the last poll was.
const NoPoll = 1 << 63

// Bounds of polls.
const (
	pollsLeast = 6          // gaps from which on something is concluded
	pollsEpoch = 64         // of which the longest but one is usual
	pollsRun   = 4          // long gaps in a row that prove that, alike or not
	pollsAlike = 5          // two in a row do that differ by less than a fifth
	pollsBack  = 2          // usual gaps in a row after which it is over
	pollsStop  = 4          // polls that are missing while samples go on
	pollsWay   = 3          // times stretched after which that is its way
	pollsSlack = 2 * second // an agent may be late by so much
)

// stretched reports whether a gap is longer than the usual ones by far.
func stretched(gap, usual int64) bool { return gap >= max(usual*5/2, usual+pollsSlack) }

// longest is the longest gap that is usual: some agents poll less often under load.
func (p *polls) longest(period int64) int64 { return max(period, p.second, p.before, p.way) }

// apart is how far apart polls are to be expected now.
func (p *polls) apart(period int64) int64 {
	if p.run > 0 {
		return max(period, p.last)
	}
	return period
}

// spared is how many datagrams may be missing of a gap that can not have been its
// polls: less than half of these.
func spared(gap, usual int64) uint32 {
	if usual <= 0 {
		return 0
	}
	return uint32(max((gap+usual/2)/usual-2, 0)) / 2
}

// see takes the gap before a poll. odd says that it is not to be learned from, and
// tell that it was found to be stretched, or no longer to be.
func (p *polls) see(gap, period int64, lost uint32) (odd, tell bool) {
	if usual := max(p.usual, p.longest(period)); lost > spared(gap, usual) || gap <= 0 {
		return p.usual != 0 || stretched(gap, usual), false
	}
	if p.usual != 0 {
		if stretched(gap, p.usual) {
			tell, p.none = p.none, false
			p.back, p.last = 0, max(p.last, gap)
			return false, tell
		}
		if p.back++; p.back < pollsBack {
			return false, false
		}
		anew := polls{known: pollsLeast, most: p.usual, second: p.usual, holes: p.holes, times: min(p.times+1, pollsWay), way: p.way}
		if anew.times == pollsWay {
			anew.way = max(p.way, p.last)
		}
		*p = anew
		return false, true
	}
	if usual := p.longest(period); p.known >= pollsLeast && stretched(gap, usual) {
		alike := p.run > 0 && gap-p.last < gap/pollsAlike && p.last-gap < gap/pollsAlike
		p.run, p.last = p.run+1, gap
		if !alike && p.run < pollsRun {
			return true, false
		}
		p.usual, p.run, p.back = usual, 0, 0
		return false, true
	}
	if p.run > 0 { // the one before was by chance
		p.learn(p.last)
		p.run = 0
	}
	p.learn(gap)
	return false, false
}

// learn takes a gap as a usual one.
func (p *polls) learn(gap int64) {
	p.known = min(p.known+1, pollsLeast)
	if p.n++; p.n > pollsEpoch {
		p.before, p.most, p.second, p.n = p.second, 0, 0, 1
	}
	if gap > p.most {
		p.most, p.second = gap, p.most
	} else if gap > p.second {
		p.second = gap
	}
}

// polled takes that an interface is polled again, and how often it is.
func (g *Gatherer) polled(p *port) {
	w := &p.polls
	gap := g.at - p.at
	if p.at == 0 || gap <= second/20 {
		p.at, w.holes = g.at, g.sub.holes
		return
	}
	odd, tell := w.see(gap, p.period, g.sub.holes-w.holes)
	w.holes = g.sub.holes
	good := p.at
	switch {
	case odd:
		p.at = g.at
	case w.usual != 0:
		p.period, p.at = gap, g.at
	default:
		if tell {
			p.period = gap
		}
		p.poll(g.at)
	}
	if tell {
		g.tellPolled(p, g.at, gap, good)
	}
}

// unpolled tells that an interface is polled no more while samples of the same
// sub-agent go on and none of its datagrams is missing.
func (g *Gatherer) unpolled(a *agent, p *port) {
	w := &p.polls
	s := a.known(p.sub)
	if s == nil || w.usual != 0 || w.known < pollsLeast || p.period == 0 {
		return
	}
	usual := w.longest(p.period)
	gap := s.at - p.at
	if gap < pollsStop*usual+second/2 || !stretched(gap, usual) || s.holes-w.holes > spared(gap, usual) {
		return
	}
	w.usual, w.run, w.back, w.last, w.none = usual, 0, 0, gap, true
	g.tellPolled(p, s.at, gap, p.at)
}

func (g *Gatherer) tellPolled(p *port, at, gap, good int64) {
	g.urgent = true
	f := Fact{Kind: Polled, Agent: p.agent.number, Sub: p.sub, Index: p.index, At: at, A: uint64(gap), B: uint64(p.polls.usual), C: uint64(good)}
	if p.polls.none {
		f.A |= NoPoll
	}
	g.tell(f)
}

// known returns a sub-agent that was heard, nil without.
func (a *agent) known(id uint32) *sub {
	if a.main.id == id {
		return &a.main
	}
	for _, s := range a.subs {
		if s.id == id {
			return s
		}
	}
	return nil
}
