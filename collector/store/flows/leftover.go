package flows

import (
	"cmp"
	"errors"
	"fmt"
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
	left, err := filepath.Glob(filepath.Join(dir, "*"+newSuffix))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// rollHours makes rollups of the hours whose journals are all segments now: none
// while there are journals of which it is not known what hours they are of.
func (s *Store) rollHours(now time.Time) {
	if s.left.Load() {
		return
	}
	s.cfg.Step("hours")
	defer s.cfg.Step("rolled")
	if err := makeHours(s.cfg.Dir, now.Add(-2*s.cfg.Rotate), s.setAside); err != nil {
		s.fault = cmp.Or(s.fault, fmt.Errorf("rollups: %w", err))
	}
}

// made tells what kept the last segment or its rollups from being made: until one is.
func (s *Store) made() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unmade = ""; s.fault != nil {
		s.unmade = s.fault.Error()
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
	if s.fault = nil; err == nil {
		return
	}
	if errors.Is(err, errCut) && !passes(err) {
		s.mu.Lock()
		s.stats.Cut++
		s.mu.Unlock()
	}
	if _, gone := os.Stat(path); gone != nil {
		return // what was whole is kept, or it went with the limits
	}
	if s.fault = err; passes(err) {
		s.left.Store(true)
		return // it is tried again
	}
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
	all, err := filepath.Glob(filepath.Join(s.cfg.Dir, "flows-*"+journalSuffix))
	all = slices.DeleteFunc(all, func(path string) bool { return s.journal != nil && path == s.journal.path })
	if err != nil || len(all) == 0 {
		s.left.Store(false)
		<-s.converting
		return
	}
	s.left.Store(len(all) > 1)
	s.again = now.Add(retryEvery)
	s.make(all[0])
}
