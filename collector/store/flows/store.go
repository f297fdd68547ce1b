package flows

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/collector/record"
	"weir/collector/store/age"
)

// Config says where flows are kept and how long.
type Config struct {
	Dir      string        // made where it is missing
	MaxBytes int64         // of all files; the oldest go first; 0: 2 GB
	MaxAge   time.Duration // 0: 7 days
	Rotate   time.Duration // how long a journal grows; 0: 5 min
	// Rollups bounds the octets of the rollups, RollupsAge how old they get;
	// 0: 512 MB and 400 days.
	Rollups    int64
	RollupsAge time.Duration
	// Quick bounds the octets of the journals of which Open makes segments, so that
	// nobody waits long for it; Run makes the others. 0: Open makes all.
	Quick int64
	// Damaged is told of each file that is set aside, by any goroutine; nil is
	// nobody.
	Damaged func(path string, why error)

	Names Names
	// Flush is how often what was added is brought to the disk; 0: 1 s.
	Flush time.Duration
	// Step is told which step of a write comes next or was done, by any goroutine,
	// for tests that end the process there; nil is nobody.
	Step func(at string)
}

const (
	defaultBytes  = 2 << 30
	defaultAge    = 7 * 24 * time.Hour
	defaultRotate = 5 * time.Minute

	defaultRollups    = 512 << 20
	defaultRollupsAge = 400 * 24 * time.Hour

	// maxJournalRows and maxJournalSize make a segment before the time, so that none
	// takes long, or where most rows have keys of their own, much memory.
	maxJournalRows = 1 << 22
	maxJournalSize = 64 << 20
	defaultFlush   = time.Second
	// retryEvery is how often writing is tried again where the disk is full.
	retryEvery = 5 * time.Second
)

// Stats are running counts of a Store.
type Stats struct {
	Rows       uint64 `json:"rows"`        // kept
	Lost       uint64 `json:"lost"`        // not kept: the disk was full, or too slow
	Thinned    uint64 `json:"thinned"`     // left out by chance, others counting for them: too many a second
	Segments   int    `json:"segments"`    // files present
	Bytes      int64  `json:"bytes"`       // of all files
	MaxBytes   int64  `json:"max_bytes"`   // they may have
	Rollups    int64  `json:"rollups"`     // octets of rollups, which are not in Bytes
	MaxRollups int64  `json:"max_rollups"` // they may have
	Deleted    uint64 `json:"deleted"`     // files, by age or for want of room
	Broken     uint64 `json:"broken"`      // files set aside since the start
	Bad        int    `json:"bad"`         // files that are set aside now
	Cut        uint64 `json:"cut"`         // journals that ended within a frame, or were damaged
	Err        string `json:"error,omitempty"`
}

// Store keeps what the shards record. Open it, then let Run work.
type Store struct {
	cfg Config
	x   *record.Exchange

	journal *journal
	numbers numbers // of journal
	opened  time.Time
	retry   time.Time // when writing is tried again
	again   time.Time // when a segment of a journal that was left is tried

	converting chan struct{}    // holds a token while a segment is made
	builder    *builder         // of who has the token; nil where there is none to use again
	fault      error            // of who has the token: why the last journal was set aside, or no rollups were made
	stuck      map[string]error // of who has the token: journals of which the system keeps a segment from being made
	tried      string           // of who has the token: the one of them that was tried last
	left       atomic.Bool      // journals may be there of which no segment is being made
	untried    atomic.Bool      // some of them may not be stuck
	suspects   chan string      // files that a query found damaged
	scrubbed   string           // the last file that was read through; of care
	wait       sync.WaitGroup

	ages    age.Clock
	agesMu  sync.Mutex // guards ages
	settled settled

	mu     sync.Mutex // guards what follows
	stats  Stats
	unmade string // fault, or why a journal is stuck, as last told
}

// Open makes the directory, makes segments of what the last process left, or has
// Run make them, and applies the limits.
func Open(cfg Config, x *record.Exchange) (*Store, error) {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, defaultBytes)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, defaultAge)
	cfg.Rotate = cmp.Or(cfg.Rotate, defaultRotate)
	cfg.Rollups = cmp.Or(cfg.Rollups, defaultRollups)
	cfg.RollupsAge = cmp.Or(cfg.RollupsAge, defaultRollupsAge)
	cfg.Flush = cmp.Or(cfg.Flush, defaultFlush)
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("history directory %s: cannot be made: %w", cfg.Dir, err)
	}
	if cfg.Step == nil {
		cfg.Step = noStep
	}
	s := &Store{cfg: cfg, x: x, converting: make(chan struct{}, 1), suspects: make(chan string, maxSuspects), stuck: map[string]error{}}
	s.stats.MaxBytes, s.stats.MaxRollups = cfg.MaxBytes, cfg.Rollups
	if err := s.recover(); err != nil {
		return nil, fmt.Errorf("history directory %s: %w", cfg.Dir, err)
	}
	return s, nil
}

