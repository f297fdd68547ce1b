package flows

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collector/record"
	"weir/collector/store/columnar"
)

// threeSegments makes segments of so many rows each, 20 minutes apart.
func threeSegments(t *testing.T, n int) (dir string, paths []string) {
	t.Helper()
	dir = t.TempDir()
	for i := range 3 {
		rows := zipfRows(n, 1000, 100, false)
		for j := range rows {
			rows[j].At += int64(i) * int64(20*time.Minute)
		}
		path := filepath.Join(dir, journalName(fmt.Sprint(i)))
		if err := os.Rename(writeJournal(t, dir, rows), path); err != nil {
			t.Fatal(err)
		}
		if _, err := convert(dir, path); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := filepath.Glob(filepath.Join(dir, "flows-*"+segmentSuffix))
	if err != nil || len(paths) != 3 {
		t.Fatal(paths, err)
	}
	return dir, paths
}

// spoil changes the contents of a file.
func spoil(t *testing.T, path string, how func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, how(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func flipAt(part float64) func(b []byte) []byte {
	return func(b []byte) []byte {
		b[int(float64(len(b)-1)*part)] ^= 0x10
		return b
	}
}

// told remembers what was set aside.
type told []string

func (a *told) damaged(path string, _ error) { *a = append(*a, filepath.Base(path)) }

func openStore(t *testing.T, dir string, a *told) *Store {
	t.Helper()
	s, err := Open(Config{Dir: dir, MaxAge: forever, RollupsAge: forever, Names: site{}, Damaged: a.damaged}, record.NewExchange(1))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A segment that is damaged is set aside once and told once; answers are made of
// the others, before and after, and say what they lack.
func TestDamagedSegmentIsSetAside(t *testing.T) {
	const n = 3000
	everything := Query{From: epoch, To: epoch.Add(2 * time.Hour), By: []string{"src", "dst", "src_port"}, Top: 5, Add: true, Samples: true}
	for _, c := range []struct {
		name  string
		spoil func(b []byte) []byte
	}{
		{"empty", func([]byte) []byte { return nil }},
		{"cut in half", func(b []byte) []byte { return b[:len(b)/2] }},
		{"last octet missing", func(b []byte) []byte { return b[:len(b)-1] }},
		{"zeros in the middle", func(b []byte) []byte { clear(b[len(b)/4 : len(b)/2]); return b }},
		{"flipped in the footer", func(b []byte) []byte { b[len(b)-60] ^= 1; return b }},
		{"flipped in the length of the footer", func(b []byte) []byte { b[len(b)-7] ^= 0x40; return b }},
		{"flipped in a page", flipAt(0.05)},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, paths := threeSegments(t, n)
			var said told
			s := openStore(t, dir, &said)
			spoil(t, paths[1], c.spoil)
			name := filepath.Base(paths[1])
			for _, when := range []string{"found", "set aside", "after a start"} {
				switch when {
				case "set aside":
					s.look(<-s.suspects, (*columnar.File).Check)
				case "after a start":
					s = openStore(t, dir, &said)
				}
				r, err := s.Scan(context.Background(), everything)
				if err != nil {
					t.Fatal(err)
				}
				if r.Total.Samples != 2*n || !strings.Contains(r.Broken, name) {
					t.Errorf("%s: %d samples, want %d; lacks %q", when, r.Total.Samples, 2*n, r.Broken)
				}
			}
			if !slices.Equal(said, []string{name + badSuffix}) {
				t.Errorf("told %v", said)
			}
			if st := s.Stats(); st.Bad != 1 || st.Broken != 0 || st.Segments != 2 || len(s.suspects) != 0 {
				t.Errorf("after a start: %+v, %d to look at", st, len(s.suspects))
			}
			outside := everything
			outside.To = epoch.Add(10 * time.Minute)
			if r, err := s.Scan(context.Background(), outside); err != nil || r.Broken != "" || r.Total.Samples != n {
				t.Errorf("of another time: %+v, %v", r, err)
			}
		})
	}
}

// A column that a filter looks at after another may be the damaged one.
func TestFilterOfADamagedColumn(t *testing.T) {
	dir, paths := threeSegments(t, 500)
	whole, err := os.ReadFile(paths[1])
	if err != nil {
		t.Fatal(err)
	}
	q := Query{From: epoch, To: epoch.Add(2 * time.Hour), By: []string{"dst"}}
	said := 0
	for _, text := range []string{"src_port > 40000 and dst_port = 443", "dst_port = 443 or vlan = 12 or src_port > 40000"} {
		q.Filter = filter(t, text)
		for part := range 200 {
			spoil(t, paths[1], func([]byte) []byte { return flipAt(float64(part) / 200)(slices.Clone(whole)) })
			r, err := Scan(context.Background(), dir, q)
			if err != nil || r.Total.Samples == 0 {
				t.Fatal(part, err, r)
			}
			if r.Broken != "" {
				said++
			}
		}
	}
	if said == 0 {
		t.Error("no damage was found")
	}
}

// Damage where no query has looked shows as files are read through, any octet.
func TestScrubFindsDamage(t *testing.T) {
	dir, paths := threeSegments(t, 500)
	whole, err := os.ReadFile(paths[2])
	if err != nil {
		t.Fatal(err)
	}
	found := uint64(0)
	var said told
	s := openStore(t, dir, &said)
	for at := 3; at < len(whole); at += 97 {
		b := slices.Clone(whole)
		b[at] ^= 0x10
		if err := os.WriteFile(paths[2], b, 0o600); err != nil {
			t.Fatal(err)
		}
		s.scrub(context.Background())
		if word := bytes.LastIndex(whole, []byte("wsum")); at >= word && at < word+4 {
			continue // the file is one without a checksum now, and otherwise as it was
		}
		if found++; s.Stats().Broken != found || len(said) != int(found) {
			t.Fatalf("flipped at %d of %d: %+v", at, len(whole), s.Stats())
		}
	}
}

func TestStoreLooksAtEveryEndAtTheStart(t *testing.T) {
	dir, paths := threeSegments(t, 500)
	spoil(t, paths[0], func(b []byte) []byte { return b[:len(b)-100] })
	rollups, err := filepath.Glob(filepath.Join(dir, rollupDir, "*"+segmentSuffix))
	if err != nil || len(rollups) == 0 {
		t.Fatal(rollups, err)
	}
	spoil(t, rollups[0], func(b []byte) []byte { return b[:20] })
	s := openStore(t, dir, &told{})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { s.Run(ctx); close(done) }()
	for end := time.Now().Add(time.Minute); s.Stats().Broken < 2 && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	<-done
	s.limit(epoch.Add(time.Hour))
	if st := s.Stats(); st.Broken != 2 || st.Bad != 2 || st.Segments != 2 {
		t.Errorf("%+v", st)
	}
}

func TestWhatIsSetAsideIsBounded(t *testing.T) {
	dir, paths := threeSegments(t, 500)
	s := openStore(t, dir, &told{})
	for _, p := range paths {
		spoil(t, p, func(b []byte) []byte { return b[:len(b)-1] })
	}
	s.care(stopped())
	s.scrub(context.Background())
	bads := func() int {
		left, err := badFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(left)
	}
	if n := bads(); n != 3 {
		t.Fatalf("%d set aside, want 3", n)
	}
	s.cfg.MaxAge = time.Hour
	s.limit(epoch.Add(90 * time.Minute)) // the first and the second are older
	if n := bads(); n != 1 {
		t.Errorf("%d left by age, want 1", n)
	}
	s.cfg.MaxBytes = badShare * 10
	s.limit(epoch.Add(90 * time.Minute))
	if n := bads(); n != 0 {
		t.Errorf("%d left by bytes, want 0", n)
	}
}

func stopped() context.Context {
	ctx, stop := context.WithCancel(context.Background())
	stop()
	return ctx
}

// A rollup that is damaged keeps none of the others from being made.
func TestDamagedRollupIsLeftOut(t *testing.T) {
	dir := t.TempDir()
	const hours = 30
	rows := days(t, dir, hours, 600, 100) // 600 for each rollup
	made, err := rollFiles(dir, hourPrefix)
	if err != nil || len(made) < 10 {
		t.Fatal(made, err)
	}
	for _, f := range made {
		if err := os.Remove(filepath.Join(dir, rollupDir, f.name)); err != nil {
			t.Fatal(err)
		}
	}
	minutes, err := rollFiles(dir, minutePrefix)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, rollupDir, minutes[4].name)
	spoil(t, bad, flipAt(0.3))
	var said told
	s := openStore(t, dir, &said)
	s.rollHours(epoch.Add(hours * time.Hour))
	again, err := rollFiles(dir, hourPrefix)
	if err != nil || len(again) < len(made)-1 || !slices.Equal(said, []string{filepath.Base(bad) + badSuffix}) {
		t.Fatalf("%d hours of %d, told %v: %v", len(again), len(made), said, err)
	}
	r, err := s.Scan(context.Background(), Query{From: epoch, To: epoch.Add(hours * time.Hour), By: []string{"proto"}, Add: true})
	if err != nil || r.Rollup == nil {
		t.Fatal(r, err)
	}
	within := 0
	for i := range rows {
		if rows[i].At < epoch.Add(hours*time.Hour).UnixNano() {
			within++
		}
	}
	if lost := within - int(r.Total.Samples); lost != 600 || !strings.Contains(r.Broken, filepath.Base(bad)) {
		t.Errorf("%d samples are missing, want the 600 of one rollup; lacks %q", lost, r.Broken)
	}
}

// What cannot be searched is not kept from being erased.
func TestEraseRemovesWhatIsDamaged(t *testing.T) {
	dir, paths := threeSegments(t, 500)
	spoil(t, paths[0], func(b []byte) []byte { return b[:len(b)-1] })
	s := openStore(t, dir, &told{})
	s.look(paths[0], (*columnar.File).Check)
	spoil(t, paths[1], flipAt(0.5))
	e, err := Erase(context.Background(), Config{Dir: dir, MaxAge: forever, RollupsAge: forever, Names: site{}}, []netip.Addr{netip.AddrFrom16(zipfRows(500, 1000, 100, false)[0].Dst).Unmap()})
	if err != nil || e.Damaged != 2 || e.Samples == 0 {
		t.Errorf("%+v: %v", e, err)
	}
	if left, err := badFiles(dir); err != nil || len(left) != 0 {
		t.Errorf("%v left: %v", left, err)
	}
}
