package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const year = 365 * 24 * time.Hour

// The machine's clock is set while alerts are written: the chain stays whole and
// in the order of writing, nothing is deleted at once, nor in the hour after; what
// is too old then goes by the clock that stood, and what was written before the
// clock was set back goes with what came after it.
func TestAlertHistoryOverClockSteps(t *testing.T) {
	for _, c := range []struct {
		name    string
		step    time.Duration
		settled []uint64 // what is left 70 minutes after the step
	}{
		{"back by an hour", -time.Hour, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{"back by a year", -year, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{"forward by an hour", time.Hour, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{"forward by a year", year, []uint64{4, 5, 6, 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			l := alertLog(t, dir, AlertLogConfig{MaxBytes: 1 << 30, MaxAge: 10 * time.Hour, EvidenceAge: 5 * time.Hour})
			wall, up, sent := day, time.Duration(0), 0
			l.ages.Up = func(time.Time) time.Duration { return up }
			var heads []Head
			put := func(n int) {
				t.Helper()
				write(t, l, sent, sent+n, wall)
				sent += n
				heads = append(heads, l.Stats().Head)
			}
			pass := func(d time.Duration) {
				t.Helper()
				for end := up + d; up < end; {
					wall, up = wall.Add(10*time.Minute), up+10*time.Minute
					l.flush(wall)
				}
			}
			left := func(when string, want []uint64) {
				t.Helper()
				got := places(ask(t, dir, AlertQuery{From: day.Add(-2 * year), To: day.Add(2 * year)}))
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got)\n%s", when, diff)
				}
				p := verify(t, dir, heads...)
				if p.Break != nil || p.Head != l.Stats().Head || p.Heads+p.TooOld != len(heads) {
					t.Errorf("%s: %+v, break %v", when, p, p.Break)
				}
			}
			put(3)
			wall = wall.Add(c.step)
			put(3)
			left("at once", []uint64{1, 2, 3, 4, 5, 6})
			pass(50 * time.Minute)
			put(1)
			left("within the hour", []uint64{1, 2, 3, 4, 5, 6, 7})
			pass(20 * time.Minute)
			left("after an hour", c.settled)
			pass(11 * time.Hour)
			put(1)
			pass(10 * time.Minute)
			if a := ask(t, dir, AlertQuery{From: day.Add(-2 * year), To: day.Add(2 * year)}); len(a.Alerts) == 0 || a.Alerts[0].N < 8 {
				t.Errorf("half a day later: %v", places(a))
			}
			// The process begins anew, as a clock that was wrong for long often ends.
			l = alertLog(t, dir, keepAll)
			put(1)
			if p := verify(t, dir, heads...); p.Break != nil || p.Head != l.Stats().Head {
				t.Errorf("after a start: %+v, break %v", p, p.Break)
			}
		})
	}
}
