package flows

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/collector/record"
)

// acrossHours writes segments of half an hour each, of which every second is of two
// hours, and their rollups.
func acrossHours(t *testing.T, hours int) (dir string) {
	t.Helper()
	const each = 600
	dir = t.TempDir()
	rows := zipfRows(2*hours*each, 1000, 50, false)
	for i := range rows {
		rows[i].At = epoch.Add(17*time.Minute + time.Duration(i)*30*time.Minute/each).UnixNano()
	}
	for part := range 2 * hours {
		journaled(t, dir, string(rune('A'+part)), rows[part*each:(part+1)*each])
	}
	makeThem(t, dir, epoch.Add(time.Duration(hours)*time.Hour))
	return dir
}

// journaled makes a segment of rows.
func journaled(t *testing.T, dir, id string, rows []record.Sample) {
	t.Helper()
	path := filepath.Join(dir, journalName(id))
	if err := os.Rename(writeJournal(t, dir, rows), path); err != nil {
		t.Fatal(err)
	}
	if _, err := convert(dir, path); err != nil {
		t.Fatal(err)
	}
}

func makeThem(t *testing.T, dir string, before time.Time) {
	t.Helper()
	if err := makeHours(dir, before, func(path string, why error) { t.Error(path, why) }); err != nil {
		t.Fatal(err)
	}
}

// asked returns what rollups and samples say of all.
func asked(t *testing.T, dir string, from, to time.Duration) (rolled, samples *Result) {
	t.Helper()
	var all [2]*Result
	for i := range all {
		var err error
		q := Query{From: epoch.Add(from), To: epoch.Add(to), By: []string{"proto"}, Add: true, Samples: i == 1}
		if all[i], err = Scan(context.Background(), dir, q); err != nil {
			t.Fatal(err)
		}
	}
	if all[0].Rollup == nil || all[1].Rollup != nil {
		t.Fatal(all[0].Rollup, all[1].Rollup)
	}
	return all[0], all[1]
}

// Rollups of minutes have less room than samples at busy sites: where only hours and
// samples are left, a segment that is of an hour whose rollup is read, and of one whose
// is not, counts once.
func TestSegmentsAtTheEdgeOfHours(t *testing.T) {
	dir := acrossHours(t, 29)
	eachRollup(t, dir, minutePrefix, 0, 100*time.Hour, os.Remove)
	for _, c := range []struct {
		name     string
		from, to time.Duration
	}{
		{"begins within one", 150 * time.Minute, 28 * time.Hour},
		{"begins with one", 3 * time.Hour, 28 * time.Hour},
		{"ends within one", 2 * time.Hour, 28*time.Hour + 30*time.Minute},
		{"ends within a segment", 2*time.Hour + 5*time.Minute, 27*time.Hour + 10*time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := asked(t, dir, c.from, c.to)
			if got.Rollup.Hours < 20 || got.Rollup.Minutes > 0 || got.Broken != "" {
				t.Errorf("read %+v, %s; want hours and no minutes", got.Rollup, got.Broken)
			}
			if got.Total.Samples != want.Total.Samples {
				t.Errorf("%d samples, want %d", got.Total.Samples, want.Total.Samples)
			}
		})
	}
}

