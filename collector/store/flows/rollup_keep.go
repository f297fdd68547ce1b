package flows

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/collector/store/columnar"
)

// rollFile is a rollup on disk.
type rollFile struct {
	name        string
	first, last int64 // µs
	id          string
	size        int64
	changed     time.Time
}

// rollFiles lists the rollups of one kind, oldest first.
func rollFiles(dir, prefix string) (all []rollFile, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, rollupDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		first, last, id, ok := spanOfRollup(e.Name(), prefix)
		if !ok {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		all = append(all, rollFile{e.Name(), first, last, id, info.Size(), info.ModTime()})
	}
	slices.SortFunc(all, func(a, b rollFile) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.name, b.name)) })
	return all, nil
}

// lateOf returns the id of the rollup of the rows that a journal has of an hour whose
// rollup was there before.
func lateOf(hour, journal string) string { return hour + "." + journal }

// late returns whose rows a rollup of late ones has, "" where it is another.
func (f *rollFile) late() (journal string) {
	_, journal, _ = strings.Cut(f.id, ".")
	return journal
}

// hours returns the hours, by their start, that a file of minutes has something of.
// Where the clock was set while a journal was written, its first row and its last may
// be years apart: the rows tell then.
func (f *rollFile) hours(dir string) (all []int64, err error) {
	if first, last := hourOf(f.first), hourOf(f.last-1); last <= first+rollHour.Microseconds() {
		return slices.Compact([]int64{first, last}), nil
	}
	file, in, err := columnar.OpenFile(filepath.Join(dir, rollupDir, f.name))
	if err != nil {
		return nil, err
	}
	defer in.Close()
	var c columnar.Chunk
	for g := range file.Groups() {
		if err := file.Read(g, timeColumn, &c); err != nil {
			return nil, err
		}
		times, err := c.Values()
		if err != nil {
			return nil, err
		}
		for _, at := range times {
			if h := hourOf(at); !slices.Contains(all, h) {
				all = append(all, h)
			}
		}
	}
	return all, nil
}

// makeHours makes the rollups of hours that ended before now and have none. One that
// has is never made anew, since minutes that it was made of may be gone: what comes
// later has rollups of its own, see addLate. Files that are damaged are handed to bad,
// and left out.
func makeHours(dir string, before time.Time, bad func(path string, why error)) error {
	waiting, err := waitingJournals(dir)
	if err != nil {
		return err
	}
	minutes, err := rollFiles(dir, minutePrefix)
	if err != nil {
		return err
	}
	hours, err := rollFiles(dir, hourPrefix)
	if err != nil {
		return err
	}
	type partKey struct {
		hour    int64
		journal string
	}
	have := map[partKey]bool{} // "" is the hour's own
	for i := range hours {
		have[partKey{hours[i].first, hours[i].late()}] = true
	}
	const hour = int64(rollHour / time.Microsecond)
	of := map[int64][]rollFile{}
	for i := range minutes {
		m := &minutes[i]
		if waiting[m.id] { // it will be late
			continue
		}
		all, err := m.hours(dir)
		if damaged(err) {
			bad(filepath.Join(dir, rollupDir, m.name), err)
			continue
		} else if err != nil {
			return err
		}
		for _, h := range all {
			if h+hour <= before.UnixMicro() && !have[partKey{h, ""}] && !have[partKey{h, m.id}] {
				of[h] = append(of[h], *m)
			}
		}
	}
	for h, minutes := range of {
		if err := makeHour(dir, h, hourID(h), whole(dir, minutes, bad)); err != nil {
			return err
		}
	}
	return nil
}

// waitingJournals returns the journals that have no segment yet. What they have is
// answered from them, whatever rollups they have.
func waitingJournals(dir string) (waiting map[string]bool, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	waiting = map[string]bool{}
	for _, e := range entries {
		if id, ok := journalID(e.Name()); ok {
			waiting[id] = true
		}
	}
	for _, e := range entries {
		if _, _, id, ok := spanOf(e.Name()); ok {
			delete(waiting, id)
		}
	}
	return waiting, nil
}

// whole returns the files that are not damaged, and hands the others to bad.
func whole(dir string, minutes []rollFile, bad func(path string, why error)) []rollFile {
	return slices.DeleteFunc(minutes, func(m rollFile) bool {
		path := filepath.Join(dir, rollupDir, m.name)
		err := checkFile(path, (*columnar.File).Check)
		if damaged(err) {
			bad(path, err)
		}
		return damaged(err)
	})
}

func hourID(h int64) string { return strconv.FormatInt(h/rollHour.Microseconds(), 36) }

// makeHour makes a rollup of the hour that begins at h µs.
func makeHour(dir string, h int64, id string, minutes []rollFile) error {
	const hour = int64(rollHour / time.Microsecond)
	return saveRollup(filepath.Join(dir, rollupDir), hourPrefix, rollHour, id, func(definition int) (*steps, error) {
		s := newSteps()
		for _, m := range minutes {
			err := s.load(filepath.Join(dir, rollupDir, m.name), definition, func(at int64) (int64, bool) { return h, at >= h && at < h+hour })
			if err != nil {
				return nil, err
			}
		}
		s.keep(hourKeys)
		return s, nil
	})
}

// addLate makes rollups of what a journal, whose minutes have theirs, has of hours
// that have theirs already, as where it waited for room on the disk or the clock was
// set back. They are read with those of the hours as soon as the journal is a segment.
func addLate(dir, journal string) error {
	minutes, err := rollFiles(dir, minutePrefix)
	if err != nil {
		return err
	}
	hours, err := rollFiles(dir, hourPrefix)
	if err != nil {
		return err
	}
	for i := range minutes {
		m := &minutes[i]
		if m.id != journal {
			continue
		}
		of, err := m.hours(dir)
		if err != nil {
			return err
		}
		for i := range hours {
			h := &hours[i]
			if h.late() != "" || !slices.Contains(of, h.first) {
				continue
			}
			if err := makeHour(dir, h.first, lateOf(h.id, journal), []rollFile{*m}); err != nil {
				return err
			}
		}
	}
	return nil
}

// limitRollups deletes rollups that are too old or too many: of minutes, which
// have a quarter of the room, the oldest go first, then of hours. It returns what
// is left.
func limitRollups(dir string, most int64, now time.Time, maxAge time.Duration) (size int64, deleted int, err error) {
	for _, part := range []struct {
		prefix string
		most   int64
	}{{minutePrefix, most / 4}, {hourPrefix, most - most/4}} {
		files, err := rollFiles(dir, part.prefix)
		if err != nil {
			return size, deleted, err
		}
		sum := int64(0)
		for i := range files {
			f := &files[i]
			sum += f.size
			f.last = notAhead(filepath.Join(dir, rollupDir, f.name), f.last, f.changed, now)
		}
		slices.SortStableFunc(files, func(a, b rollFile) int { // an hour's late rows before the others
			return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(b.late(), a.late()))
		})
		for _, f := range files {
			// What the next files take is free already.
			if sum <= part.most-part.most/slackShare && f.last >= now.Add(-maxAge).UnixMicro() {
				break
			}
			if err := os.Remove(filepath.Join(dir, rollupDir, f.name)); err != nil {
				return size, deleted, err
			}
			sum -= f.size
			deleted++
		}
		size += sum
	}
	return size, deleted, nil
}
