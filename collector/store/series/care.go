package series

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"golang.org/x/sys/unix"
)

const (
	// chunkBytes is what the full chunks of a series take on disk at most, until
	// they are looked at again.
	chunkBytes = 512
	// blockBytes is what a series takes in a new block, beside its samples.
	blockBytes = 256
	// roomBytes is the least a disk must have.
	roomBytes = 1 << 20
	// headShare is the part of the limit that journal and chunks may have; beyond
	// it a block is made early.
	headShare = 3
	// earlyEvery is how often: each block costs more than its samples.
	earlyEvery = 10 * time.Minute
	// checkEvery is how often all chunks are read, since a query met damage.
	checkEvery = time.Hour
	// behind is what a block that is made early leaves to points under way, ms.
	behind = 10_000
	// mergeSpan is the longest block, ms.
	mergeSpan = int64(18 * time.Hour / time.Millisecond)
)

// sync brings what was written to the disk.
func (s *Store) sync() {
	if !s.dirty.Swap(false) {
		return
	}
	dir := filepath.Join(s.cfg.Dir, "wal")
	_, last, err := wlog.Segments(dir)
	if err != nil || last < 0 {
		return
	}
	f, err := os.Open(wlog.SegmentName(dir, last))
	if err != nil {
		return // it was replaced, and synced then
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		s.tell(fmt.Errorf("the journal in %s cannot be synced: %w", s.cfg.Dir, reason(err)))
	}
}

// room reports why what must soon be written has no place on the disk. It takes
// the place and gives it back: quotas are not in the figures of a file system.
func (s *Store) room() error {
	path := filepath.Join(s.cfg.Dir, "room.tmp")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	defer os.Remove(path)
	defer f.Close()
	need := roomBytes + chunkBytes*s.held.Load()
	for err = unix.EINTR; err == unix.EINTR; { // a signal says nothing of room
		err = unix.Fallocate(int(f.Fd()), 0, 0, need)
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		var st unix.Statfs_t
		if err = unix.Fstatfs(int(f.Fd()), &st); err == nil && int64(st.Bavail)*st.Bsize < need {
			err = unix.ENOSPC
		}
	}
	return err
}

// care keeps the limits, and begins to write again where there is room.
func (s *Store) care(now time.Time) {
	if s.suspect.Swap(false) && now.Sub(s.checked) > checkEvery {
		s.checked = now
		if s.broken(true) {
			s.close()
		}
	}
	if !s.full.Load() && !s.isClosed() {
		s.limit(now)
		return
	}
	if err := s.room(); err != nil {
		s.noRoom(err)
		return
	}
	if s.torn.Load() || s.isClosed() {
		s.reopen()
		return
	}
	if s.limit(now) {
		s.full.Store(false)
		s.tell(nil)
	}
}

// noRoom stops the writing.
func (s *Store) noRoom(err error) {
	s.full.Store(true)
	s.tell(fmt.Errorf("history directory %s: %w; series are lost until there is room", s.cfg.Dir, reason(err)))
}

func (s *Store) isClosed() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db == nil
}

// close ends the database, until care opens it anew.
func (s *Store) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db != nil && s.room() == nil {
		_ = s.db.Close() // it is opened anew, which tells more
	}
	s.db = nil
}

// with runs f with the database, where it is there.
func (s *Store) with(f func(*tsdb.DB) error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.db == nil {
		return
	}
	if err := f(s.db); err != nil && !errors.Is(err, context.Canceled) {
		s.tell(err)
	}
}

// compact takes full chunks out of memory, and makes blocks of what is old
// enough.
func (s *Store) compact(ctx context.Context, now time.Time) {
	if s.full.Load() {
		return
	}
	if err := s.room(); err != nil {
		s.noRoom(err)
		return
	}
	s.flushChunks()
	s.rewind(now)
	s.with(func(db *tsdb.DB) error {
		if err := db.Compact(ctx); err != nil {
			return fmt.Errorf("history directory %s: a block cannot be made: %w", s.cfg.Dir, err)
		}
		s.forgetBefore(db.Head().MinTime())
		s.held.Store(int64(db.Head().NumSeries()))
		return nil
	})
	s.limit(now)
}

// flushChunks writes full chunks, whose memory is given free. The library
// panics where it cannot write, with its locks held: then the database is
// left as it is, and read anew.
func (s *Store) flushChunks() {
	failed := false
	s.with(func(db *tsdb.DB) (err error) {
		defer func() {
			if p := recover(); p != nil {
				failed = true
				err = fmt.Errorf("history directory %s: chunks cannot be written: %v", s.cfg.Dir, p)
			}
		}()
		db.ForceHeadMMap()
		return nil
	})
	if failed {
		s.full.Store(true)
		s.torn.Store(true)
		s.mu.Lock()
		s.db = nil
		s.mu.Unlock()
	}
}

