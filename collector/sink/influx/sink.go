package influx

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/series"
)

// Config says where to write, and what waits meanwhile.
type Config struct {
	URL       string
	Token     string // of 2.x and 3.x; user:password of 1.8; "" none
	Org       string
	Bucket    string        // database, or database/retention policy, of 1.x
	Retention time.Duration // of a bucket that is made; 0 for ever
	Site      string        // tag of every point; "" none
	Series    int           // at most
	Dir       string        // of the spool and the dead-letter file
	Spool     int64         // octets on disk
	Memory    int           // octets in memory; 0 is 64 MiB
	Timeout   time.Duration // of a request; 0 is 10 s
	Log       zerolog.Logger
}

// Times of the way through the sink.
const (
	blockAge  = 300 * time.Millisecond // a block that is not full is closed
	spoolAge  = 400 * time.Millisecond // a block that is not sent is spooled
	guardTick = 100 * time.Millisecond
	syncEvery = time.Second
	logEvery  = time.Minute

	blockSize  = 512 << 10 // a block is closed from this size on
	rejectSize = 16 << 20  // of the dead-letter file, twice

	// replayRate is the octets a second that are replayed at most, and replay
	// rests as long as each block took: live data goes first.
	replayRate = 8 << 20
)

// Sink writes points. What it is given goes from memory to the server; what
// the server does not take within moments goes to the spool, and from there,
// oldest first, while new points go on. It is safe for concurrent use.
type Sink struct {
	cfg     Config
	client  *client
	queue   *queue
	gate    gate
	rejects rejects
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	// passing is held where a block passes between memory, spool and server, so that
	// it is never sent from both. It is locked before mu.
	passing sync.Mutex

	mu      sync.Mutex // guards what follows
	enc     *encoder
	begun   time.Time // of the block in enc
	free    [][]byte
	ledger  *ledger
	spool   *spool // nil while the folder cannot be used
	stats   Stats
	closed  bool
	spoolAt time.Time // next attempt to use the folder
	logged  map[string]time.Time
}

// Stats are running counts of points, and what waits.
type Stats struct {
	Accepted uint64 // given to Write
	Sent     uint64 // taken by the server
	Rejected uint64 // refused by the server, in the dead-letter file
	Refused  uint64 // of series beyond the bound, never accepted
	Dropped  uint64 // given up for want of room, or spooled and unreadable
	Gap      uint64 // lost with the process before this one
	Retries  uint64 // attempts at a server that had failed

	Series       int
	MemoryBlocks int
	MemoryBytes  int
	MemoryPoints int
	Spool        spoolStats
	SpoolOldest  time.Duration // age of the oldest block
	Failing      string        // why nothing is written now; "" it is
	SpoolError   string        // why nothing is spooled; "" it could be
}

// New starts a sink. A folder that cannot be used is logged and tried again;
// until then there is the memory.
func New(cfg Config) *Sink {
	s := newSink(cfg)
	s.running.Go(s.live)
	s.running.Go(s.replay)
	s.running.Go(s.guard)
	return s
}

