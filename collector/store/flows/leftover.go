package flows

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// recover takes care of what the last process left.
func (s *Store) recover() error {
	for _, dir := range []string{s.cfg.Dir, filepath.Join(s.cfg.Dir, rollupDir)} {
		if err := removeUnfinished(dir); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	made, quick := map[string]bool{}, s.cfg.Quick
	for _, e := range entries {
		if _, _, id, ok := spanOf(e.Name()); ok {
			made[id] = true
		}
	}
	for _, e := range entries {
		path := filepath.Join(s.cfg.Dir, e.Name())
		id, ok := journalID(e.Name())
		switch {
		case !ok:
		case made[id]:
			if err := os.Remove(path); err != nil {
				return err
			}
		default:
			info, err := e.Info()
			if err != nil {
				return err
			}
			if quick -= info.Size(); s.cfg.Quick > 0 && quick < 0 {
				s.left.Store(true)
				s.untried.Store(true)
				continue
			}
			s.convert(path)
		}
	}
	s.rollHours(time.Now())
	s.made()
	s.limit(time.Now())
	return nil
}

// removeUnfinished removes files that were being written when a process ended.
func removeUnfinished(dir string) error {
	left, err := ending(dir, newSuffix)
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// rollHours makes rollups of the hours whose journals are all segments now: none
// while there are journals of which it is not known what hours they are of, but those
// of which no segment can be made. What these have is late when one can.
func (s *Store) rollHours(now time.Time) {
	if s.untried.Load() {
		return
	}
	s.cfg.Step("hours")
	defer s.cfg.Step("rolled")
	if err := makeHours(s.cfg.Dir, now.Add(-2*s.cfg.Rotate), s.setAside); err != nil {
		s.fault = cmp.Or(s.fault, fmt.Errorf("rollups: %w", err))
	}
}

// made tells what keeps a segment or its rollups from being made: until it is.
func (s *Store) made() {
	fault := s.fault
	for _, path := range slices.Sorted(maps.Keys(s.stuck)) {
		fault = cmp.Or(fault, s.stuck[path])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unmade = ""; fault != nil {
		s.unmade = fault.Error()
	}
}

// convert makes a segment of a journal, or sets it aside.
func (s *Store) convert(path string) {
	if s.builder == nil {
		s.builder = newBuilder()
	}
	_, err := s.builder.convert(s.cfg.Dir, path, s.cfg.Step)
	if s.builder.large() {
		s.builder = nil
	}
	delete(s.stuck, path)
	if s.fault = nil; err == nil {
		return
	}
	if errors.Is(err, errCut) && !passes(err) {
		s.mu.Lock()
		s.stats.Cut++
		s.mu.Unlock()
	}
	if _, gone := os.Lstat(path); errors.Is(gone, os.ErrNotExist) {
		return // what was whole is kept, or it went with the limits
	}
	if passes(err) {
		s.stuck[path] = err
		s.left.Store(true)
		return // it is tried again
	}
	s.fault = err
	s.setAside(path, err)
}

// make makes a segment beside the intake; the token has been taken.
func (s *Store) make(path string) {
	s.wait.Go(func() {
		defer func() { <-s.converting }()
		s.convert(path)
		s.rollHours(time.Now())
		s.made()
		s.limit(time.Now())
	})
}

// leftover makes a segment of a journal that a crash left, or that could not be made
// one.
func (s *Store) leftover(now time.Time) {
	if !s.left.Load() || now.Before(s.again) {
		return
	}
	select {
	case s.converting <- struct{}{}:
	default:
		return // it comes next
	}
	all, err := ending(s.cfg.Dir, journalSuffix)
	all = slices.DeleteFunc(all, func(path string) bool {
		_, journal := journalID(filepath.Base(path))
		return !journal || s.journal != nil && path == s.journal.path
	})
	maps.DeleteFunc(s.stuck, func(path string, _ error) bool { return err == nil && !slices.Contains(all, path) })
	s.again = now.Add(retryEvery)
	if err != nil || len(all) == 0 {
		s.left.Store(err != nil)
		s.untried.Store(err != nil)
		s.lose(0, err)
		s.made()
		<-s.converting
		return
	}
	s.left.Store(len(all) > 1)
	path := s.next(all)
	s.untried.Store(slices.ContainsFunc(all, func(other string) bool { return other != path && s.stuck[other] == nil }))
	s.make(path)
}

// next returns of journals the one to try: one that was not yet, or else each in turn.
// One of which no segment can be made keeps none from being tried.
func (s *Store) next(all []string) string {
	i := slices.IndexFunc(all, func(path string) bool { return s.stuck[path] == nil })
	if i < 0 {
		i = slices.IndexFunc(all, func(path string) bool { return path > s.tried })
	}
	s.tried = all[max(i, 0)]
	return s.tried
}
