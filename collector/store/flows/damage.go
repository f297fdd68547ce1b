package flows

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"weir/collector/store/columnar"
)

const (
	// badShare is the part of the limit that files set aside may have.
	badShare = 16
	// scrubShare is the part of the limit that is read through with each
	// segment that is made, scrubLeast the least of it, in octets.
	scrubShare = 256
	scrubLeast = 8 << 20
	// maxSuspects is how many files wait to be looked at.
	maxSuspects = 64
	// maxGaps is how many files that are set aside an answer names.
	maxGaps = 8
)

// damaged reports that an error tells of what a file contains, or that the disk
// does not give it.
func damaged(err error) bool {
	return errors.Is(err, columnar.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO)
}

// Scan is the function Scan, of the store's directory. Files that turn out to be
// damaged are looked at and set aside.
func (s *Store) Scan(ctx context.Context, q Query) (*Result, error) {
	r, bad, err := scanDir(ctx, s.cfg.Dir, q)
	for _, path := range bad {
		s.suspect(path)
	}
	return r, err
}

// suspect has a file looked at soon; those that find no place show again.
func (s *Store) suspect(path string) {
	select {
	case s.suspects <- path:
	default:
	}
}

// care looks at the end of each file, then at what queries found and, bit by bit,
// at everything, and keeps the limits, until ctx is done.
func (s *Store) care(ctx context.Context) {
	for _, path := range s.files() {
		if ctx.Err() != nil {
			return
		}
		s.look(path, func(*columnar.File) error { return nil })
	}
	tick := time.NewTicker(s.cfg.Rotate)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case path := <-s.suspects:
			s.look(path, (*columnar.File).Check)
		case <-tick.C:
			s.limit(time.Now()) // what is too old goes though nothing comes
			s.scrub(ctx)
		}
	}
}

// files lists segments and rollups.
func (s *Store) files() (paths []string) {
	for _, dir := range []string{s.cfg.Dir, filepath.Join(s.cfg.Dir, rollupDir)} {
		if some, err := ending(dir, segmentSuffix); err == nil {
			paths = append(paths, some...)
		}
	}
	slices.Sort(paths)
	return paths
}

// scrub reads the next files through, so that damage shows before somebody asks.
func (s *Store) scrub(ctx context.Context) {
	left := max(s.cfg.MaxBytes/scrubShare, scrubLeast)
	for _, path := range s.files() {
		if path <= s.scrubbed {
			continue
		}
		if left <= 0 || ctx.Err() != nil {
			return
		}
		if info, err := os.Stat(path); err == nil {
			left -= info.Size()
		}
		s.look(path, (*columnar.File).Check)
		s.scrubbed = path
	}
	s.scrubbed = "" // from the beginning
}

// look sets a file aside that is damaged.
func (s *Store) look(path string, check func(*columnar.File) error) {
	if err := checkFile(path, check); damaged(err) {
		s.setAside(path, err)
	}
}

func checkFile(path string, check func(*columnar.File) error) error {
	f, in, err := columnar.OpenFile(path)
	if err != nil {
		return err
	}
	defer in.Close()
	return check(f)
}

// setAside gives a file a name under which nobody reads it, and counts it.
func (s *Store) setAside(path string, why error) {
	err := os.Rename(path, path+badSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return // it went with the limits
	}
	if err == nil {
		now := time.Now()
		err = os.Chtimes(path+badSuffix, now, now)
	}
	s.mu.Lock()
	s.stats.Broken++
	s.stats.Bad++
	if err != nil {
		s.stats.Err = err.Error()
	}
	s.mu.Unlock()
	if s.cfg.Damaged != nil {
		s.cfg.Damaged(path+badSuffix, why)
	}
}

// badFile is a file that was set aside.
type badFile struct {
	name        string
	id          string // of the journal
	first, last int64  // µs
	size        int64
	aside       int64 // µs, when it was set aside
}

// badFiles lists what was set aside in a directory, oldest first.
func badFiles(dir string) (all []badFile, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		was, ok := strings.CutSuffix(e.Name(), badSuffix)
		info, err := e.Info()
		if !ok || err != nil {
			continue
		}
		b := badFile{name: e.Name(), size: info.Size(), last: info.ModTime().UnixMicro(), aside: info.ModTime().UnixMicro()}
		if id, journal := journalID(was); journal {
			b.id = id
			b.first, _ = strconv.ParseInt(id, 36, 64) // when it was begun
		} else if b.first, b.last, b.id, ok = spanOf(was); !ok {
			for _, prefix := range []string{minutePrefix, hourPrefix} {
				if first, last, id, ok := spanOfRollup(was, prefix); ok {
					b.first, b.last, b.id = first, last, id
				}
			}
		}
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b badFile) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.name, b.name)) })
	return all, nil
}

// limitBad deletes what was set aside beyond its limits, the oldest first. It
// returns how much is left.
func limitBad(dir string, most int64, oldest time.Time) (left, deleted int, err error) {
	all, err := badFiles(dir)
	sum := int64(0)
	for i := range all {
		sum += all[i].size
	}
	for i := range all {
		if sum <= most && all[i].last >= oldest.UnixMicro() {
			break
		}
		if err := os.Remove(filepath.Join(dir, all[i].name)); err != nil {
			return len(all) - deleted, deleted, err
		}
		sum -= all[i].size
		deleted++
	}
	return len(all) - deleted, deleted, err
}

// gaps says which times an answer lacks since their files were set aside.
func gaps(all []badFile, from, to int64) (said []string) {
	more := 0
	for i := range all {
		b := &all[i]
		switch {
		case b.last < from || b.first >= to:
		case len(said) == maxGaps:
			more++
		default:
			at := func(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02T15:04:05Z") }
			said = append(said, fmt.Sprintf("%s: damaged and set aside, %s to %s is missing or not whole", b.name, at(b.first), at(b.last)))
		}
	}
	if more > 0 {
		said = append(said, fmt.Sprintf("%d further files are damaged and set aside", more))
	}
	return said
}
