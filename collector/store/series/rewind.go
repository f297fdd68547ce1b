package series

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
)

// ahead is how far the newest sample may be before the clock.
const ahead = time.Minute

// rewind takes the database back where the clock was set back: it takes no
// sample that is older than its newest block and much older than its newest
// sample. What is of a time that has not come yet is set aside.
func (s *Store) rewind(now time.Time) {
	limit := now.Add(ahead).UnixMilli()
	var future []ulid.ULID
	found := false
	s.with(func(db *tsdb.DB) error {
		for _, b := range db.Blocks() {
			if b.MaxTime() > limit {
				future = append(future, b.Meta().ULID)
			}
		}
		head := db.Head()
		found = len(future) > 0 || head.NumSeries() > 0 && head.MaxTime() > limit
		if from, to := head.MinTime(), now.UnixMilli(); found && head.MaxTime() > to && from < to {
			if err := db.CompactHead(tsdb.NewRangeHead(head, from, to-1)); err != nil {
				return fmt.Errorf("history directory %s: a block cannot be made: %w", s.cfg.Dir, err)
			}
		}
		return nil
	})
	if !found {
		return
	}
	s.cfg.Log.Warn().Str("dir", s.cfg.Dir).Msg("the clock was set back: series of a time that has not come are set aside")
	s.close()
	for _, u := range future {
		s.setAside(u.String())
	}
	for _, name := range []string{"wal", "chunks_head"} {
		s.setAside(filepath.Base(name))
	}
	s.reopen()
}
