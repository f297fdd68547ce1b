package flows

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/collector/record"
)

// What the last process left and is large becomes segments while rows come already:
// at every moment each row is there once, and no hour is rolled up without it.
func TestLargeJournalsAreMadeSegmentsBesideTheIntake(t *testing.T) {
	const n, journals = 30_000, 3
	dir := t.TempDir()
	size := int64(0)
	for i := range journals {
		path := writeJournal(t, dir, zipfRows(n, 1000, 5000, false))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		size = info.Size()
		if err := os.Rename(path, filepath.Join(dir, journalName(strconv.Itoa(i)))); err != nil {
			t.Fatal(err)
		}
	}
	x := record.NewExchange(8)
	w := x.NewWriter()
	s, err := Open(Config{Dir: dir, MaxAge: forever, Names: site{}, Quick: size}, x)
	if err != nil {
		t.Fatal(err)
	}
	hours := func() int {
		all, err := rollFiles(dir, hourPrefix)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if st := s.Stats(); st.Segments != 1 || count(t, dir) != journals*n || hours() != 0 {
		t.Fatalf("after Open: %+v, %d rows, %d hours; want one segment, all rows, no hours", st, count(t, dir), hours())
	}
	now := time.Now()
	want := uint64(journals * n)
	for i := range journals {
		feed(w, i, 100)
		want += 100
		s.add(<-x.Full())
		now = now.Add(2 * retryEvery)
		s.flush(now)
		s.wait.Wait()
		if got := count(t, dir); got != want {
			t.Fatalf("%d rows, want %d", got, want)
		}
		if segments := min(2+i, journals); s.Stats().Segments != segments || hours() > 0 != (segments == journals) {
			t.Fatalf("%d segments, %d hours; want %d segments, hours when nothing is left", s.Stats().Segments, hours(), segments)
		}
	}
	if s.left.Load() {
		t.Error("something is still left")
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	s.Run(ctx)
	if got := count(t, dir); got != want {
		t.Errorf("%d rows in the end, want %d", got, want)
	}
}

// stuckJournals makes journals, and a directory in the way of the rollup of some of
// them, and returns these directories.
func stuckJournals(t *testing.T, dir string, journals, rows int, stuck []int) (inTheWay []string) {
	t.Helper()
	made := t.TempDir()
	for _, d := range []string{dir, made} {
		if err := os.MkdirAll(d, 0o750); err != nil {
			t.Fatal(err)
		}
		for i := range journals {
			rows := zipfRows(rows, 1000, 500, false)
			for j := range rows {
				rows[j].At += int64(i) * int64(10*time.Second)
			}
			if err := os.Rename(writeJournal(t, d, rows), filepath.Join(d, journalName(strconv.Itoa(i)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	openStore(t, made, &told{})
	minutes, err := rollFiles(made, minutePrefix)
	if err != nil || len(minutes) != journals {
		t.Fatal(minutes, err)
	}
	for _, i := range stuck {
		m := minutes[slices.IndexFunc(minutes, func(m rollFile) bool { return m.id == strconv.Itoa(i) })]
		path := filepath.Join(dir, rollupDir, m.name)
		if err := os.MkdirAll(path, 0o750); err != nil {
			t.Fatal(err)
		}
		inTheWay = append(inTheWay, path)
	}
	return inTheWay
}

// A journal that the system keeps from becoming a segment keeps no other from it, nor
// the hours from being rolled up, wherever it is among them; it is told all the while,
// and what it has counts once, before and after.
func TestStuckJournalHoldsNoOther(t *testing.T) {
	const n, journals = 2000, 4
	for _, c := range []struct {
		name  string
		stuck []int
		dir   string
		quick int64 // 0: the start tries what it finds
	}{
		{"the first", []int{0}, "", 1},
		{"one between", []int{2}, "", 1},
		{"the last", []int{journals - 1}, "", 1},
		{"two", []int{0, 1}, "", 1},
		{"all", []int{0, 1, 2, 3}, "", 1},
		{"found at the start", []int{0, 2}, "", 0},
		{"in a directory whose name is a pattern", []int{0}, "[x]*", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), c.dir)
			inTheWay := stuckJournals(t, dir, journals, n, c.stuck)
			s, err := Open(Config{Dir: dir, MaxAge: forever, RollupsAge: forever, Names: site{}, Quick: c.quick}, record.NewExchange(1))
			if err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			after := func(what string, rounds, segments int, says string) {
				t.Helper()
				for range rounds {
					now = now.Add(retryEvery)
					s.flush(now)
					s.wait.Wait()
				}
				hours, err := rollFiles(dir, hourPrefix)
				if err != nil {
					t.Fatal(err)
				}
				st := s.Stats()
				if st.Segments != segments || len(hours) > 0 != (segments > 0) || !strings.Contains(st.Err, says) || says == "" && st.Err != "" || st.Bad > 0 {
					t.Errorf("%s: %+v, %d hours; want %d segments, an error %q", what, st, len(hours), segments, says)
				}
				for _, q := range []Query{{}, {Samples: true}} {
					q.From, q.To, q.By, q.Add = epoch, epoch.Add(25*time.Hour), []string{"proto"}, true
					if got, err := Scan(context.Background(), dir, q); err != nil || got.Total.Samples != journals*n || got.Broken != "" {
						t.Errorf("%s: %+v, want %d samples: %v", what, got, journals*n, err)
					}
				}
			}
			rounds := journals
			if c.quick == 0 {
				rounds = 0
			}
			after("in the way", rounds, journals-len(c.stuck), "file exists")
			after("still", journals+1, journals-len(c.stuck), "file exists")
			for _, path := range inTheWay {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
			after("not any more", len(c.stuck)+1, journals, "")
			if s.left.Load() || len(s.stuck) > 0 {
				t.Errorf("left %v, stuck %v", s.left.Load(), s.stuck)
			}
		})
	}
}

// What cannot be made a segment gets no older than samples may.
func TestStuckJournalAges(t *testing.T) {
	dir := t.TempDir()
	stuckJournals(t, dir, 3, 500, []int{0, 1, 2})
	s, err := Open(Config{Dir: dir, MaxAge: 24 * time.Hour, RollupsAge: forever, Names: site{}}, record.NewExchange(1))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, old := range []time.Duration{0, 25 * time.Hour, -25 * time.Hour} { // the last from before the clock was set back
		if err := os.Chtimes(filepath.Join(dir, journalName(strconv.Itoa(i))), now.Add(-old), now.Add(-old)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		after   time.Duration
		left    int
		deleted uint64
	}{{0, 2, 1}, {20 * time.Hour, 2, 1}, {25 * time.Hour, 0, 3}} {
		s.limit(now.Add(c.after))
		s.ages.Up = func(at time.Time) time.Duration { return at.Sub(now) } // no jump
		left, err := ending(dir, journalSuffix)
		if st := s.Stats(); err != nil || len(left) != c.left || st.Deleted != c.deleted || st.Segments != 0 || c.left == 0 && st.Bytes != 0 {
			t.Errorf("after %v: %v are left, want %d: %+v, %v", c.after, left, c.left, st, err)
		}
	}
	now = now.Add(retryEvery)
	s.flush(now)
	if st := s.Stats(); st.Err != "" || s.left.Load() || s.settled.bytes != 0 {
		t.Errorf("with nothing left: %+v, %v, %d octets", st, s.left.Load(), s.settled.bytes)
	}
}
