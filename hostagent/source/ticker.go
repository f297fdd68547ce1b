package source

import (
	"os"
	"time"
)

// UntilBeat returns how long it is from now to the next beat of that period, more
// than zero. Beats of all periods that divide one another fall together within a
// process, and differ between nodes: a process that wakes once for several things
// costs a fraction of one that wakes for each.
func UntilBeat(now time.Time, every time.Duration) time.Duration {
	phase := time.Duration(os.Getpid()) * 7919 * time.Microsecond
	since := time.Duration(now.UnixNano()) - phase
	return every - since%every
}

// Ticker is a time.Ticker on the beats of the process.
type Ticker struct {
	C <-chan time.Time

	timer *time.Timer
	stop  chan struct{}
}

// NewTicker returns a Ticker of that period; like time.Ticker it drops ticks that
// nobody takes.
func NewTicker(every time.Duration) *Ticker {
	c := make(chan time.Time, 1)
	t := &Ticker{C: c, stop: make(chan struct{})}
	ready := make(chan struct{})
	t.timer = time.AfterFunc(UntilBeat(time.Now(), every), func() {
		<-ready
		select {
		case <-t.stop:
			return
		default:
		}
		now := time.Now()
		select {
		case c <- now:
		default:
		}
		t.timer.Reset(UntilBeat(now, every))
	})
	close(ready)
	return t
}

// Stop ends the Ticker; it is called once.
func (t *Ticker) Stop() {
	close(t.stop)
	t.timer.Stop()
}
