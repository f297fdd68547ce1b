package influx

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// spool keeps blocks on disk, oldest first, within a bound. What append has
// returned for survives the end of this process at any moment; sync makes it
// survive that of the machine. It is safe for concurrent use.
type spool struct {
	dir         string
	max         int64 // octets
	segmentSize int64

	mu     sync.Mutex
	segs   []*segment // oldest first
	w      *os.File   // the last of segs, where blocks are appended; nil none
	r      *os.File   // the first of segs, being read; nil none
	off    int64      // in r
	next   uint64     // seq
	done   map[uint64]struct{}
	cursor *cursor
	dirty  bool   // blocks that are not synced
	fresh  bool   // a segment whose name is not synced
	buf    []byte // of append
	read   []byte // of peek
	stats  spoolStats
	oldest int64 // at of the oldest block, ns; 0 unknown
}

// spoolStats are running counts.
type spoolStats struct {
	Bytes, Points   int64  // waiting
	DroppedPoints   uint64 // the oldest, for want of room
	CorruptSegments uint64 // segments with a place that cannot be read
	CorruptBytes    uint64 // skipped
}

// entry is a block of the spool.
type entry struct {
	seq    uint64
	points int
	at     int64  // ns
	block  []byte // valid until the next call of peek
}

const (
	minSegment  = 1 << 20
	maxSegment  = 16 << 20
	corruptDir  = "corrupt"
	maxCorrupts = 8 // segments kept aside
)

// openSpool opens or makes the spool at dir. Blocks found there are replayed.
func openSpool(dir string, bound int64) (*spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c, err := openCursor(filepath.Join(dir, "cursor"))
	if err != nil {
		return nil, err
	}
	s := &spool{
		dir: dir, max: bound, segmentSize: min(max(bound/64, minSegment), maxSegment), cursor: c, next: c.seq + 1,
		done: map[uint64]struct{}{},
	}
	names, err := os.ReadDir(dir) // sorted: oldest first
	if err != nil {
		c.close()
		return nil, err
	}
	for _, n := range names {
		if strings.HasSuffix(n.Name(), newSuffix) { // whoever erased was killed
			_ = os.Remove(filepath.Join(dir, n.Name()))
		}
		g, f, ok := openSegment(dir, n.Name())
		if !ok {
			continue
		}
		g.scan(f, c.seq, func(h *head) { s.next = max(s.next, h.seq+1) })
		f.Close()
		s.next = max(s.next, g.first+1)
		s.segs = append(s.segs, g)
		s.stats.Bytes += g.size
		s.stats.Points += g.points
	}
	return s, nil
}

// append writes a block. After an error nothing of it is there.
func (s *spool) append(block []byte, points int, at int64) (seq uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := int64(headSize + len(block))
	if len(block) > maxBlock || n > s.max {
		return 0, fmt.Errorf("a block of %d octets", len(block))
	}
	if s.w != nil && s.segs[len(s.segs)-1].size+n > s.segmentSize {
		s.finish()
	}
	for s.stats.Bytes+n > s.max && len(s.segs) > 0 {
		if len(s.segs) == 1 && s.w != nil {
			s.finish()
		}
		s.dropOldest()
	}
	if s.w == nil {
		if err := s.begin(); err != nil {
			return 0, err
		}
	}
	g := s.segs[len(s.segs)-1]
	s.buf = appendBlock(s.buf[:0], s.next, at, points, block)
	if _, err := s.w.WriteAt(s.buf, g.size); err != nil {
		err = errors.Join(err, s.w.Truncate(g.size))
		s.finish()
		return 0, err
	}
	if s.stats.Bytes == 0 {
		s.oldest = at
	}
	seq = s.next
	s.next++
	g.size += n
	g.points += int64(points)
	s.stats.Bytes += n
	s.stats.Points += int64(points)
	s.dirty = true
	return seq, nil
}

// begin opens a new segment.
func (s *spool) begin() error {
	path := segmentPath(s.dir, s.next)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	s.w, s.fresh = f, true
	s.segs = append(s.segs, &segment{path: path, first: s.next})
	return nil
}

