package influx

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Bounds of the time between two attempts while the server refuses.
const (
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 5 * time.Second
	maxAfter     = 5 * time.Minute // that a server may ask for
)

// gate says when the server may be asked. While it works, always; after a
// failure one attempt at a time, each later than the one before.
type gate struct {
	mu        sync.Mutex
	failing   bool
	busy      bool // an attempt is under way
	next      time.Time
	backoff   time.Duration
	last      answer    // of the failure
	since     time.Time // of failing
	successes uint64
	retries   uint64
}

// enter reports whether an attempt may begin, else how long to wait before
// asking again. After true, leave must be called.
func (g *gate) enter(now time.Time) (bool, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.failing {
		return true, 0
	}
	if d := g.next.Sub(now); d > 0 {
		return false, d
	}
	if g.busy {
		return false, firstBackoff
	}
	g.busy = true
	g.retries++
	return true, 0
}

// leave tells how the attempt went. It reports whether that is a change: the
// server fails, fails in another way, or works again.
func (g *gate) leave(now time.Time, a answer) (changed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = false
	if a.verdict == forgotten {
		return false
	}
	if a.verdict == accepted {
		changed = g.failing
		g.failing, g.backoff = false, 0
		g.successes++
		return changed
	}
	changed = !g.failing || g.last.verdict != a.verdict || g.last.status != a.status
	if !g.failing {
		g.failing, g.since = true, now
	}
	g.last = a
	g.backoff = min(max(2*g.backoff, firstBackoff), maxBackoff)
	// A quarter more or less, so that many collectors do not come at once.
	wait := time.Duration(float64(g.backoff) * (0.75 + rand.Float64()/2))
	g.next = now.Add(max(wait, min(a.after, maxAfter)))
	return changed
}

// state returns whether the server fails, since when, and how.
func (g *gate) state() (failing bool, since time.Time, last answer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failing, g.since, g.last
}

// counts returns how many blocks were taken, and how often a failing server was
// asked again.
func (g *gate) counts() (successes, retries uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.successes, g.retries
}
