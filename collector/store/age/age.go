// Package age tells the time by which the age of what is kept is reckoned, on a
// machine whose clock may be set.
//
// A clock that is set back makes nothing older, and is followed at once. One that
// jumps forward may be right, as after a machine was suspended, and then what has
// become too old must go; or it is wrong, and everything would be deleted at once.
// So ages are reckoned by the time from before the jump, which goes on, until the
// clock has stood by it for an hour. Limits by bytes hold meanwhile. At the start
// the clock is believed.
package age

import "time"

const (
	// settle is how long a jump forward must stand.
	settle = time.Hour
	// jump is the least that is one; what is less is the clock's drift.
	jump = time.Minute
)

// Clock follows the clock of the machine. The zero Clock is ready; it is used by
// one goroutine at a time.
type Clock struct {
	// Up returns how long the machine has run at a time, in tests; nil reads the
	// time's monotonic clock.
	Up func(now time.Time) time.Duration

	begun  time.Time
	wall   time.Time // by which ages were reckoned last
	up     time.Duration
	jumped time.Duration // up, when the clock jumped forward
	ahead  bool
}

// Now returns the time by which ages are reckoned, given that of the machine.
func (c *Clock) Now(now time.Time) time.Time {
	if c.begun.IsZero() {
		c.begun = now
	}
	up := now.Sub(c.begun)
	if c.Up != nil {
		up = c.Up(now)
	}
	now = now.Round(0) // without its monotonic clock
	old := c.wall.Add(up - c.up)
	switch step := now.Sub(old); {
	case c.wall.IsZero() || step <= jump:
		c.ahead = false
	case !c.ahead:
		c.ahead, c.jumped = true, up
		now = old
	case up-c.jumped < settle:
		now = old
	default:
		c.ahead = false
	}
	c.wall, c.up = now, up
	return now
}
