package fact

import "math"

// yield follows how many samples a data source gives of what its interface's
// counters count, so that those that are missing can be told: sampling may take one
// direction or both, and leave out what is forwarded in hardware.
type yield struct {
	hits   uint64     // samples since its last poll
	scaled float64    // packets that these stand for
	n      float64    // samples learned from
	packet float64    // packets that these stand for
	passed [2]float64 // unicast packets in and out meanwhile
	empty  [2]float64 // the same of polls in a row without a sample
	polls  int        // of these
	told   bool

	// Of a bridge of Open vSwitch:
	lead    uint32 // the port whose poll ends a round
	leadAt  int64
	round   float64 // packets in since then
	spoiled bool    // a port's are not known
}

// Bounds of yield.
const (
	yieldLeast   = 30   // samples from which on something is concluded
	yieldMost    = 2000 // after which what was counted halves
	missingLeast = 32   // samples that must be missing: by chance all are once in e^32 times
	missingPolls = 2    // polls without any, at least
)

// firstWhole is the lowest index that Open vSwitch gives a bridge as a data source,
// which is of the class of entities: it samples what comes in at any of its ports.
const firstWhole = 1000

// expected is how many samples should have come of polls without one, at a rate:
// the fewest that either direction explains.
func (y *yield) expected(rate uint32) float64 {
	if y.n < yieldLeast || rate == 0 {
		return 0
	}
	least := math.Inf(1)
	for d := range y.passed {
		if y.passed[d] > 0 {
			least = min(least, y.packet/y.passed[d]*y.empty[d])
		}
	}
	if math.IsInf(least, 1) {
		return 0
	}
	return least * (1 - 2/math.Sqrt(y.n)) / float64(rate)
}

// learn takes what came since the last poll, with the polls without any before.
func (y *yield) learn(in, out float64) {
	y.n += float64(y.hits)
	y.packet += y.scaled
	y.passed[0] += in + y.empty[0]
	y.passed[1] += out + y.empty[1]
	y.anew()
	if y.n > yieldMost {
		y.n, y.packet, y.passed[0], y.passed[1] = y.n/2, y.packet/2, y.passed[0]/2, y.passed[1]/2
	}
}

// anew begins to count anew; what is usual stays.
func (y *yield) anew() {
	y.hits, y.scaled, y.empty, y.polls = 0, 0, [2]float64{}, 0
}

// yielded compares the samples of a data source with its interface's counters, in
// unicast packets since the last poll; known is false where these began anew.
func (g *Gatherer) yielded(p *port, in, out uint32, known bool) {
	if pt := g.sub.whole; pt != nil && p.datapath != 0 {
		g.yieldedWhole(pt, p, in, known)
	}
	pt := g.cur.sampled[p.index]
	switch {
	case pt == nil:
	case !known:
		pt.yield.anew()
	default:
		g.judgeYield(pt, float64(in), float64(out))
	}
}

// leadFor is how long the poll of a bridge's port is waited for.
const leadFor = 60 * second

// yieldedWhole adds up what came in at the ports of a bridge that is sampled as a
// whole: a round is from one poll of a port of it to the next.
func (g *Gatherer) yieldedWhole(pt *point, p *port, in uint32, known bool) {
	y := &pt.yield
	y.round += float64(in)
	y.spoiled = y.spoiled || !known
	if y.lead != p.index {
		if y.lead != 0 && g.at-y.leadAt < leadFor {
			return
		}
		y.lead, y.spoiled = p.index, true
	}
	in0, spoiled := y.round, y.spoiled
	y.leadAt, y.round, y.spoiled = g.at, 0, false
	if spoiled {
		y.anew()
		return
	}
	g.judgeYield(pt, in0, 0)
}

// judgeYield takes what passed a data source since its last poll.
func (g *Gatherer) judgeYield(pt *point, in, out float64) {
	y := &pt.yield
	f := Fact{Kind: Unsampled, Agent: pt.agent, Sub: pt.sub, Index: pt.index, At: g.at, C: uint64(pt.at)}
	if y.hits > 0 || y.n < yieldLeast {
		if y.told { // what was not sampled is no yield
			y.told, y.empty = false, [2]float64{}
			g.tell(f)
		}
		y.learn(in, out)
		return
	}
	if y.told {
		return
	}
	y.empty[0], y.empty[1], y.polls = y.empty[0]+in, y.empty[1]+out, y.polls+1
	if n := y.expected(pt.rate); n >= missingLeast && y.polls >= missingPolls {
		y.told, g.urgent = true, true
		f.A, f.B = uint64(n), uint64(pt.rate)
		g.tell(f)
	}
}
