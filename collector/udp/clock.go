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

// NewClock returns a Clock that agrees with the wall clock now.
func NewClock() *Clock {
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
	now  time.Time // Clock's time when the batch was read
	wall int64     // the wall clock at the same moment, ns since the epoch
}

func (c *Clock) stamper() stamper {
	now := time.Now()
	return stamper{now: c.at(now), wall: now.UnixNano()}
}

// at converts a kernel stamp, kept between last and the time of reading: one
// socket's queue is in order, and a stamp taken before a step of the wall
// clock fits neither side of it.
func (s *stamper) at(stamp int64, last time.Time) time.Time {
	if stamp >= s.wall {
		return s.now
	}
	t := s.now.Add(time.Duration(stamp - s.wall))
	if t.Before(last) {
		return last
	}
	return t
}