// limit drops the oldest blocks beyond the limits, and makes a block early where
// the journal has grown too much. It reports whether all files are within the
// limit; where they are not, nothing is written.
func (s *Store) limit(now time.Time) bool {
	s.with(func(db *tsdb.DB) error {
		head := db.Head()
		switch {
		case head.Size() > s.cfg.MaxBytes/headShare && head.MaxTime()-head.MinTime() > 2*behind && now.Sub(s.early) > earlyEvery && s.room() == nil:
			s.early = now
			to := head.MaxTime() - behind
			head.WaitForAppendersOverlapping(to)
			if err := db.CompactHead(tsdb.NewRangeHeadWithIsolationDisabled(head, head.MinTime(), to)); err != nil {
				return fmt.Errorf("history directory %s: a block cannot be made: %w", s.cfg.Dir, err)
			}
			s.forgetBefore(head.MinTime())
			s.held.Store(int64(head.NumSeries()))
		case len(s.beyond(db.Blocks(), now)) > 0:
			if err := dropBlocks(db); err != nil {
				return fmt.Errorf("history directory %s: an old block cannot be removed: %w", s.cfg.Dir, err)
			}
		}
		s.count(func(st *Stats) { st.Blocks = len(db.Blocks()) })
		return nil
	})
	size := dirSize(s.cfg.Dir)
	if size > s.cfg.MaxBytes {
		if err := s.dropSetAside(); err != nil {
			s.tell(err)
		}
		size = dirSize(s.cfg.Dir)
	}
	s.count(func(st *Stats) { st.Bytes = size })
	if size <= s.cfg.MaxBytes {
		return true
	}
	s.full.Store(true)
	s.tell(fmt.Errorf("history.series: %d MiB are too few for %d series; they are lost until there is room", s.cfg.MaxBytes>>20, s.held.Load()))
	return false
}

// dropBlocks has the database apply beyond. It does so after it has made a
// block, and that of no time at all is none.
func dropBlocks(db *tsdb.DB) error {
	at := db.Head().MinTime()
	return db.CompactHead(tsdb.NewRangeHead(db.Head(), at, at-1))
}

// beyond returns the blocks that must go: the oldest, until all files and the
// next block fit into the limit, and those with anything older than the age.
func (s *Store) beyond(blocks []*tsdb.Block, now time.Time) map[ulid.ULID]struct{} {
	out := map[ulid.ULID]struct{}{}
	oldest := s.oldest(now).UnixMilli()
	blocks = slices.Clone(blocks)
	slices.SortFunc(blocks, func(a, b *tsdb.Block) int { return int(min(max(a.MinTime()-b.MinTime(), -1), 1)) })
	sum := dirSize(s.cfg.Dir) + s.nextBlock()
	for _, b := range blocks {
		m := b.Meta()
		switch {
		case m.Compaction.Deletable:
		case sum > s.cfg.MaxBytes || m.MinTime < oldest:
			sum -= b.Size()
		default:
			continue
		}
		out[m.ULID] = struct{}{}
	}
	return out
}

// oldest returns what is too old by age.
func (s *Store) oldest(now time.Time) time.Time {
	s.agesMu.Lock()
	defer s.agesMu.Unlock()
	return s.ages.Now(now).Add(-s.cfg.MaxAge)
}

// nextBlock is about what the next block takes: of the journal a third, which
// has each sample in more octets.
func (s *Store) nextBlock() int64 {
	return blockBytes*s.held.Load() + dirSize(filepath.Join(s.cfg.Dir, "wal"))/3
}

// toDelete is asked by the database.
func (s *Store) toDelete(blocks []*tsdb.Block) map[ulid.ULID]struct{} {
	out := s.beyond(blocks, time.Now())
	s.count(func(st *Stats) { st.Deleted += uint64(len(out)) })
	return out
}

// tooLarge keeps blocks from being merged where there is no room for both.
func (s *Store) tooLarge(m *tsdb.BlockMeta, blocks []*tsdb.Block) bool {
	sum := dirSize(s.cfg.Dir)
	for _, b := range blocks {
		if b.MinTime()/mergeSpan == m.MinTime/mergeSpan {
			sum += b.Size()
		}
	}
	return sum > s.cfg.MaxBytes
}

// dirSize sums the sizes of the files below a directory.
func dirSize(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // it has gone meanwhile
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			n += info.Size()
		}
		return nil
	})
	return n
}
