// Package silence tells when a sender that speaks by itself has fallen silent.
// It learns the pace of each sender and how much of what it sends is lost, and
// from both a deadline that a given number of false alarms a year keeps. How much
// is lost is counted in datagrams, and how long runs of losses are in beats: all
// that is lost within a second is one beat of a sender that beats once a second.
//
// A pace is learned from what does not depend on traffic: datagrams with
// counters, or heartbeats. A sender of flow samples alone has none; it is given
// a long deadline.
package silence

import (
	"math"
	"time"
)

// SecondsOfYear is how long a year is, in which all senders may be wrong once.
const SecondsOfYear = 365 * 86400.0

const (
	perOctave = 8
	firstGap  = int64(20 * time.Millisecond)
	bins      = 19 * perOctave // to 20 ms * 2^19, about three hours

	memory   = 512 // gaps; then the oldest count half
	learnt   = 6   // gaps from which on a pace is known
	lossMind = 2000

	year = SecondsOfYear * float64(time.Second)
)

// Pace is the pace of one sender. The zero value has learned nothing. It takes
// about 400 octets.
type Pace struct {
	hist  [bins]uint16
	n     int
	since int // gaps since the deadline was last worked out

	last   int64 // last beat, ns
	sent   float64
	lost   float64
	gone   float64 // datagrams lost since the last beat
	run    runs
	period int64
	fine   float64 // mean of the gaps about the period, which bins are too coarse for
	worst  int64   // longest gap remembered
	out    int     // gaps in a row that were too long to learn from
	steady bool
}

func bin(gap int64) int {
	if gap <= firstGap {
		return 0
	}
	return min(int(perOctave*math.Log2(float64(gap)/float64(firstGap)))+1, bins-1)
}

// edge is the upper end of a bin.
func edge(i int) int64 { return int64(float64(firstGap) * math.Exp2(float64(i)/perOctave)) }

// Beat notes that the sender spoke at, in ns, and returns how many beats of it
// were lost before. deadline is the one in force, 0 without: a longer gap was a
// silence and is not learned from, unless it happens three times in a row. Count
// is to be called before, for the same datagram.
func (p *Pace) Beat(at, deadline int64) (missed int) {
	gap, gone := at-p.last, p.gone
	p.gone = 0
	if p.last == 0 || gap <= 0 {
		p.last = max(p.last, at)
		return 0
	}
	p.last = at
	if gone > 0 && p.period > 0 {
		missed = int(min(float64(gap)/float64(p.period)-0.5, gone))
		p.run.add(missed, runMind)
	}
	whole := gap
	gap /= int64(missed + 1) // it had its pace all the while
	if deadline > 0 && whole > deadline {
		if p.out++; p.out < 3 {
			return missed
		}
	}
	if gap > p.period/2 {
		p.out = 0
	}
	if near(float64(gap), float64(p.period)) {
		if p.fine == 0 {
			p.fine = float64(gap)
		}
		p.fine += (float64(gap) - p.fine) / 16
	}
	p.hist[bin(gap)]++
	p.n++
	p.since++
	if p.n >= memory {
		p.n = 0
		for i := range p.hist {
			p.hist[i] /= 2
			p.n += int(p.hist[i])
		}
	}
	return missed
}

// Count notes how many datagrams came and how many were lost before them, in
// one gap of the sequence.
func (p *Pace) Count(came, lost uint32) {
	p.sent += float64(came + lost)
	p.lost += float64(lost)
	p.gone += float64(lost)
	if p.sent > lossMind {
		p.sent, p.lost = p.sent/2, p.lost/2
	}
}

// Reset forgets the last beat: what follows is no gap.
func (p *Pace) Reset() { p.last, p.out = 0, 0 }

// Loss is the share of datagrams that is lost, never quite zero.
func (p *Pace) Loss() float64 { return min((p.lost+0.1)/(p.sent+100), 0.9) }

// What is usual among all counts for so many datagrams, and so many losses, of
// this sender.
const (
	expectedSent = 400
	expected     = 60
)

// Of a sender that loses about as much as all do, what all lose tells more than
// the little that it has lost itself; apart is by how many deviations it is
// another's way.
const (
	expectedLike = 2000
	apart        = 3
)

// share is Loss with what is usual among all.
func (p *Pace) share(all *Losses) float64 {
	usual, weight := all.Share(), float64(expectedLike)
	if p.lost-p.sent*usual > apart*math.Sqrt(p.sent*usual+0.1) {
		weight = expectedSent
	}
	return min((p.lost+0.1+weight*usual)/(p.sent+100+weight), 0.9)
}

// burst is how likely a lost beat follows a lost beat.
func (p *Pace) burst(all *Losses) float64 {
	pairs := p.run.pairs()
	if pairs >= 2 { // few runs tell little: rather too long
		pairs += math.Sqrt(pairs)
	}
	return min(max((pairs+expected*all.burst(p.period))/(p.run.lost+expected), p.share(all)), 0.98)
}

// Period is the learned pace in ns, 0 while unknown.
func (p *Pace) Period() int64 {
	if p.n < learnt {
		return 0
	}
	if p.since >= 8 || p.period == 0 {
		p.learn()
	}
	if near(p.fine, float64(p.period)) && p.steady {
		return int64(p.fine)
	}
	return p.period
}

