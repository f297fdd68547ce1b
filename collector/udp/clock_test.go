package udp

import (
	"testing"
	"time"
)

func TestClockFollowsMonotonicTime(t *testing.T) {
	c := newClock()
	if d := c.Step(); d.Abs() > 50*time.Millisecond {
		t.Errorf("step %v, want about 0", d)
	}
	before := time.Now()
	a := c.Now()
	b := c.Now()
	if b.Before(a) || a.Before(before) || time.Now().Before(b) {
		t.Errorf("told %v then %v, not before %v", a, b, before)
	}
	c.Resync()
	if d := c.Step(); d.Abs() > 50*time.Millisecond {
		t.Errorf("step after Resync %v, want about 0", d)
	}
}

func TestStamperKeepsTimesInOrderAcrossClockSteps(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	last := now.Add(-time.Second)
	tests := []struct {
		name  string
		wall  time.Time // the wall clock when the batch was read
		stamp time.Time
		want  time.Time
	}{
		{"no step", now, now.Add(-300 * time.Millisecond), now.Add(-300 * time.Millisecond)},
		{"wall clock an hour ahead all along", now.Add(time.Hour), now.Add(time.Hour - time.Millisecond), now.Add(-time.Millisecond)},
		{"stepped forward while queued", now.Add(time.Hour), now.Add(-300 * time.Millisecond), last},
		{"stepped backward while queued", now.Add(-time.Hour), now.Add(-300 * time.Millisecond), now},
		{"stamped at the reading", now, now, now},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := stamper{now: now, wall: tt.wall.UnixNano(), last: last.Sub(now)}
			if got := s.at(tt.stamp.UnixNano()); !got.Equal(tt.want) {
				t.Errorf("at = %v, want %v", got, tt.want)
			}
		})
	}
}