// A rollup that is set aside is told of wherever nothing else has its rows: of several
// hours where one of them lacks it, and of late rows, which the hour was made without.
func TestRollupSetAsideIsTold(t *testing.T) {
	asideAt := func(t *testing.T, dir, prefix, end string, at time.Time) {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(dir, rollupDir, prefix+"-*"+end+segmentSuffix))
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		if err := errors.Join(os.Rename(all[0], all[0]+badSuffix), os.Chtimes(all[0]+badSuffix, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	aside := func(t *testing.T, dir, prefix, end string) {
		t.Helper()
		asideAt(t, dir, prefix, end, time.Now().Add(time.Second))
	}
	without := func(t *testing.T, dir, id string) {
		t.Helper()
		all, err := filepath.Glob(filepath.Join(dir, "flows-*-"+id+segmentSuffix))
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		if err := os.Remove(all[0]); err != nil {
			t.Fatal(err)
		}
	}
	template := os.DirFS(acrossHours(t, 26))
	of := func(from, length time.Duration) []record.Sample {
		rows := zipfRows(600, 1000, 50, false)
		for i := range rows {
			rows[i].At = epoch.Add(from + time.Duration(i)*length/600).UnixNano()
		}
		return rows
	}
	for _, c := range []struct {
		name string
		do   func(t *testing.T, dir string)
		want string
	}{
		{"late rows", func(t *testing.T, dir string) {
			journaled(t, dir, "late", of(12*time.Hour, 30*time.Minute))
			aside(t, dir, hourPrefix, ".late")
		}, ".late"},
		{"late rows, and their minutes", func(t *testing.T, dir string) {
			journaled(t, dir, "late", of(12*time.Hour, 30*time.Minute))
			without(t, dir, "late")
			aside(t, dir, hourPrefix, ".late")
			aside(t, dir, minutePrefix, "-late")
		}, ".late"},
		{"minutes of an hour that has its rollup and one that has none", func(t *testing.T, dir string) {
			journaled(t, dir, "two", of(27*time.Hour+50*time.Minute, 20*time.Minute))
			makeThem(t, dir, epoch.Add(28*time.Hour))
			without(t, dir, "two")
			aside(t, dir, minutePrefix, "-two")
		}, "-two"},
		{"minutes of an hour that is made without them, and one whose samples are read", func(t *testing.T, dir string) {
			journaled(t, dir, "two", of(27*time.Hour+50*time.Minute, 20*time.Minute))
			asideAt(t, dir, minutePrefix, "-two", time.Now().Add(-time.Minute))
			journaled(t, dir, "other", of(27*time.Hour, time.Minute))
			makeThem(t, dir, epoch.Add(28*time.Hour))
		}, "-two"},
		{"minutes of an hour that has its rollup and one whose samples are read", func(t *testing.T, dir string) {
			journaled(t, dir, "two", of(27*time.Hour+50*time.Minute, 20*time.Minute))
			makeThem(t, dir, epoch.Add(28*time.Hour))
			aside(t, dir, minutePrefix, "-two")
		}, ""},
		{"minutes of hours that have theirs", func(t *testing.T, dir string) {
			journaled(t, dir, "two", of(27*time.Hour+50*time.Minute, 20*time.Minute))
			makeThem(t, dir, epoch.Add(29*time.Hour))
			without(t, dir, "two")
			aside(t, dir, minutePrefix, "-two")
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, template); err != nil {
				t.Fatal(err)
			}
			makeThem(t, dir, epoch.Add(27*time.Hour))
			c.do(t, dir)
			if got, _ := asked(t, dir, time.Hour, 33*time.Hour); !strings.Contains(got.Broken, c.want) || c.want == "" && got.Broken != "" {
				t.Errorf("lacks %q, want %q", got.Broken, c.want)
			}
		})
	}
}

// A journal that became a segment, and a part of its hour's rollup, after it was
// opened is looked at anew.
func TestJournalBecomesASegmentWhileItIsAsked(t *testing.T) {
	dir := acrossHours(t, 26)
	path := late(t, dir, "x", 3, 27*time.Hour, 30*time.Minute)
	s := newScan(&Query{From: epoch, To: epoch.Add(40 * time.Hour), By: []string{"proto"}})
	p, err := list(dir, s.from, s.to)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if err := s.plan(dir, p); err != nil {
		t.Fatal(err)
	}
	if p, err = list(dir, s.from, s.to); err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if _, err := convert(dir, path); err != nil {
		t.Fatal(err)
	}
	makeThem(t, dir, epoch.Add(30*time.Hour))
	if err := s.plan(dir, p); !errors.Is(err, errMoved) {
		t.Errorf("planned with rows that are there twice: %v", err)
	}
	if got, want := asked(t, dir, 0, 40*time.Hour); got.Total.Samples != want.Total.Samples {
		t.Errorf("%d samples, want %d", got.Total.Samples, want.Total.Samples)
	}
}

// Where the clock was set while a journal was written, its rows are of times years
// apart: hours are made of those that they are of, not of all between.
func TestRollupsOfAJournalDuringWhichTheClockWasSet(t *testing.T) {
	dir := acrossHours(t, 26)
	rows := zipfRows(600, 1000, 50, false)
	const begun = 30 * 365 * 24 * time.Hour
	for i := range rows {
		if rows[i].At = epoch.Add(20*time.Hour + time.Duration(i)*100*time.Millisecond).UnixNano(); i < 300 {
			rows[i].At -= begun.Nanoseconds()
		}
	}
	journaled(t, dir, "stepped", rows)
	files, err := rollFiles(dir, minutePrefix)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		if f := &files[i]; f.id == "stepped" {
			if of, err := f.hours(dir); err != nil || len(of) != 2 || f.last-f.first < begun.Microseconds() {
				t.Errorf("it is of %d hours from %d to %d, want two: %v", len(of), f.first, f.last, err)
			}
		}
	}
	makeThem(t, dir, epoch.Add(26*time.Hour))
	all, err := filepath.Glob(filepath.Join(dir, rollupDir, hourPrefix+"-*"))
	if err != nil || len(all) != 26+1+1 { // late rows of one, and an hour long ago
		t.Errorf("%d rollups of hours: %v", len(all), err)
	}
	for _, from := range []time.Duration{0, -begun} {
		if got, want := asked(t, dir, from, from+26*time.Hour); got.Total.Samples != want.Total.Samples || want.Total.Samples < 300 {
			t.Errorf("from %v: %d samples, want %d", from, got.Total.Samples, want.Total.Samples)
		}
	}
}

// Whatever agents say of rates and lengths, answers have figures.
func TestRollupsOfWhatCannotBe(t *testing.T) {
	dir := t.TempDir()
	rows := zipfRows(25*600, 1000, 50, false)
	for i := range rows {
		if rows[i].At = epoch.Add(time.Duration(i) * time.Hour / 600).UnixNano(); i%3 == 0 {
			rows[i].Rate, rows[i].Length = math.MaxUint32, math.MaxUint32
		}
	}
	journaled(t, dir, "huge", rows)
	makeThem(t, dir, epoch.Add(24*time.Hour))
	rolled, samples := asked(t, dir, 0, 30*time.Hour)
	for _, r := range []*Result{rolled, samples} {
		if _, err := json.Marshal(r); err != nil || r.Total.Samples != uint64(len(rows)) || r.Total.High < r.Total.Bytes {
			t.Errorf("%+v: %v", r.Total, err)
		}
	}
}
