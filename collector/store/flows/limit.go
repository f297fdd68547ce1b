package flows

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// limit deletes the oldest files beyond the limits.
func (s *Store) limit(now time.Time) {
	s.agesMu.Lock()
	defer s.agesMu.Unlock()
	now = s.ages.Now(now)
	type file struct {
		name string
		last int64
		size int64
	}
	bad, gone, err := s.limitBad(now)
	if err != nil {
		s.lose(0, err)
	}
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		s.lose(0, err)
		return
	}
	var all []file
	var sum int64
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.IsDir() {
			continue
		}
		sum += info.Size()
		if _, last, _, ok := spanOf(e.Name()); ok {
			all = append(all, file{e.Name(), notAhead(filepath.Join(s.cfg.Dir, e.Name()), last, info.ModTime(), now), info.Size()})
		}
	}
	slices.SortFunc(all, func(a, b file) int { return cmp.Compare(a.last, b.last) })
	deleted := gone
	for _, f := range all {
		if sum <= s.cfg.MaxBytes && f.last >= now.Add(-s.cfg.MaxAge).UnixMicro() {
			break
		}
		if err := os.Remove(filepath.Join(s.cfg.Dir, f.name)); err != nil {
			s.lose(0, err)
			break
		}
		s.cfg.fault("deleted")
		sum -= f.size
		deleted++
	}
	segments := len(all) - (deleted - gone)
	rollups, old, err := limitRollups(s.cfg.Dir, s.cfg.Rollups, now, s.cfg.RollupsAge)
	if err != nil {
		s.lose(0, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Deleted += uint64(deleted + old)
	s.stats.Segments, s.stats.Bytes, s.stats.Rollups, s.stats.Bad = segments, sum, rollups, bad
}

// notAhead returns until when a file is of, given what it says, in µs. One of a
// time that has not come, from before the clock was set back, is as old as the file
// itself, and that is no older than now: else it would be the newest for long.
func notAhead(path string, last int64, changed, now time.Time) int64 {
	if last <= now.Add(time.Minute).UnixMicro() {
		return last
	}
	if changed.After(now.Add(time.Minute)) {
		changed = now
		_ = os.Chtimes(path, now, now) // it is tried again
	}
	return min(last, changed.UnixMicro())
}

// limitBad deletes what was set aside, of samples and of rollups, and is too old
// or too much.
func (s *Store) limitBad(now time.Time) (left, deleted int, err error) {
	left, deleted, err = limitBad(s.cfg.Dir, s.cfg.MaxBytes/badShare, now.Add(-s.cfg.MaxAge))
	more, gone, other := limitBad(filepath.Join(s.cfg.Dir, rollupDir), s.cfg.Rollups/badShare, now.Add(-s.cfg.RollupsAge))
	return left + more, deleted + gone, cmp.Or(err, other)
}
