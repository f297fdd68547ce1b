package flows

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"weir/collector/record"
)

// clocks are those of a machine: how long it runs, and what it shows.
type clocks struct {
	up   time.Duration
	wall time.Time
}

func (c *clocks) pass(d time.Duration) { c.up, c.wall = c.up+d, c.wall.Add(d) }

// keep writes n rows of a minute from now on into a segment, as a store does that
// runs.
func (c *clocks) keep(t *testing.T, s *Store, n int) {
	t.Helper()
	rows := zipfRows(n, 1000, 50, false)
	for i := range rows {
		rows[i].At = c.wall.Add(time.Duration(i) * time.Minute / time.Duration(n)).UnixNano()
	}
	if err := s.begin(c.wall); err != nil {
		t.Fatal(err)
	}
	for b := range blocks(rows) {
		s.journal.add(b)
	}
	path := s.journal.path
	if err := s.journal.close(); err != nil {
		t.Fatal(err)
	}
	s.journal = nil
	c.pass(time.Minute)
	s.convert(path)
	s.rollHours(c.wall)
	s.limit(c.wall)
}

// The machine's clock goes back by an hour and forward by a day while the store
// runs: rows keep their times, queries over both spans answer, from samples and
// from rollups, and nothing is deleted at once.
func TestClockSteps(t *testing.T) {
	dir := t.TempDir()
	c := &clocks{wall: epoch}
	s, err := Open(Config{Dir: dir, MaxAge: forever, RollupsAge: forever, Names: site{}}, record.NewExchange(1))
	if err != nil {
		t.Fatal(err)
	}
	s.cfg.MaxAge = 12 * time.Hour // shorter than the step
	s.ages.Up = func(time.Time) time.Duration { return c.up }
	const n = 600
	sent := 0
	run := func(d time.Duration) {
		for end := c.up + d; c.up < end; sent += n {
			c.keep(t, s, n)
			c.pass(9 * time.Minute)
		}
	}
	count := func(from, to time.Time, samples bool) int {
		t.Helper()
		r, err := s.Scan(context.Background(), Query{From: from, To: to, By: []string{"proto"}, Add: true, Samples: samples})
		if err != nil || r.Broken != "" {
			t.Fatal(err, r)
		}
		return int(r.Total.Samples)
	}
	run(4 * time.Hour)
	c.wall = c.wall.Add(-time.Hour)
	run(2 * time.Hour)
	for _, samples := range []bool{true, false} {
		if got := count(epoch, epoch.Add(24*time.Hour), samples); got != sent {
			t.Errorf("after the step back: %d rows of %d, samples %v", got, sent, samples)
		}
		if twice := count(epoch.Add(3*time.Hour), epoch.Add(4*time.Hour), samples); twice != 12*n {
			t.Errorf("the hour that was twice: %d rows, want %d", twice, 12*n)
		}
	}
	c.wall = c.wall.Add(24 * time.Hour)
	run(50 * time.Minute)
	for _, samples := range []bool{true, false} {
		if got := count(epoch, epoch.Add(48*time.Hour), samples); got != sent {
			t.Errorf("after the step forward: %d rows of %d, samples %v", got, sent, samples)
		}
	}
	if st := s.Stats(); st.Deleted != 0 || st.Lost != 0 || st.Err != "" {
		t.Errorf("%+v", st)
	}
	run(30 * time.Minute) // the clock stands by it: what is too old goes
	if got := count(epoch, epoch.Add(24*time.Hour), true); got != 0 || s.Stats().Deleted == 0 {
		t.Errorf("%d rows are left that are too old, %+v", got, s.Stats())
	}
}

// What was kept while the clock was ahead ages from when it was set right, and
// goes by bytes before what came later.
func TestFutureAgesFromNow(t *testing.T) {
	dir := t.TempDir()
	c := &clocks{wall: epoch.Add(365 * 24 * time.Hour)}
	s, err := Open(Config{Dir: dir, MaxAge: forever, RollupsAge: forever, Names: site{}}, record.NewExchange(1))
	if err != nil {
		t.Fatal(err)
	}
	s.ages.Up = func(time.Time) time.Duration { return c.up }
	c.keep(t, s, 600)
	c.wall = epoch
	s.cfg.MaxAge = time.Hour
	c.keep(t, s, 600)
	c.pass(30 * time.Minute)
	c.keep(t, s, 600)
	left := func() int {
		all, err := filepath.Glob(filepath.Join(dir, "flows-*"+segmentSuffix))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if n := left(); n != 3 {
		t.Fatalf("%d segments, want 3", n)
	}
	c.pass(40 * time.Minute)
	s.limit(c.wall)
	if n := left(); n != 1 {
		t.Errorf("%d segments left, want the last", n)
	}
}
