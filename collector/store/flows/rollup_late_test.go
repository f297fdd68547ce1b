package flows

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lateHours is how many hours the tests of late rows have rollups of.
const lateHours = 25

// lateTemplate makes what they add late rows to copies of.
func lateTemplate(t *testing.T) fs.FS {
	t.Helper()
	dir := t.TempDir()
	days(t, dir, lateHours, 400, 3000)
	boundsTruth(t, "before", dir)
	return os.DirFS(dir)
}

// late makes a journal of rows spread over a time that passed long ago.
func late(t *testing.T, dir, id string, seed uint64, from, length time.Duration) (path string) {
	t.Helper()
	const n = 1000
	rows := zipfRowsOf(seed, n, 1000, 3000, false)
	for i := range rows {
		rows[i].At = epoch.Add(from + time.Duration(i)*length/n).UnixNano()
	}
	path = filepath.Join(dir, journalName(id))
	if err := os.Rename(writeJournal(t, dir, rows), path); err != nil {
		t.Fatal(err)
	}
	return path
}

// lateSegment makes a segment of it, and what is made then.
func lateSegment(t *testing.T, dir, id string, seed uint64, from, length time.Duration) {
	t.Helper()
	if _, err := convert(dir, late(t, dir, id, seed, from, length)); err != nil {
		t.Fatal(err)
	}
	theHours(t, dir)
}

// theHours makes the rollups of hours until long after the rows.
func theHours(t *testing.T, dir string) {
	t.Helper()
	if err := makeHours(dir, epoch.Add(lateHours*time.Hour), func(path string, why error) { t.Error(path, why) }); err != nil {
		t.Fatal(err)
	}
}

// eachRollup calls do with the rollups of one kind that begin in a time.
func eachRollup(t *testing.T, dir, prefix string, from, to time.Duration, do func(path string) error) {
	t.Helper()
	files, err := rollFiles(dir, prefix)
	n := 0
	for _, f := range files {
		if at := time.UnixMicro(f.first).Sub(epoch); at >= from && at < to {
			err = errors.Join(err, do(filepath.Join(dir, rollupDir, f.name)))
			n++
		}
	}
	if err != nil || n == 0 {
		t.Fatal(n, err)
	}
}

// boundsTruth compares what rollups answer with the samples.
func boundsTruth(t *testing.T, what, dir string) {
	t.Helper()
	for _, by := range [][]string{{"dst"}, {"src", "dst"}, {"proto"}} {
		q := Query{From: epoch, To: epoch.Add((lateHours + 2) * time.Hour), By: by, Add: true}
		got, err := Scan(context.Background(), dir, q)
		if err != nil || got.Broken != "" || got.Rollup == nil || got.Rollup.Hours < lateHours-1 {
			t.Fatal(what, by, err, got.Broken, got.Rollup)
		}
		q.Samples = true
		want, err := Scan(context.Background(), dir, q)
		if err != nil || want.Rollup != nil {
			t.Fatal(what, by, err)
		}
		truth := map[string]Sum{}
		for _, s := range want.Rows {
			truth[fmt.Sprint(s.Key)] = s
		}
		if len(got.Rows) == 0 {
			t.Errorf("%s: no rows by %v", what, by)
		}
		wrong := 0
		for _, s := range got.Rows {
			w := truth[fmt.Sprint(s.Key)]
			if s.Bytes > w.Bytes*(1+1e-9) || s.Bytes+s.Missed < w.Bytes*(1-1e-9) {
				if wrong++; wrong == 1 {
					t.Errorf("%s: %v: %.0f, missed %.0f, but it was %.0f", what, s.Key, s.Bytes, s.Missed, w.Bytes)
				}
			}
		}
		if wrong > 0 {
			t.Errorf("%s: %d of %d by %v are wrong", what, wrong, len(got.Rows), by)
		}
		if by[0] == "proto" && got.Total.Samples != want.Total.Samples { // of protocols none is left out
			t.Errorf("%s: %d samples by %v, want %d", what, got.Total.Samples, by, want.Total.Samples)
		}
	}
}