// finish ends the segment that is written.
func (s *spool) finish() {
	if s.w == nil {
		return
	}
	_ = s.w.Sync() // what it holds is lost to a power failure alone
	s.w.Close()
	s.w = nil
	if last := len(s.segs) - 1; s.segs[last].size == 0 {
		_ = os.Remove(s.segs[last].path)
		if last == 0 {
			s.closeReader()
		}
		s.segs = s.segs[:last]
	}
}

// dropOldest removes the oldest segment and counts what it still had.
func (s *spool) dropOldest() {
	s.stats.DroppedPoints += uint64(s.segs[0].points)
	s.removeOldest()
}

func (s *spool) removeOldest() {
	g := s.segs[0]
	s.closeReader()
	_ = os.Remove(g.path)
	s.stats.Bytes -= g.size
	s.stats.Points -= g.points
	s.segs = slices.Delete(s.segs, 0, 1)
	s.oldest = 0
	if len(s.segs) > 0 && len(s.done) > 0 {
		maps.DeleteFunc(s.done, func(seq uint64, _ struct{}) bool { return seq < s.segs[0].first })
	}
}

func (s *spool) closeReader() {
	if s.r != nil {
		s.r.Close()
	}
	s.r, s.off = nil, 0
}

// peek returns the oldest block that is not yet done; false where there is none.
func (s *spool) peek() (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.segs) > 0 {
		g := s.segs[0]
		if s.off >= g.size {
			if len(s.segs) == 1 && s.w != nil {
				s.finish()
			}
			if len(s.segs) > 0 {
				s.removeOldest()
			}
			continue
		}
		if s.r == nil {
			f, err := os.Open(g.path)
			if err != nil {
				s.corrupt(g, g.size)
				s.off = g.size
				continue
			}
			s.r = f
		}
		h, b, err := readBlock(s.r, s.off, g.size, s.read)
		if err != nil {
			s.skip(g)
			continue
		}
		s.read = b
		if _, done := s.done[h.seq]; done || h.seq <= s.cursor.seq {
			s.passed(g, &h)
			continue
		}
		s.oldest = h.at
		return entry{h.seq, int(h.points), h.at, b[headSize:]}, true
	}
	clear(s.done)
	s.oldest = 0
	return entry{}, false
}

// passed moves behind a block that needs no sending.
func (s *spool) passed(g *segment, h *head) {
	if _, done := s.done[h.seq]; done {
		delete(s.done, h.seq)
		s.settle(g, h)
		_ = s.cursor.set(h.seq)
	}
	s.off += h.size()
}

func (s *spool) settle(g *segment, h *head) {
	n := min(int64(h.points), g.points)
	g.points -= n
	s.stats.Points -= n
}

// skip moves behind what cannot be read, and keeps the segment aside.
func (s *spool) skip(g *segment) {
	next, err := nextBlock(s.r, s.off, g.size)
	if err != nil {
		next = g.size
	}
	s.corrupt(g, next-s.off)
	s.off = next
}

func (s *spool) corrupt(g *segment, n int64) {
	s.stats.CorruptBytes += uint64(n)
	aside := filepath.Join(s.dir, corruptDir, filepath.Base(g.path))
	if _, err := os.Stat(aside); err == nil {
		return // it has another such place
	}
	s.stats.CorruptSegments++
	if os.MkdirAll(filepath.Dir(aside), 0o700) != nil {
		return
	}
	if old, err := os.ReadDir(filepath.Dir(aside)); err == nil && len(old) >= maxCorrupts {
		_ = os.Remove(filepath.Join(filepath.Dir(aside), old[0].Name()))
	}
	_ = os.Link(g.path, aside) // the other name is removed once its good blocks are sent
}

// ack says that the block needs no sending any more.
func (s *spool) ack(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done[seq] = struct{}{}
}

// sync makes what is there survive a failure of power.
func (s *spool) sync() error {
	s.mu.Lock()
	f, dirty, fresh := s.w, s.dirty, s.fresh
	s.dirty, s.fresh = false, false
	s.mu.Unlock()
	if fresh {
		if err := syncDir(s.dir); err != nil {
			return err
		}
	}
	if f == nil || !dirty {
		return nil
	}
	if err := f.Sync(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// syncDir makes names in a folder survive a failure of power.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// snapshot returns the counts, and when the oldest block was made, 0 for none.
func (s *spool) snapshot() (spoolStats, int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stats, s.oldest
}

func (s *spool) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeReader()
	s.finish()
	return s.cursor.close()
}