// Run keeps what comes from the exchange until ctx is done, and then what is
// still there.
func (s *Store) Run(ctx context.Context) {
	tick := time.NewTicker(s.cfg.Flush)
	defer tick.Stop()
	s.wait.Go(func() { s.care(ctx) })
	for {
		select {
		case b := <-s.x.Full():
			s.add(b)
		case now := <-tick.C:
			s.flush(now)
		case <-ctx.Done():
			s.drain()
			return
		}
	}
}

func (s *Store) drain() {
	for {
		select {
		case b := <-s.x.Full():
			s.add(b)
			continue
		default:
		}
		break
	}
	s.flush(time.Now())
	if s.journal != nil {
		_ = s.journal.close() // what could not be written was told by flush
		s.journal = nil
	}
	s.wait.Wait()
}

// add appends a block to the journal and gives it back.
func (s *Store) add(b *record.Block) {
	rows := b.N
	defer s.x.Release(b)
	now := time.Now()
	if now.Before(s.retry) || s.begin(now) != nil || s.journal.segment() > s.cfg.MaxBytes/4 || !s.room(rows, now) {
		s.lose(rows, nil)
		return
	}
	s.journal.add(b)
	if err := s.journal.write(false); err != nil {
		s.failed(now, err)
		return
	}
	s.mu.Lock()
	s.stats.Rows += uint64(rows)
	s.mu.Unlock()
}

// begin makes a journal where there is none.
func (s *Store) begin(now time.Time) error {
	if s.journal != nil {
		return nil
	}
	id := now.UnixMicro()
	for s.has(strconv.FormatInt(id, 36)) {
		id++
	}
	j, err := createJournal(filepath.Join(s.cfg.Dir, journalName(strconv.FormatInt(id, 36))), s.cfg.Names, &s.numbers)
	if err != nil {
		s.failed(now, err)
		return err
	}
	s.journal, s.opened = j, now
	s.settled.begins(j)
	return nil
}

// has reports that there is a segment of a journal already: the clock may show a
// time twice.
func (s *Store) has(id string) bool {
	made, err := ending(s.cfg.Dir, "")
	return err == nil && slices.ContainsFunc(made, func(path string) bool { return strings.Contains(filepath.Base(path), "-"+id+segmentSuffix) })
}

// failed ends a journal that could not be written; what it has is kept.
func (s *Store) failed(now time.Time, err error) {
	s.retry = now.Add(retryEvery)
	lost := 0
	if s.journal != nil {
		lost = s.journal.waiting
		s.journal.buf = s.journal.buf[:0]
		_ = s.journal.file.Close() // err tells more
		s.settled.ends(s.journal)
		s.journal = nil
	}
	s.left.Store(true)
	s.untried.Store(true)
	s.lose(lost, err)
	s.limit(now)
}

func (s *Store) lose(rows int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Lost += uint64(rows)
	if err != nil {
		s.stats.Err = err.Error()
	}
}

// flush makes what was added last, and a segment of a journal that is due, or that
// was left.
func (s *Store) flush(now time.Time) {
	if s.journal == nil {
		s.leftover(now)
		return
	}
	if err := s.journal.write(true); err != nil {
		s.failed(now, err)
		return
	}
	s.mu.Lock()
	s.stats.Err = ""
	s.mu.Unlock()
	if now.Sub(s.opened) < s.cfg.Rotate && s.journal.rows < maxJournalRows && s.journal.size < maxJournalSize && s.journal.segment() < s.cfg.MaxBytes/8 {
		s.leftover(now)
		return
	}
	select {
	case s.converting <- struct{}{}:
	default:
		return // the last one is still being made
	}
	path := s.journal.path
	err := s.journal.close()
	s.settled.ends(s.journal)
	s.journal = nil
	if err != nil {
		<-s.converting
		s.failed(now, err)
		return
	}
	s.make(path)
}

// Stats returns the counts. It may be called from any goroutine.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Lost += s.x.Lost()
	st.Thinned = s.x.Thinned()
	st.Err = cmp.Or(st.Err, s.unmade)
	return st
}

// Dir is where the files are.
func (s *Store) Dir() string { return s.cfg.Dir }
