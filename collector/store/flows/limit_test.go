package flows

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"weir/collector/record"
	"weir/decoder"
)

// occupied is what a directory of flow samples holds, without rollups, in octets.
func occupied(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if e != nil && e.Name() == rollupDir {
				return fs.SkipDir
			}
			return nil // it has gone meanwhile
		}
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// The limit of bytes holds while a journal grows and while a segment is made of the
// last, not only after it was applied.
func TestBytesAreNeverAboveTheLimit(t *testing.T) {
	const most = 2 << 20
	x := record.NewExchange(2)
	s, err := Open(Config{Dir: t.TempDir(), MaxBytes: most, MaxAge: forever, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	w, r, full := x.NewWriter(), rand.New(rand.NewPCG(1, 2)), 0
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: epoch}}
	f.Header.HasKey, f.Header.Depth, f.FrameLength, f.Est.SamplingRate = true, 3, 1000, 10
	for round := range 400 {
		for range 500 {
			f.Arrival.At = f.Arrival.At.Add(time.Millisecond)
			f.Header.Key.Src, f.Header.Key.Dst = address(r.Uint32()), address(r.Uint32())
			w.Add(f)
		}
		w.Flush()
		s.add(<-x.Full())
		n := occupied(t, s.Dir())
		if n > most {
			t.Fatalf("round %d: %d octets, at most %d wanted", round, n, most)
		}
		if n > most/2 {
			full++
		}
		if round%7 == 6 {
			s.flush(time.Now())
			if round%2 == 0 { // else the next rows come while it is made
				s.wait.Wait()
			}
		}
	}
	s.drain()
	if st := s.Stats(); st.Rows < 100_000 || st.Deleted == 0 || full < 100 {
		t.Errorf("kept %d, lost %d, deleted %d, more than half full %d times of 400", st.Rows, st.Lost, st.Deleted, full)
	}
}

// What is too old goes though nothing comes any more.
func TestAgeHoldsWithoutTraffic(t *testing.T) {
	x := record.NewExchange(1)
	s, err := Open(Config{Dir: t.TempDir(), MaxAge: 1500 * time.Millisecond, Rotate: 100 * time.Millisecond, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	w := x.NewWriter()
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: time.Now()}}
	f.Header.HasKey, f.Header.Depth, f.FrameLength, f.Est.SamplingRate = true, 3, 1000, 10
	w.Add(f)
	w.Flush()
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		st := s.Stats()
		if st.Deleted > 0 && st.Segments == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("after a minute %+v", st)
		}
	}
}
