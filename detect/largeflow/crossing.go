package largeflow

import (
	"math"

	"weir/decoder"
	"weir/detect/window"
)

// cross reports that a member of the bank crossed, unless the flow is clearly
// below the threshold: then it is background that was not known yet.
func (t *Table) cross(e *entry, l *link, which int, at int64) {
	b := &e.bank[which]
	rate := l.theta / (float64(e.square) / float64(e.mean))
	if k, mean := float64(b.k), rate*float64(at-b.start); refuted(k, mean) {
		t.Refuted++
		share, doubt := k/mean, 1/math.Sqrt(k)
		e.own = max(e.own, levelOf(share*(1+doubt)))
		l.learn(levelBelow(share*(1-doubt)), at)
		for j := range e.bank {
			e.bank[j] = cusum{k: 1, start: at}
		}
		return
	}
	h, idle := &hypotheses[e.level][which], float64(e.onset.from()-e.onset.Led)
	t.tell(e, Crossing{
		Member: which + 1, Samples: float64(b.k), Start: b.start, At: at, Ratio: float64(b.s + h.gain),
		Limit: float64(h.base+l.budget+e.log) + float64(h.drain)*rate*idle, Rate: rate * 1e9,
		Theta: l.theta * 8e9, Level: e.level, Idle: idle / 1e9,
	})
}

// refuted reports whether k samples where a flow at the threshold gives mean
// show that this one is below it.
func refuted(k, mean float64) bool {
	const chance = 1e-3
	return k < mean && 1-window.TailAtLeast(k, mean) < chance
}

// tell puts a crossing into the open record. Where there was no room for one,
// the next sample tries again.
func (t *Table) tell(e *entry, c Crossing) {
	if !e.hot || e.epoch != t.epoch || int(e.rec) >= len(t.out) {
		return
	}
	c.Sequence, _ = e.run.measure(float64(e.square)/float64(e.mean), e.point.Speed)
	c.Frame = float64(e.mean) / float64(max(e.rate, 1))
	t.out[e.rec].Cross = c
	e.told, e.large = true, true
	t.urgent = true
}

// sequence follows the TCP sequence numbers of a flow that may be large: its
// rate has been at least the octets of the run over the longest time they can
// have taken.
func (t *Table) sequence(e *entry, l *link, f *decoder.Flow, at int64) {
	rough := 0.0
	if b := &e.bank[0]; b.k > 8 {
		rough = atLeast(float64(b.k-1)) * float64(e.square) / float64(e.mean) / (float64(at-b.start)/1e6 + 1)
	}
	if e.run.follow(f, rough); e.run.n < pairSamples {
		return
	}
	weight := float64(e.square) / float64(e.mean)
	s, ok := e.run.measure(weight, f.Est.Speed)
	if !ok || 8*s.Octets/s.Longest < l.theta*8e9 {
		return
	}
	if !e.hot {
		t.heat(e, l, f, at)
	}
	t.tell(e, Crossing{
		Member: bySequence, Samples: float64(e.run.n), Start: min(e.bank[0].start, at-int64(s.Longest*1e9)), At: at,
		Rate: l.theta / weight * 1e9, Theta: l.theta * 8e9, Level: e.level,
	})
}

// atLeast is about the lower end of the interval of a Poisson mean after k > 7
// events (Wilson and Hilferty's approximation, within 1 % there): it is asked
// per sample, where the exact one costs a microsecond.
func atLeast(k float64) float64 {
	const z = 1.959964 // of confidence
	c := 1 - 1/(9*k) - z/(3*math.Sqrt(k))
	return k * c * c * c
}
