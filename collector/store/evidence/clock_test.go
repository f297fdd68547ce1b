package evidence

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The machine's clock is set while evidence is kept: no file goes at once, nor in
// the hour after; then each goes once it was kept as long as it may be.
func TestEvidenceOverClockSteps(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, c := range []struct {
		name    string
		step    time.Duration
		settled int // files an hour and a little after the step
	}{
		{"back by an hour", -time.Hour, 2},
		{"back by a year", -year, 2},
		{"forward by an hour", time.Hour, 2},
		{"forward by a year", year, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			k, r := keeper(t, false)
			k.cfg.MaxBytes, k.cfg.MaxAge = 1<<30, 10*time.Hour
			wall, up := epoch, time.Duration(0)
			k.ages.Up = func(time.Time) time.Duration { return up }
			pass := func(d time.Duration) {
				for end := up + d; up < end; {
					wall, up = wall.Add(10*time.Minute), up+10*time.Minute
					k.limit(wall)
				}
			}
			put := func(id string) {
				t.Helper()
				r.Add(sample(wall, 5, 1, frame("10.0.0.1", "10.0.0.2", 1000, 80)))
				r.Flush()
				k.Put(started(id, `{"victim":"10.0.0.2/32"}`))
				k.Gather(time.Now())
				if err := os.Chtimes(filepath.Join(k.Dir(), id+suffix), wall, wall); err != nil {
					t.Fatal(err)
				}
				k.limit(wall)
			}
			left := func(when string, want int) {
				t.Helper()
				if files, err := List(k.Dir()); err != nil || len(files) != want {
					t.Errorf("%s: %v, %v; want %d", when, files, err, want)
				}
			}
			k.limit(wall)
			put("before")
			pass(10 * time.Minute)
			wall = wall.Add(c.step)
			put("after")
			left("at once", 2)
			pass(50 * time.Minute)
			left("within the hour", 2)
			pass(20 * time.Minute)
			left("after an hour", c.settled)
			pass(11 * time.Hour)
			left("half a day later", 0)
			if st := k.Stats(); st.Err != "" || st.Refused != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}