// newSink is New of a sink that does nothing yet.
func newSink(cfg Config) *Sink {
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Memory == 0 {
		cfg.Memory = 64 << 20
	}
	s := &Sink{
		cfg: cfg, client: newClient(&cfg), queue: newQueue(cfg.Memory),
		rejects: rejects{filepath.Join(cfg.Dir, rejectName), rejectSize},
		enc:     newEncoder(cfg.Site, cfg.Series, int64(cfg.Retention)), ledger: &ledger{}, logged: map[string]time.Time{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.useFolder(time.Now())
	return s
}

// useFolder opens what is on disk.
func (s *Sink) useFolder(now time.Time) {
	s.spoolAt = now.Add(10 * time.Second)
	sp, err := openSpool(s.cfg.Dir, s.cfg.Spool)
	if err != nil {
		s.spoolFails(now, err)
		return
	}
	s.spool, s.stats.SpoolError = sp, ""
	l, gap, err := openLedger(filepath.Join(s.cfg.Dir, "ledger"))
	if err != nil {
		s.spoolFails(now, err)
		return
	}
	l.accepted, l.settled = s.ledger.accepted, s.ledger.settled
	s.ledger = l
	s.stats.Gap += gap
	if gap > 0 {
		s.cfg.Log.Warn().Uint64("points", gap).Msg("influx: points were lost when weir was killed")
	}
	if st, _ := sp.snapshot(); st.Points > 0 {
		s.cfg.Log.Info().Int64("points", st.Points).Int64("octets", st.Bytes).Msg("influx: points of the last run wait in the spool")
	}
}

// spoolFails says once a minute that there is no spool.
func (s *Sink) spoolFails(now time.Time, err error) {
	s.stats.SpoolError = oneLine(err.Error())
	s.log(now, "spool", func() {
		s.cfg.Log.Error().Err(err).Str("dir", s.cfg.Dir).Msg("influx: the spool cannot be used: what the server does not take waits in memory alone; make room, or make state_dir writable for weir")
	})
}

// log logs at most once a minute for each key.
func (s *Sink) log(now time.Time, key string, say func()) {
	if last, ok := s.logged[key]; ok && now.Sub(last) < logEvery {
		return
	}
	s.logged[key] = now
	say()
}

// Write takes the points; they are encoded before it returns. It never waits for
// the server.
func (s *Sink) Write(b *series.Batch) {
	if len(b.Points) == 0 {
		return
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range b.Points {
		before := s.enc.points
		if !s.enc.add(&b.Points[i]) {
			s.stats.Refused++
			s.log(now, "series", func() {
				s.cfg.Log.Warn().Int("series", s.cfg.Series).Msg("influx: there are more series than influx.series allows: points of further ones are dropped and counted; raise it where the server can hold more")
			})
		}
		s.count(s.enc.points - before)
		if s.begun.IsZero() && s.enc.points > 0 {
			s.begun = now
		}
		if len(s.enc.block) >= blockSize {
			s.closeBlock(now)
		}
	}
	_ = s.ledger.write()
}

// WriteLines takes lines of line protocol, each ended by a newline, that are
// encoded already: n points.
func (s *Sink) WriteLines(b []byte, n int) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enc.block = append(s.enc.block, b...)
	s.enc.points += n
	s.count(n)
	if s.begun.IsZero() {
		s.begun = now
	}
	if len(s.enc.block) >= blockSize {
		s.closeBlock(now)
	}
	_ = s.ledger.write()
}

func (s *Sink) count(n int) {
	s.stats.Accepted += uint64(n)
	s.ledger.accepted += uint64(n)
}

// closeBlock hands the block to the queue.
func (s *Sink) closeBlock(now time.Time) {
	if s.enc.points == 0 {
		return
	}
	var next []byte
	if n := len(s.free); n > 0 {
		next, s.free = s.free[n-1], s.free[:n-1]
	}
	block, n := s.enc.take(next)
	lost := s.queue.put(&item{block: block, points: n, at: s.begun})
	s.begun = time.Time{}
	if lost > 0 {
		s.drop(now, lost, "memory is full")
	}
}

// drop counts points that were given up.
func (s *Sink) drop(now time.Time, n int, why string) {
	s.stats.Dropped += uint64(n)
	s.ledger.add(0, n)
	s.log(now, "drop", func() {
		s.cfg.Log.Error().Int("points", n).Str("why", why).Msg("influx: the oldest points were dropped")
	})
}

// settle counts points that the server has answered for, and enters them in the
// ledger unless they are there since they were spooled.
func (s *Sink) settle(sent, refused int, enter bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Sent += uint64(sent)
	s.stats.Rejected += uint64(refused)
	if enter {
		s.ledger.add(0, sent+refused)
	}
}

// recycle takes the memory of a block back.
func (s *Sink) recycle(block []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) < 4 && cap(block) <= 2*blockSize {
		s.free = append(s.free, block[:0])
	}
}

// Stats returns the counts.
func (s *Sink) Stats() Stats {
	now := time.Now()
	failing, _, last := s.gate.state()
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Series = len(s.enc.limit.seen)
	_, st.Retries = s.gate.counts()
	st.MemoryBlocks, st.MemoryBytes, st.MemoryPoints, _ = s.queue.size()
	st.MemoryPoints += s.enc.points
	st.MemoryBytes += len(s.enc.block)
	if s.spool != nil {
		var oldest int64
		st.Spool, oldest = s.spool.snapshot()
		st.Dropped += st.Spool.DroppedPoints
		if oldest > 0 {
			st.SpoolOldest = max(now.Sub(time.Unix(0, oldest)), 0)
		}
	}
	if failing {
		st.Failing = s.advice(last)
	}
	return st
}

// Close spools what is not sent until ctx is done, and ends.
func (s *Sink) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.closeBlock(time.Now())
	s.mu.Unlock()
	// What is young may still go straight to the server.
	for failing, _, _ := s.gate.state(); !failing && ctx.Err() == nil; failing, _, _ = s.gate.state() {
		if n, _, _, _ := s.queue.size(); n == 0 {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.cancel()
	s.running.Wait()
	s.client.Close()
	now := time.Now()
	s.persist(now.Add(time.Hour), now)
	s.mu.Lock()
	defer s.mu.Unlock()
	n, _, points, _ := s.queue.size()
	var errs []error
	if n > 0 {
		s.stats.Dropped += uint64(points)
		errs = append(errs, fmt.Errorf("influx: %d points could neither be written nor spooled", points))
	}
	if s.spool != nil {
		errs = append(errs, s.spool.close())
	}
	s.ledger.settled = s.ledger.accepted // all that is missing was told of
	s.ledger.add(0, 0)
	s.ledger.close()
	return errors.Join(errs...)
}
