package access

import (
	"sync"
	"time"
)

// maxLimited bounds those whose requests are counted; beyond it the most idle
// make room.
const maxLimited = 4096

// limiter lets each name do so many things a second.
type limiter struct {
	mu         sync.Mutex
	per, burst float64
	left       map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func (l *limiter) set(per, burst float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.per, l.burst = per, burst
}

// may reports whether the name has one left, and takes n.
func (l *limiter) may(name string, now time.Time, n float64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.left[name]
	if b == nil {
		if l.left == nil {
			l.left = map[string]*bucket{}
		}
		if len(l.left) >= maxLimited {
			l.sweep(now)
		}
		b = &bucket{l.burst, now}
		l.left[name] = b
	}
	b.tokens = min(l.burst, b.tokens+now.Sub(b.at).Seconds()*l.per)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens -= n
	return true
}

// sweep forgets those who have all their tokens again, and where that makes no
// room some of the others.
func (l *limiter) sweep(now time.Time) {
	for name, b := range l.left {
		if b.tokens+now.Sub(b.at).Seconds()*l.per >= l.burst {
			delete(l.left, name)
		}
	}
	for name := range l.left {
		if len(l.left) < maxLimited*3/4 {
			return
		}
		delete(l.left, name)
	}
}
