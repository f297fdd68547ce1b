package flows

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
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

// makeHours makes the rollups of hours that ended before now and have none, or
// one older than the minutes it is made of. Files that are damaged are handed to
// bad, and left out.
func makeHours(dir string, before time.Time, bad func(path string, why error)) error {
	minutes, err := rollFiles(dir, minutePrefix)
	if err != nil {
		return err
	}
	hours, err := rollFiles(dir, hourPrefix)
	if err != nil {
		return err
	}
	made := map[int64]time.Time{}
	for _, h := range hours {
		made[h.first] = h.changed
	}
	const hour = int64(rollHour / time.Microsecond)
	of := map[int64][]rollFile{}
	stale := map[int64]bool{}
	for _, m := range minutes {
		for h := m.first - m.first%hour; h < m.last; h += hour {
			of[h] = append(of[h], m)
			// Of the oldest hour minutes may be gone already.
			if at, ok := made[h]; !ok || m.changed.After(at) && minutes[0].first < h {
				stale[h] = true
			}
		}
	}
	for h := range stale {
		if h+hour > before.UnixMicro() {
			continue
		}
		_, old := made[h]
		if err := makeHour(dir, h, of[h], old, bad); err != nil {
			return err
		}
	}
	return nil
}

// makeHour makes the rollup of the hour that begins at h µs. Where minutes are
// damaged and there is an old one, that has more than can be read now, and stays.
func makeHour(dir string, h int64, minutes []rollFile, old bool, bad func(path string, why error)) error {
	const hour = int64(rollHour / time.Microsecond)
	whole := true
	minutes = slices.DeleteFunc(minutes, func(m rollFile) bool {
		path := filepath.Join(dir, rollupDir, m.name)
		err := checkFile(path, (*columnar.File).Check)
		if !damaged(err) {
			return false
		}
		bad(path, err)
		whole = false
		return true
	})
	if old && !whole {
		return nil
	}
	return saveRollup(filepath.Join(dir, rollupDir), hourPrefix, rollHour, strconv.FormatInt(h/hour, 36), func(definition int) (*steps, error) {
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

// dropHours removes the rollups of hours that a rollup which is being made has more
// of, as after the clock was set back, where the minutes they were made of are
// there to make them anew.
func dropHours(dir string, first, last int64) error {
	minutes, err := rollFiles(dir, minutePrefix)
	if err != nil {
		return err
	}
	hours, err := rollFiles(dir, hourPrefix)
	for _, h := range hours {
		if h.first < last && h.last > first && len(minutes) > 0 && minutes[0].first < h.first {
			err = errors.Join(err, os.Remove(filepath.Join(dir, rollupDir, h.name)))
		}
	}
	return err
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
		slices.SortStableFunc(files, func(a, b rollFile) int { return cmp.Compare(a.last, b.last) })
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
