package flows

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A limit holds at every moment, so what will be written soon counts already.
const (
	// slackShare is the part of the limit that is free after it was applied, so
	// that it need not be with each block of rows; slackLeast, in octets, has some.
	slackShare = 64
	slackLeast = 2 * (frameHead + maxFrame)
	// segmentRow is how many octets a row takes of a segment at most where many have
	// its key: its place is packed in each column. A row with a key of its own takes
	// less than of the journal.
	segmentRow = 20
	// segmentTimes is how many times the octets of a journal its segment takes, where it
	// is not known how many rows that has.
	segmentTimes = 2
)

// segment returns the octets that the segment of a journal takes at most.
func (j *journal) segment() int64 { return max(j.size, int64(j.rows)*segmentRow) }

// settled is what the directory holds beside the journal that rows go to: segments,
// and journals with the segments that are being made of them, in octets.
type settled struct {
	mu       sync.Mutex
	bytes    int64
	journal  string           // name of the one that rows go to; "" is none
	live     int64            // its octets
	segments map[string]int64 // of those before it, what their segments take at most
}

// begins notes the journal that rows go to from now on.
func (s *settled) begins(j *journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.journal, s.live = filepath.Base(j.path), j.size
}

// ends notes that none do, and that a segment will be made of the one before.
func (s *settled) ends(j *journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes += j.size + j.segment()
	maps.DeleteFunc(s.segments, func(name string, _ int64) bool {
		_, err := os.Stat(filepath.Join(filepath.Dir(j.path), name))
		return err != nil // it is made
	})
	if s.segments == nil {
		s.segments = map[string]int64{}
	}
	s.segments[filepath.Base(j.path)] = j.segment()
	s.journal, s.live = "", 0
}

// fits reports whether the journal may have so many octets more.
func (s *settled) fits(j *journal, more, most int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = j.size
	return s.bytes+s.live+more <= most
}

// room makes room for a block of rows, at the cost of the oldest files. It reports
// whether there is some.
func (s *Store) room(rows int, now time.Time) bool {
	more := int64(frameHead + rowsHead + rows*rowMost)
	if s.settled.fits(s.journal, more, s.cfg.MaxBytes) {
		return true
	}
	s.limit(now)
	return s.settled.fits(s.journal, more, s.cfg.MaxBytes)
}

// segmentFile is a segment as the limits see it.
type segmentFile struct {
	name        string
	first, last int64 // µs
	size        int64
	takes       int64 // size, and of a journal what its segment takes at most
}

// list returns the segments, the oldest first, and the journals that are left, and
// what there is of bytes: as they are, and with what is being written as it will be,
// without the journal that rows go to.
func (s *Store) list(now time.Time, journal string) (all, left []segmentFile, bytes, soon int64, err error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return nil, nil, 0, 0, err
	}
	s.settled.mu.Lock()
	segments := maps.Clone(s.settled.segments)
	s.settled.mu.Unlock()
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.IsDir() {
			continue
		}
		size := info.Size()
		bytes += size
		switch {
		case e.Name() == journal, strings.HasSuffix(e.Name(), newSuffix): // what becomes of that is counted with its journal
		case strings.HasSuffix(e.Name(), journalSuffix):
			takes := size + cmp.Or(segments[e.Name()], segmentTimes*size)
			soon += takes
			until := notAhead(filepath.Join(s.cfg.Dir, e.Name()), info.ModTime().UnixMicro(), info.ModTime(), now)
			left = append(left, segmentFile{e.Name(), until - 2*s.cfg.Rotate.Microseconds(), until, size, takes})
		default:
			soon += size
		}
		if first, last, _, ok := spanOf(e.Name()); ok {
			until := notAhead(filepath.Join(s.cfg.Dir, e.Name()), last, info.ModTime(), now)
			// Where the clock was set while a journal was written, its first row says
			// nothing of the others.
			all = append(all, segmentFile{e.Name(), max(min(first, until), until-2*s.cfg.Rotate.Microseconds()), until, size, size})
		}
	}
	slices.SortFunc(all, func(a, b segmentFile) int { return cmp.Compare(a.last, b.last) })
	return all, left, bytes, soon, nil
}

// limit deletes the oldest files beyond the limits: so many that no row gets older
// than the age until this is looked at again.
func (s *Store) limit(now time.Time) {
	s.agesMu.Lock()
	defer s.agesMu.Unlock()
	now = s.ages.Now(now)
	bad, gone, err := s.limitBad(now)
	if err != nil {
		s.lose(0, err)
	}
	s.settled.mu.Lock()
	journal, live := s.settled.journal, s.settled.live
	s.settled.mu.Unlock()
	all, left, sum, soon, err := s.list(now, journal)
	if err != nil {
		s.lose(0, err)
		return
	}
	oldest := now.Add(s.cfg.Rotate - s.cfg.MaxAge).UnixMicro()
	for _, f := range left { // of which no segment could be made all the time
		if f.first >= oldest {
			continue
		}
		if err := os.Remove(filepath.Join(s.cfg.Dir, f.name)); err != nil {
			s.lose(0, err)
			continue
		}
		sum -= f.size
		soon -= f.takes
		gone++
	}
	deleted := gone
	most := s.cfg.MaxBytes - max(s.cfg.MaxBytes/slackShare, slackLeast)
	for _, f := range all {
		if soon+live <= most && f.first >= oldest {
			break
		}
		if err := os.Remove(filepath.Join(s.cfg.Dir, f.name)); err != nil {
			s.lose(0, err)
			break
		}
		sum -= f.size
		soon -= f.size
		deleted++
	}
	segments := len(all) - (deleted - gone)
	s.settled.mu.Lock()
	if s.settled.journal == journal { // else it is counted with the others, until the next time
		s.settled.bytes = soon
	}
	s.settled.mu.Unlock()
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
