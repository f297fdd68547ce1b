package series

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestDamagedJournalIsSetAside(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	if begun := now.Truncate(2 * time.Hour); now.Sub(begun) <= 100*time.Second {
		now = begun.Add(-time.Second) // what is of an earlier block is not in the journal alone
	}
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard})
	f := &feed{t: t}
	for i := range 100 {
		for p := range 100 {
			f.port(now.Add(time.Duration(i-100)*time.Second), "10.0.0.1", p, float64(i*p))
		}
		f.give(s)
	}
	s.shut()
	flip(t, newest(t, filepath.Join(dir, "wal")), 0.5)
	s = open(t, Config{Dir: dir, Log: discard})
	if st := s.Stats(); st.Broken != 1 || len(s.bads()) != 1 {
		t.Errorf("%+v, set aside: %v", st, s.bads())
	}
	got := values(t, s, `count_over_time(weir_interface_in_bits_per_second{ifindex="7"}[10m])`, now)
	for _, n := range got {
		if n < 30 || n > 60 {
			t.Errorf("%v samples before the damage in the middle of 100", n)
		}
	}
	f.port(now, "10.0.0.1", 7, 1)
	f.give(s)
	if got := values(t, s, `weir_interface_in_bits_per_second{ifindex="7"}`, now); len(got) != 1 {
		t.Errorf("what is written after it: %v", got)
	}
}

func TestRepairThatWasStoppedLosesNothing(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	if begun := now.Truncate(2 * time.Hour); now.Sub(begun) <= 100*time.Second {
		now = begun.Add(-time.Second) // what is of an earlier block is not in the journal alone
	}
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard})
	f := &feed{t: t}
	for i := range 100 {
		f.port(now.Add(time.Duration(i-100)*time.Second), "10.0.0.1", 7, float64(i))
		f.give(s)
	}
	s.shut()
	// As the library leaves it: the segment has another name, and in its place is the
	// beginning of a new one.
	segment := newest(t, filepath.Join(dir, "wal"))
	if err := os.Rename(segment, segment+".repair"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(segment, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir, Log: discard})
	const all = `count_over_time(weir_interface_in_bits_per_second{ifindex="7"}[10m])`
	for _, n := range values(t, s, all, now) {
		if n != 100 {
			t.Errorf("%v samples of 100", n)
		}
	}
	if got := values(t, s, all, now); len(got) != 1 {
		t.Errorf("%d series, want 1", len(got))
	}
	s.shut()
	// One that an older weir left is of a journal that has gone on since.
	if err := os.WriteFile(segment+".repair", []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, Config{Dir: dir, Log: discard})
	for _, n := range values(t, s, all, now) {
		if n != 100 {
			t.Errorf("%v samples of 100 beside what an older weir left", n)
		}
	}
	if _, err := os.Stat(segment + ".repair"); !os.IsNotExist(err) {
		t.Errorf("%v: want what an older weir left removed", err)
	}
}

func TestDamagedBlocksAreSetAside(t *testing.T) {
	for _, c := range []struct {
		name, file string
		at         float64 // of its length
		asked      bool    // it shows when it is asked
	}{
		{"meta", "meta.json", 0, false},
		{"index", "index", 0.999, false},
		{"chunks", "chunks/000001", 0.5, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			start := time.Now().Add(-9 * time.Hour).Truncate(time.Hour)
			dir := t.TempDir()
			s := open(t, Config{Dir: dir, Log: discard})
			fill(t, s, start, 9*time.Hour, time.Minute, 20)
			blocks := s.Stats().Blocks
			s.shut()
			flip(t, filepath.Join(dir, firstBlock(t, dir), c.file), c.at)
			s = open(t, Config{Dir: dir, Log: discard})
			const all = `count(count_over_time(weir_interface_in_bits_per_second[10h]))`
			if c.asked {
				if _, err := instant(s, all, time.Now()); err == nil {
					t.Error("a damaged chunk was answered")
				}
				s.care(time.Now())
			}
			if st := s.Stats(); st.Broken != 1 || len(s.bads()) != 1 || st.Blocks != blocks-1 || st.Err != "" {
				t.Errorf("%+v, set aside: %v", st, s.bads())
			}
			if got := values(t, s, all, time.Now()); got["{}"] != 20 {
				t.Errorf("the rest: %v", got)
			}
		})
	}
}

