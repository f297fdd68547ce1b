package flows

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/record"
	"weir/decoder"
)

// forever keeps the rows of a day long past.
const forever = 1 << 62

// feed records n flow samples, a millisecond each, and hands them on.
func feed(w *record.Writer, from, n int) { feedEach(w, from, n, func(*decoder.Flow, int) {}) }

// feedEach is feed whose samples are what change makes of the one that feed has.
func feedEach(w *record.Writer, from, n int, change func(f *decoder.Flow, i int)) {
	a := &decoder.Arrival{At: epoch}
	f := &decoder.Flow{Arrival: a}
	f.Header.HasKey, f.Header.Depth, f.FrameLength = true, 3, 1000
	f.Header.Key.Src, f.Header.Key.Dst, f.Header.Key.Proto = address(1), address(2), 6
	f.Est.SamplingRate, f.Est.Vantage.Agent = 10, 1
	for i := range n {
		a.At = epoch.Add(time.Duration(from+i) * time.Millisecond)
		change(f, from+i)
		w.Add(f)
	}
	w.Flush()
}

func count(t *testing.T, dir string) uint64 {
	t.Helper()
	r, err := Scan(context.Background(), dir, Query{From: epoch, To: epoch.Add(time.Hour), Add: true})
	if err != nil || r.Broken != "" {
		t.Fatal(err, r.Broken)
	}
	return r.Total.Samples
}

func TestStoreKeepsWhatIsRecorded(t *testing.T) {
	dir := t.TempDir()
	x := record.NewExchange(8)
	w := x.NewWriter()
	s, err := Open(Config{Dir: dir, MaxAge: forever, Names: site{}}, x)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	for i := range 5 {
		feed(w, 5000*i, 5000)
		for end := time.Now().Add(time.Minute); s.Stats().Rows < 5000*uint64(i+1) && time.Now().Before(end); { // there are fewer blocks than all of it takes
			time.Sleep(time.Millisecond)
		}
	}
	stop()
	<-done
	if n := count(t, dir); n != 25_000 {
		t.Errorf("%d samples of the journal, want 25000", n)
	}
	// The next process makes a segment of it.
	if s, err = Open(Config{Dir: dir, MaxAge: forever, Names: site{}}, x); err != nil {
		t.Fatal(err)
	}
	if n := count(t, dir); n != 25_000 {
		t.Errorf("%d samples of the segment, want 25000", n)
	}
	if st := s.Stats(); st.Segments != 1 || st.Broken != 0 || st.Cut != 0 {
		t.Errorf("%+v", st)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*"+journalSuffix)); err != nil || len(left) != 0 {
		t.Errorf("journals left: %v %v", left, err)
	}
}

