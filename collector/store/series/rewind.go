package series

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	// window is how much older than the newest sample one may be: the clock was
	// set back, and the database has a time twice.
	window = 3 * time.Hour
	// ahead is how far the newest sample may be before the clock, with something
	// to spare for what is under way.
	ahead = window - 10*time.Minute
)

// rewind takes the database back where the clock was set back by more than it
// takes samples of. What is of a time that has not come yet is set aside.
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
	s.setAsideHead()
	s.reopen()
}
