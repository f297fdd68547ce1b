package series

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/rs/zerolog"

	points "weir/collector/series"
	"weir/collector/store/age"
)

// Config says which series are kept, where, and how long.
type Config struct {
	Dir      string        // made where it is missing
	MaxBytes int64         // of all files; the oldest blocks go first; 0: 1 GiB
	MaxAge   time.Duration // 0: 30 days
	Series   int           // at most; 0: 100,000
	More     []string      // beside what is kept by default: CLASS, CLASS.FIELD or *
	Log      zerolog.Logger
	// Compact is how often full chunks leave memory and blocks are made; 0: 1 min.
	Compact time.Duration
	// Step is told when that begins, "compact", and when it is done, "compacted", for
	// tests that end the process there; nil is nobody.
	Step func(at string)
}

const (
	defaultBytes  = 1 << 30
	defaultAge    = 30 * 24 * time.Hour
	defaultSeries = 100_000

	// agentShare is the part of all series that one agent may have.
	agentShare = 4
	// least is how close two samples of a series may be, in ms: an agent that
	// sends more often fills the disk no faster.
	least = 500
)

// Stats are running counts of a Store.
type Stats struct {
	Ready     bool   `json:"ready"` // the files are read
	Series    int    `json:"series"`
	MaxSeries int    `json:"max_series"`
	Samples   uint64 `json:"samples"` // kept
	Refused   uint64 `json:"refused"` // of further series than there may be
	Lacking   int    `json:"lacking"` // series that are not kept for that, as far as is known
	Lost      uint64 `json:"lost"`    // the disk was full, or the files were being read
	Late      uint64 `json:"late"`    // much older than what the series has, or of a time it has, after the clock was set back
	Thinned   uint64 `json:"thinned"` // less than half a second after the last
	Blocks    int    `json:"blocks"`
	Bytes     int64  `json:"bytes"` // of all files
	MaxBytes  int64  `json:"max_bytes"`
	Deleted   uint64 `json:"deleted"` // blocks, by age or for want of room
	Broken    uint64 `json:"broken"`  // journals and blocks set aside
	Err       string `json:"error,omitempty"`
}

// Store keeps series. Open it, let Run work, and give points to Write.
type Store struct {
	cfg   Config
	plans map[*points.Class]*plan
	ask   *asking

	// mu guards db, which is nil until it is read and while it is opened anew.
	// Who uses it holds mu for reading.
	mu  sync.RWMutex
	db  *tsdb.DB
	reg *prometheus.Registry

	full    atomic.Bool // nothing is written until there is room
	torn    atomic.Bool // the journal must be read anew, after a failed write
	dirty   atomic.Bool // something was written since the last sync
	suspect atomic.Bool // a query met a damaged block

	checked time.Time // when all chunks were read; Run's
	early   time.Time // when a block was made early; Run's

	entriesMu sync.Mutex // guards entries, agents, heaviest and scarce
	entries   map[entryKey]*entry
	agents    map[string]int      // series of each
	heaviest  map[entryKey]*entry // keys that are among the heaviest
	scarce    scarce
	held      atomic.Int64 // series the database holds

	agesMu sync.Mutex
	ages   age.Clock

	statsMu sync.Mutex
	stats   Stats
}

// Open makes the directory, which the caller keeps others out of. Run reads it.
func Open(cfg Config) (*Store, error) {
	cfg.MaxBytes = cmp.Or(cfg.MaxBytes, defaultBytes)
	cfg.MaxAge = cmp.Or(cfg.MaxAge, defaultAge)
	cfg.Series = cmp.Or(cfg.Series, defaultSeries)
	cfg.Compact = cmp.Or(cfg.Compact, defaultCompact)
	if cfg.Step == nil {
		cfg.Step = func(string) {}
	}
	for _, w := range cfg.More {
		if err := points.CheckWord(w); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(cfg.Dir, 0o750); err != nil {
		return nil, fmt.Errorf("history directory %s: cannot be made: %w", cfg.Dir, reason(err))
	}
	s := &Store{cfg: cfg, plans: plansOf(cfg.More), ask: newAsking(queryTime, maxSamples)}
	s.forget()
	s.stats.MaxBytes, s.stats.MaxSeries = cfg.MaxBytes, cfg.Series
	return s, nil
}

const (
	syncEvery      = time.Second
	careEvery      = 5 * time.Second // looks at sizes, and tries again where the disk was full
	defaultCompact = time.Minute
	slowToRead     = 10 * time.Second // is told
)

// Run reads the directory, takes care of it until ctx is done, and closes it.
func (s *Store) Run(ctx context.Context) {
	begun := time.Now()
	s.reopen()
	if d := time.Since(begun); d > slowToRead {
		s.cfg.Log.Info().Str("took", d.Round(time.Millisecond).String()).Msg("history of series is read")
	}
	syncs, cares, chunks := time.NewTicker(syncEvery), time.NewTicker(careEvery), time.NewTicker(s.cfg.Compact)
	defer syncs.Stop()
	defer cares.Stop()
	defer chunks.Stop()
	for {
		select {
		case <-syncs.C:
			s.sync()
		case now := <-cares.C:
			s.care(now)
			s.scarcity(now)
		case now := <-chunks.C:
			s.cfg.Step("compact")
			s.compact(ctx, now)
			s.cfg.Step("compacted")
		case <-ctx.Done():
			s.shut()
			s.ask.close()
			return
		}
	}
}

// shut ends the database.
func (s *Store) shut() {
	s.sync()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db == nil {
		return
	}
	// Closing writes chunks, and the library ends the process where it cannot:
	// on a full disk they stay in the journal.
	if !s.torn.Load() && s.room() == nil {
		if err := s.db.Close(); err != nil {
			s.cfg.Log.Error().Err(err).Msg("history of series could not be closed")
		}
	}
	s.db = nil
}

// Stats returns the counts. It may be called from any goroutine.
func (s *Store) Stats() Stats {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	st := s.stats
	st.Series = int(s.held.Load())
	return st
}

func (s *Store) count(f func(*Stats)) {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	f(&s.stats)
}

// tell keeps what is wrong, and logs it once; nil is that nothing is.
func (s *Store) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	s.statsMu.Lock()
	changed := s.stats.Err != text
	s.stats.Err = text
	s.statsMu.Unlock()
	switch {
	case changed && err != nil:
		s.cfg.Log.Error().Err(err).Msg("series are not kept")
	case changed:
		s.cfg.Log.Info().Msg("series are kept again")
	}
}

var errReading = errors.New("the history of series is being read; ask again in a moment")