// What comes when the rollup of its hour is made is in the answers, once, whatever is
// left of the minutes that this was made of.
func TestLateRows(t *testing.T) {
	remove := os.Remove
	setAside := func(path string) error {
		now := time.Now().Add(time.Second)
		return errors.Join(os.Rename(path, path+badSuffix), os.Chtimes(path+badSuffix, now, now))
	}
	template := lateTemplate(t)
	for _, c := range []struct {
		name string
		do   func(t *testing.T, dir string)
	}{
		{"all minutes are there", func(t *testing.T, dir string) { lateSegment(t, dir, "x", 3, 12*time.Hour, time.Hour) }},
		{"the oldest hour that has minutes", func(t *testing.T, dir string) {
			eachRollup(t, dir, minutePrefix, 0, 10*time.Hour+time.Minute, remove)
			lateSegment(t, dir, "x", 3, 10*time.Hour, time.Hour)
		}},
		{"hours that have none", func(t *testing.T, dir string) {
			eachRollup(t, dir, minutePrefix, 0, 10*time.Hour, remove)
			lateSegment(t, dir, "x", 3, 3*time.Hour+20*time.Minute, 4*time.Hour)
		}},
		{"minutes were set aside", func(t *testing.T, dir string) {
			eachRollup(t, dir, minutePrefix, 12*time.Hour, 12*time.Hour+time.Minute, setAside)
			lateSegment(t, dir, "x", 3, 12*time.Hour, time.Hour)
		}},
		{"twice", func(t *testing.T, dir string) {
			lateSegment(t, dir, "x", 3, 12*time.Hour, 30*time.Minute)
			boundsTruth(t, "the first", dir)
			lateSegment(t, dir, "y", 4, 12*time.Hour, 2*time.Hour)
		}},
		{"an hour that is made again", func(t *testing.T, dir string) {
			lateSegment(t, dir, "x", 3, 12*time.Hour, time.Hour)
			eachRollup(t, dir, hourPrefix, 12*time.Hour, 13*time.Hour, func(path string) error {
				if strings.HasSuffix(path, ".x"+segmentSuffix) {
					return nil
				}
				return os.Remove(path)
			})
			boundsTruth(t, "without the hour", dir)
			theHours(t, dir)
		}},
		{"an hour that has nothing but late rows", func(t *testing.T, dir string) {
			eachRollup(t, dir, hourPrefix, 12*time.Hour, 13*time.Hour, remove)
			lateSegment(t, dir, "x", 3, 12*time.Hour, time.Hour)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, template); err != nil {
				t.Fatal(err)
			}
			c.do(t, dir)
			boundsTruth(t, "after", dir)
			before, err := rollFiles(dir, hourPrefix)
			if err != nil {
				t.Fatal(err)
			}
			theHours(t, dir)
			after, err := rollFiles(dir, hourPrefix)
			if err != nil || len(before) != len(after) {
				t.Errorf("%d rollups of hours, %d when they are made again: %v", len(before), len(after), err)
			}
			boundsTruth(t, "made again", dir)
		})
	}
}

// A journal that cannot become a segment as yet is answered from itself alone, whether
// the hour's rollup is made before or meanwhile.
func TestJournalThatWaitsIsCountedOnce(t *testing.T) {
	template := lateTemplate(t)
	for _, made := range []bool{true, false} {
		t.Run(fmt.Sprint("the hour is made before: ", made), func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, template); err != nil {
				t.Fatal(err)
			}
			if !made {
				eachRollup(t, dir, hourPrefix, 12*time.Hour, 13*time.Hour, os.Remove)
			}
			path := late(t, dir, "x", 3, 12*time.Hour, time.Hour)
			boundsTruth(t, "the journal", dir)
			journal, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := convert(dir, path); err != nil {
				t.Fatal(err)
			}
			// As where there was no room left for the segment.
			segments, err := filepath.Glob(filepath.Join(dir, "flows-*-x"+segmentSuffix))
			if err != nil || len(segments) != 1 {
				t.Fatal(segments, err)
			}
			if err := errors.Join(os.Remove(segments[0]), os.WriteFile(path, journal, 0o600)); err != nil {
				t.Fatal(err)
			}
			boundsTruth(t, "with its rollups", dir)
			theHours(t, dir)
			boundsTruth(t, "with the hour", dir)
			if _, err := convert(dir, path); err != nil {
				t.Fatal(err)
			}
			boundsTruth(t, "as a segment", dir)
			theHours(t, dir)
			boundsTruth(t, "all of it", dir)
		})
	}
}