// near reports whether a gap is one of those that a period was learned from.
func near(gap, period float64) bool { return gap > 0.75*period && gap < 1.1*period }

// learn works the period out: the gap in which a random instant falls half of
// the times, or nine of ten times where little is lost. By time, not by count:
// a poll is often several datagrams at once.
func (p *Pace) learn() {
	p.since = 0
	total := 0.0
	p.worst = 0
	for i, c := range p.hist {
		total += float64(c) * float64(edge(i))
		if c > 0 {
			p.worst = edge(i)
		}
	}
	half, most := p.quantile(total, 0.5), p.quantile(total, 0.9)
	p.steady = most <= half*3/2
	p.period = half
	if p.Loss() < 0.03 {
		p.period = most
	}
}

func (p *Pace) quantile(total, q float64) int64 {
	sum := 0.0
	for i, c := range p.hist {
		if sum += float64(c) * float64(edge(i)); sum >= q*total {
			return edge(i)
		}
	}
	return edge(bins - 1)
}

// Limits of what is concluded.
const (
	MinMisses = 3 // beats in a row that must be missing at least
	maxMisses = 60
)

// Misses returns how many beats in a row must be missing so that loss alone
// explains it less than once in a year over perYear senders.
func Misses(period int64, loss, burst, perYear float64) int {
	beats := year / float64(period) * perYear
	m := 1
	for p := loss * beats; p*(1-burst) > 1 && m < maxMisses; m++ {
		p *= burst
	}
	return min(max(m, MinMisses), maxMisses)
}

// Deadline returns how long after its last beat the sender is silent, in ns,
// and how many beats that is; ok is false while too little is known. senders is
// how many are judged at once: all of them together may be wrong once a year.
// all is what they lose together.
//
// Whether others lose something at the same time is not asked. It would tell how much
// of the losses is this sender's own: where that is a tenth, ln(10)/-ln(burst) beats
// less are needed. Of 1,000 senders that beat once a second and lose 1 % in runs of
// three, that is 41 in place of 47, and 36 where it is a hundredth, which only so many
// runs can show. Where each beat is lost by itself, as in bursts that are shorter than
// a period, the same would save two of six. Neither is built: nobody has measured how
// often the losses of real senders are common, and a sender with a bad way of its own
// would be called silent too soon. What else comes by the same way is asked, by Alone.
func (p *Pace) Deadline(senders int, all *Losses) (d int64, misses int, ok bool) {
	period := p.Period()
	if period == 0 {
		return 0, 0, false
	}
	misses = Misses(period, p.share(all), p.burst(all), float64(max(senders, 100)))
	base := int64(misses)*period + period/20 + int64(200*time.Millisecond)
	return max(base, min(p.worst*5/4, 2*base)), misses, true
}

// Alone is Deadline for a sender on whose way nothing else was lost meanwhile: a
// run of losses would have taken that too, so that each of its datagrams must have
// been lost by itself. All are counted, those without a beat as well: traffic is
// their pace.
func (p *Pace) Alone(traffic *Pace, senders int, all *Losses) int64 {
	period := p.Period()
	mean := min(traffic.mean(), period)
	if mean == 0 {
		mean = period
	}
	share := p.share(all)
	n := int64(Misses(mean, share, share, float64(max(senders, 100))))
	return max(n*mean+period-mean, MinMisses*period) + period/20 + int64(200*time.Millisecond)
}

// middle is where in a bin gaps are as a rule, of its upper end.
const middle = 0.96

// mean is the mean time between what came; 0 while unknown.
func (p *Pace) mean() int64 {
	if p.n < learnt {
		return 0
	}
	sum := 0.0
	for i, c := range p.hist {
		sum += float64(c) * float64(edge(i))
	}
	return int64(middle * sum / float64(p.n))
}

// Lacks returns how many beats are missing after so many ns, how many nats of
// other evidence are lacking so that they mean silence as surely as Deadline
// does, and how many each datagram gives that another on the same way misses.
func (p *Pace) Lacks(quiet int64, senders int, all *Losses) (missing int, nats, each float64) {
	period := p.Period()
	if period == 0 {
		return 0, math.Inf(1), 0
	}
	missing = int((quiet - period/20 - int64(200*time.Millisecond)) / period)
	share, burst := p.share(all), p.burst(all)
	have := -math.Log(share) - float64(missing-1)*math.Log(burst)
	each = -math.Log(burst) / 2
	if burst > 3*share { // a run takes what all of them send
		each /= 8
	}
	return missing, math.Log(year/float64(period)*float64(max(senders, 100))) - have, each
}

// TrafficDeadline is the deadline of a sender of flow samples alone, whose pace
// is that of its traffic: gaps are taken to be three times as long as those of
// a Poisson process.
func (p *Pace) TrafficDeadline(senders int) (d int64, ok bool) {
	if p.n < 4*learnt {
		return 0, false
	}
	mean := float64(p.mean())
	g := 3 * mean * math.Log(max(year/mean*float64(max(senders, 100)), 2))
	return max(int64(g), int64(time.Minute)), true
}

// Last returns the last beat, in ns.
func (p *Pace) Last() int64 { return p.last }