// flip changes an octet of a file.
func flip(t *testing.T, path string, at float64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := len(b)
	for end > 1 && b[end-1] == 0 { // the journal is filled with zeros
		end--
	}
	b[int(float64(end-1)*at)] ^= 0x5a
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// newest returns the last file of a directory that has something.
func newest(t *testing.T, dir string) (path string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Size() > 0 {
			path = filepath.Join(dir, e.Name())
		}
	}
	return path
}

func firstBlock(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err == nil {
			return e.Name()
		}
	}
	t.Fatal("no block")
	return ""
}

// TestClockSetBack has samples of a time that has not come yet.
func TestClockSetBack(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	s := open(t, Config{Dir: dir, Log: discard})
	f := &feed{t: t}
	for i := range 60 {
		f.port(now.Add(time.Duration(i-60)*time.Second), "10.0.0.1", 1, float64(i))
		f.give(s)
	}
	f.port(now.Add(300*24*time.Hour), "10.0.0.1", 1, 1e12)
	f.give(s)
	f.port(now, "10.0.0.1", 1, 1)
	f.give(s)
	if st := s.Stats(); st.Late != 2 {
		t.Errorf("older than what the series has: %+v", st)
	}
	s.compact(t.Context(), now)
	if st := s.Stats(); st.Err != "" || st.Broken == 0 {
		t.Errorf("%+v", st)
	}
	f.port(now.Add(time.Second), "10.0.0.1", 1, 2)
	f.give(s)
	for expr, want := range map[string]float64{
		`count_over_time(weir_interface_in_bits_per_second[1h])`: 61,
		`max_over_time(weir_interface_in_bits_per_second[1h])`:   59,
	} {
		for _, v := range values(t, s, expr, now.Add(2*time.Second)) {
			if v != want {
				t.Errorf("%s is %v, want %v", expr, v, want)
			}
		}
	}
}

// TestClockSteps sets the clock back by an hour and forward by a day, while the
// store runs: samples keep their times, and answers have both spans.
func TestClockSteps(t *testing.T) {
	dir := t.TempDir()
	now := time.Now().Truncate(time.Minute).Add(-30 * time.Hour)
	s := open(t, Config{Dir: dir, MaxAge: 12 * time.Hour, Log: discard})
	up := time.Duration(0)
	s.ages.Up = func(time.Time) time.Duration { return up }
	f := &feed{t: t}
	sent := 0
	run := func(d time.Duration) {
		for end := up + d; up < end; sent++ {
			f.port(now.Add(time.Duration(sent)*time.Millisecond), "10.0.0.1", 1, float64(sent))
			f.give(s)
			now, up = now.Add(time.Minute), up+time.Minute
			if sent%10 == 0 {
				s.compact(t.Context(), now)
			}
		}
	}
	count := func(at time.Time, span string, want int) {
		t.Helper()
		got := values(t, s, `sum(count_over_time(weir_interface_in_bits_per_second[`+span+`]))`, at)
		if int(got["{}"]) != want {
			t.Errorf("%s: %v samples, want %d; %+v", span, got, want, s.Stats())
		}
	}
	run(5 * time.Hour)
	now = now.Add(-time.Hour)
	run(30 * time.Minute)
	count(now.Add(time.Hour), "10h", sent)
	run(90 * time.Minute)
	count(now, "10h", sent)
	count(now.Add(-time.Hour), "1h", 120)
	if st := s.Stats(); st.Late+st.Lost+st.Broken+st.Deleted != 0 || st.Err != "" {
		t.Errorf("after the step back: %+v", st)
	}
	now = now.Add(24 * time.Hour)
	run(50 * time.Minute)
	count(now, "40h", sent)
	if st := s.Stats(); st.Late+st.Lost+st.Broken+st.Deleted != 0 || st.Err != "" {
		t.Errorf("after the step forward: %+v", st)
	}
	s.shut()
	s = open(t, Config{Dir: dir, MaxAge: 1000 * time.Hour, Log: discard})
	count(now, "40h", sent)
}

// bads lists what was set aside.
func (s *Store) bads() []string {
	all, _ := filepath.Glob(filepath.Join(s.cfg.Dir, "*"+badSuffix))
	slices.Sort(all)
	return all
}

// Who erases removes what was set aside, since nobody can search it, whatever the
// directory is called.
func TestWhatWasSetAsideGoes(t *testing.T) {
	for _, name := range []string{"series", "a[b]*"} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(filepath.Join(dir, "wal-1"+badSuffix), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "wal-1"+badSuffix, "00000000"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := &Store{cfg: Config{Dir: dir}}
		if err := s.dropSetAside(); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: left: %v, %v", name, left, err)
		}
	}
}