func TestAddDoesNotAllocateOrWait(t *testing.T) {
	x := record.NewExchange(2)
	w := x.NewWriter()
	feed(w, 0, 10)
	if n := testing.AllocsPerRun(100, func() { x.Release(<-x.Full()); feedOne(w) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	feed(w, 10, 3*record.Rows) // nobody reads
	if x.Lost() == 0 {
		t.Error("nothing lost without a reader")
	}
}

var one = func() *decoder.Flow {
	f := &decoder.Flow{Arrival: &decoder.Arrival{At: epoch}}
	f.Header.HasKey = true
	return f
}()

func feedOne(w *record.Writer) {
	w.Add(one)
	w.Flush()
}

// A journal that was cut anywhere, as by kill -9, is read to the cut; what the
// cut spared becomes a segment, and nothing is told twice.
func TestCutJournals(t *testing.T) {
	rows := zipfRows(3*record.Rows, 1000, 100, false)
	whole, err := os.ReadFile(writeJournal(t, t.TempDir(), rows))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		dir := t.TempDir()
		at := len(whole) * i / 60
		b := append([]byte(nil), whole[:at]...)
		if i%2 == 1 && at > 100 { // or damaged
			b = append([]byte(nil), whole...)
			b[at] ^= 0x40
		}
		if err := os.WriteFile(filepath.Join(dir, journalName("x")), b, 0o600); err != nil {
			t.Fatal(err)
		}
		before := count(t, dir)
		if before%record.Rows != 0 {
			t.Fatalf("cut at %d: %d rows, no whole number of blocks", at, before)
		}
		s, err := Open(Config{Dir: dir, MaxAge: forever, Names: site{}}, record.NewExchange(1))
		if err != nil {
			t.Fatal(err)
		}
		if after := count(t, dir); after != before {
			t.Fatalf("cut at %d: %d rows after recovery, %d before", at, after, before)
		}
		if st := s.Stats(); before < 3*record.Rows && st.Cut+st.Broken == 0 {
			t.Fatalf("cut at %d is not counted: %+v", at, st)
		}
	}
}

// A process that died after it made a segment and before it removed the journal
// must not have told everything twice.
func TestNothingIsCountedTwice(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, journalName("abc"))
	if err := os.Rename(writeJournal(t, dir, zipfRows(5000, 1000, 10, false)), path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := convert(dir, path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if n := count(t, dir); n != 5000 {
		t.Errorf("%d rows, want 5000", n)
	}
	if _, err := Open(Config{Dir: dir, MaxAge: forever, Names: site{}}, record.NewExchange(1)); err != nil {
		t.Fatal(err)
	}
	if n := count(t, dir); n != 5000 {
		t.Errorf("%d rows after recovery, want 5000", n)
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  Config
		now  time.Time
		want int
		// of minutes
		rollups int
	}{
		{"by age", Config{MaxBytes: 1 << 30, MaxAge: time.Hour, Rollups: 1 << 30, RollupsAge: 24 * time.Hour}, epoch.Add(90 * time.Minute), 1, 3},
		{"by bytes", Config{MaxBytes: 1, MaxAge: time.Hour, Rollups: 1 << 30, RollupsAge: time.Hour}, epoch.Add(90 * time.Minute), 0, 1},
		{"rollups by bytes", Config{MaxBytes: 1 << 30, MaxAge: 24 * time.Hour, Rollups: 3, RollupsAge: 24 * time.Hour}, epoch, 3, 0},
		{"neither", Config{MaxBytes: 1 << 30, MaxAge: 24 * time.Hour, Rollups: 1 << 30, RollupsAge: 24 * time.Hour}, epoch.Add(90 * time.Minute), 3, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.cfg.Dir, c.cfg.Names = t.TempDir(), site{}
			for i := range 3 {
				rows := zipfRows(100, 1000, 10, false)
				for j := range rows {
					rows[j].At += int64(i) * int64(20*time.Minute)
				}
				path := filepath.Join(c.cfg.Dir, journalName(fmt.Sprint(i)))
				if err := os.Rename(writeJournal(t, c.cfg.Dir, rows), path); err != nil {
					t.Fatal(err)
				}
				if _, err := convert(c.cfg.Dir, path); err != nil {
					t.Fatal(err)
				}
			}
			c.cfg.Step = noStep
			s := &Store{cfg: c.cfg}
			s.limit(c.now)
			if left, err := rollFiles(c.cfg.Dir, minutePrefix); err != nil || len(left) != c.rollups {
				t.Errorf("%d rollups, want %d: %v", len(left), c.rollups, err)
			}
			if err := os.RemoveAll(filepath.Join(c.cfg.Dir, rollupDir)); err != nil {
				t.Fatal(err)
			}
			files, err := os.ReadDir(c.cfg.Dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(files) != c.want || s.stats.Segments != c.want || s.stats.Deleted != uint64(6-c.want-c.rollups) {
				t.Errorf("%d files, %+v, want %d", len(files), s.stats, c.want)
			}
			if c.want == 1 && !strings.HasSuffix(files[0].Name(), "-2"+segmentSuffix) {
				t.Errorf("kept %s, want the newest", files[0].Name())
			}
		})
	}
}
