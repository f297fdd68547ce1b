package largeflow

import (
	"math"

	"weir/detect/window"
)

// crowd learns the background from flows too short to be measured one by one.
// Every flow is judged once, by the samples it gave in its first time, and of
// each link it is asked which background explains how many gave that many.
type crowd struct {
	since  int64               // ns
	judged float64             // flows
	counts [crowdEdges]float64 // of these, such as gave crowdLow+i to crowdMost samples
}

const (
	crowdSpan  = 16.0 // of the first time: that in which a flow at the threshold gives so many samples
	crowdLow   = 4    // samples, beyond the first, from which a flow is of interest
	crowdSure  = 6    // up to which it is hardly above the threshold
	crowdMost  = 10   // up to which it is not, if it ends without having crossed
	crowdEdges = crowdMost - crowdLow + 1
)

// crowdChances holds the probability of crowdLow+i to crowdMost samples for a
// flow of each level.
var crowdChances = func() (c [levels][crowdEdges]float64) {
	for l := range c {
		mean := crowdSpan * rho(uint8(l))
		for i := range c[l] {
			c[l][i] = window.TailAtLeast(crowdLow+float64(i), mean) - window.TailAtLeast(crowdMost+1, mean)
		}
	}
	return c
}()

// fade forgets half.
func (c *crowd) fade(at int64) {
	c.since = at - (at-c.since)/2
	c.judged /= 2
	for i := range c.counts {
		c.counts[i] /= 2
	}
}

// judgeLife takes the flow's first time, once it is over, of so many samples
// beyond the first. If there are many, its end is waited for.
func (e *entry) judgeLife(l *link, rate float64, at int64) {
	e.judged = true
	if l.crowd.since == 0 {
		l.crowd.since = at
	}
	l.crowd.judged++
	k := float64(e.life) - 1
	switch {
	case e.large || k < crowdLow || k > crowdMost:
	case k <= crowdSure:
		l.seen(k, rate, at)
	default:
		e.pending = uint8(k)
	}
}

// conclude ends the life of a flow that fell silent.
func (e *entry) conclude(l *link, at int64) {
	if e.pending != 0 && !e.large {
		l.seen(float64(e.pending), l.theta*float64(e.mean)/float64(e.square), at)
	}
	e.pending = 0
}

// sweepStep is how many entries are looked at, at every Take, for flows that
// fell silent.
const sweepStep = 64

func (t *Table) sweep() {
	for range sweepStep {
		t.swept = (t.swept + 1) % len(t.entries)
		e := &t.entries[t.swept]
		if e.pending == 0 {
			continue
		}
		l := &t.links[e.link]
		if l.theta*float64(e.mean)/float64(e.square)*float64(t.newest-e.last) > lifeIdle {
			e.conclude(l, t.newest)
		}
	}
}

// seen counts a flow that gave k samples in its first time, of which one at
// the threshold gives rate a ns, and raises the background to the lowest that
// explains the counts: that of a link full of such flows, each as short, or of
// flows all alike.
func (l *link) seen(k, rate float64, at int64) {
	c := &l.crowd
	if k < crowdLow || k > crowdMost {
		return
	}
	for i := 0; i <= int(k)-crowdLow; i++ {
		c.counts[i]++
	}
	times := 1 + rate*float64(at-c.since)/crowdSpan
	level := l.level
	for ; level < levels-1; level++ {
		flows := min(c.judged, times/rho(level)/float64(l.share))
		if c.explained(level, flows) {
			break
		}
	}
	if level > l.level {
		l.learn(level, at)
	}
}

func (c *crowd) explained(level uint8, flows float64) bool {
	for i, n := range c.counts {
		mean := flows * crowdChances[level][i]
		if n > mean+3*math.Sqrt(mean)+2 {
			return false
		}
	}
	return true
}
