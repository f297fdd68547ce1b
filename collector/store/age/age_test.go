package age

import (
	"testing"
	"time"
)

func TestClock(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	type at struct {
		up, wall, want time.Duration // since the beginning
	}
	const day = 24 * time.Hour
	for _, c := range []struct {
		name string
		all  []at
	}{
		{"steady", []at{{0, 0, 0}, {time.Minute, time.Minute, time.Minute}, {50 * day, 50 * day, 50 * day}}},
		{"drifts", []at{{0, 0, 0}, {time.Hour, time.Hour + 30*time.Second, time.Hour + 30*time.Second}, {2 * time.Hour, 2*time.Hour + time.Minute, 2*time.Hour + time.Minute}}},
		{"back", []at{{0, 0, 0}, {time.Minute, -time.Hour, -time.Hour}, {2 * time.Minute, time.Minute - time.Hour, time.Minute - time.Hour}}},
		{"forward for good", []at{
			{0, 0, 0}, {time.Minute, day, time.Minute}, {30 * time.Minute, day + 29*time.Minute, 30 * time.Minute},
			{61 * time.Minute, day + time.Hour, day + time.Hour}, {62 * time.Minute, day + 61*time.Minute, day + 61*time.Minute}}},
		{"forward and back", []at{
			{0, 0, 0}, {time.Minute, 900 * day, time.Minute}, {30 * time.Minute, 30 * time.Minute, 30 * time.Minute},
			{40 * time.Minute, 900 * day, 40 * time.Minute}, {90 * time.Minute, 900 * day, 90 * time.Minute}, {100 * time.Minute, 900 * day, 900 * day}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var up time.Duration
			k := Clock{Up: func(time.Time) time.Duration { return up }}
			for i, a := range c.all {
				up = a.up
				if got := k.Now(begin.Add(a.wall)); !got.Equal(begin.Add(a.want)) {
					t.Errorf("%d: %v, want %v", i, got, begin.Add(a.want))
				}
			}
		})
	}
}

func TestClockReadsTheMonotonicOne(t *testing.T) {
	var k Clock
	now := time.Now()
	for _, d := range []time.Duration{0, time.Second, 48 * time.Hour} { // both clocks go on
		if got := k.Now(now.Add(d)); !got.Equal(now.Add(d)) {
			t.Errorf("after %v: %v, want %v", d, got, now.Add(d))
		}
	}
	if got := k.Now(now.Add(96 * time.Hour).Round(0)); !got.Equal(now.Add(96 * time.Hour)) {
		t.Errorf("without a monotonic clock: %v", got)
	}
}
