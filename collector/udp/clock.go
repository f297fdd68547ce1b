package udp

import (
	"sync/atomic"
	"time"
)

// Clock tells the time of day by the monotonic clock: the wall clock is read
// once, when the Clock is made, and what is added to it since then is
// monotonic. A step of the wall clock therefore never moves it, so that
// nothing is booked into time slots that have passed. It is safe for
// concurrent use.
type Clock struct{ anchor atomic.Pointer[time.Time] }

// newClock returns a Clock that agrees with the wall clock now.
func newClock() *Clock {
	c := new(Clock)
	c.Resync()
	return c
}

// Now returns the time. It has a monotonic reading.
func (c *Clock) Now() time.Time { return c.at(time.Now()) }

// at converts a time.Now to c's time.
func (c *Clock) at(now time.Time) time.Time {
	a := *c.anchor.Load()
	return a.Add(now.Sub(a))
}

// Step returns how far the wall clock has been stepped against c since c was
// made or last resynced: positive when it was put forward.
func (c *Clock) Step() time.Duration {
	now := time.Now()
	return now.Round(0).Sub(c.at(now).Round(0)) // Round(0) drops the monotonic reading
}

// Resync makes c agree with the wall clock again. Times told before and after
// it must not be compared; the caller starts its windows anew.
func (c *Clock) Resync() {
	now := time.Now()
	c.anchor.Store(&now)
}

// stamper turns the kernel's receive stamps of one batch into times of a
// Clock, with one offset for the batch.
type stamper struct {
	now  time.Time     // Clock's time when the batch was read
	wall int64         // the wall clock at the same moment, ns since the epoch
	last time.Duration // of the datagram before, against now; never positive
}

// stamper begins a batch of a socket whose last datagram came at last.
func (c *Clock) stamper(last time.Time) stamper {
	now := time.Now()
	at := c.at(now)
	return stamper{now: at, wall: now.UnixNano(), last: min(0, last.Sub(at))}
}

// at converts a kernel stamp, kept between the datagram before and the time of
// reading: one socket's queue is in order, and a stamp taken before a step of
// the wall clock fits neither side of it.
func (s *stamper) at(stamp int64) time.Time {
	s.last = min(0, max(s.last, time.Duration(stamp-s.wall)))
	return s.now.Add(s.last)
}
