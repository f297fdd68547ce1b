package flows

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
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
