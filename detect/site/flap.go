package site

import "math"

// Damping of conditions that come and go, as routers damp routes: each end
// costs, time forgives, and above a mark the alert stays open as flapping.
const (
	flapCost     = 1000.0
	flapSuppress = 3000.0
	flapReuse    = 750.0
	flapHalf     = 300 * float64(second)
	maxFlaps     = 65536
)

// flapping is the history of a condition that came and went.
type flapping struct {
	penalty float64
	at      int64
	count   int
}

func (f *flapping) decay(now int64) {
	if d := now - f.at; d > 0 {
		f.penalty *= math.Exp2(-float64(d) / flapHalf)
		f.at = now
	}
}

// damp lets a condition that has come back too often stay open until it is calm.
func (s *Site) damp(c *condition) {
	k := conditionKey(c.kind, c.entity)
	f := s.flaps[k]
	if f == nil {
		return
	}
	f.decay(s.now)
	if f.penalty < flapReuse {
		delete(s.flaps, k)
		return
	}
	if f.penalty+flapCost >= 0.9*flapSuppress { // what time has forgiven meanwhile
		c.flaps = f.count + 1
		c.calm = int64(flapHalf * math.Log2((f.penalty+flapCost)/flapReuse))
	}
}

// flapped notes that a condition is over. One that nobody was told of costs nobody
// anything.
func (s *Site) flapped(c *condition) {
	if c.event || c.seq == 0 {
		return
	}
	k := conditionKey(c.kind, c.entity)
	f := s.flaps[k]
	if f == nil {
		if len(s.flaps) >= maxFlaps {
			return
		}
		f = &flapping{at: s.now}
		s.flaps[k] = f
	}
	f.decay(s.now)
	f.penalty += flapCost
	f.count++
}
