package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"weir/collector/store/age"
	"weir/detect"
)

// AlertLogConfig bounds the history of alerts.
type AlertLogConfig struct {
	MaxBytes    int64         // of all rows, about
	MaxAge      time.Duration // of a change, since it was written
	EvidenceAge time.Duration // of its evidence, which goes before it
	Report      func(error)   // told when writing begins to fail, and with nil when it works again; nil is nobody
}

// AlertLog keeps every change of every alert in the state file. Put may be
// called by any goroutine; Run is for one.
type AlertLog struct {
	cfg  AlertLogConfig
	db   *sql.DB
	path string

	limit int // maxPending, but for tests
	hurry chan struct{}

	mu      sync.Mutex // guards what follows
	pending []pendingChange
	writing int    // changes that are with the goroutine that writes
	missed  uint64 // changes that found no room since the last that did
	stats   AlertLogStats

	// Of the goroutine that writes.
	batch   []pendingChange // those being written, until the file has them
	state   logState
	ages    age.Clock
	trimmed time.Time // when ages were last looked at
	failing bool
}

// pendingChange is a change that waits to be written.
type pendingChange struct {
	alert detect.Alert
	lost  uint64        // changes before it that could not be kept
	deed  *AlertChange  // a person's, instead of alert
	done  chan struct{} // of a deed: closed once it is written
}

// AlertLogStats is what the history of alerts holds and what it lost.
type AlertLogStats struct {
	From, Head      Head // what the oldest change rests on, and the newest
	Bytes, MaxBytes int64
	Queued, Limit   int    // changes that wait to be written
	Lost            uint64 // changes that could not be kept
	Err             string // why writing fails now; "" while it works
}

// logState is what alert_log_state and the last row say.
type logState struct {
	head      Head
	from      Head
	written   int64  // ns, when the row at from was written
	evidenceN uint64 // evidence was removed up to this row
	bytes     int64
	checked   uint64 // row of the last checkpoint; 0 none
	legacy    bool   // rows were removed before there were checkpoints
	cause     string // why rows were removed since the last checkpoint; "" none were

	unwritten uint64 // changes of the batch that no JSON could be made of
	carry     uint64 // changes lost since the last row, that none tells of yet
	more      bool   // there is more to write or to remove
}

const (
	// maxPending bounds the changes that wait while the disk does not take
	// them: with what they rest on some 30 MB.
	maxPending = 16384
	// Of one transaction.
	maxWriteRows  = 4096
	maxWriteBytes = 4 << 20
)

// OpenAlertLog opens the history of alerts in the state file of a directory
// that the caller has opened with Open. Close must be called.
func OpenAlertLog(dir string, cfg AlertLogConfig) (*AlertLog, error) {
	l := &AlertLog{cfg: cfg, path: filepath.Join(dir, stateFile), limit: maxPending, hurry: make(chan struct{}, 1)}
	// A change that was written survives a power failure: synchronous is FULL.
	// What was removed is overwritten.
	db, err := openFile(l.path, "", "busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)", "journal_size_limit(16777216)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	l.db = db
	if l.state, err = loadLogState(context.Background(), db); err != nil {
		return nil, errors.Join(fmt.Errorf("state file %s: alert history cannot be read: %w", l.path, err), db.Close())
	}
	l.publish(0, nil)
	return l, nil
}

// querier is a database or a transaction in it.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func loadLogState(ctx context.Context, q querier) (s logState, err error) {
	var hash []byte
	row := q.QueryRowContext(ctx, `SELECT n, hash, written, evidence_n, bytes, legacy FROM alert_log_state`)
	if err := row.Scan(&s.from.N, &hash, &s.written, &s.evidenceN, &s.bytes, &s.legacy); err != nil {
		return s, err
	}
	row = q.QueryRowContext(ctx, `SELECT coalesce(max(n), 0) FROM alert_log WHERE seq = 0 AND change = ?`, checkpoint)
	if err := row.Scan(&s.checked); err != nil {
		return s, err
	}
	copy(s.from.Hash[:], hash)
	s.head = s.from
	err = q.QueryRowContext(ctx, `SELECT n, hash FROM alert_log ORDER BY n DESC LIMIT 1`).Scan(&s.head.N, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	copy(s.head.Hash[:], hash)
	return s, err
}

// Put takes one change. It never waits: what finds no room is counted, and the
// next change that is kept says how many came before it.
func (l *AlertLog) Put(a *detect.Alert) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending)+l.writing >= l.limit {
		l.stats.Lost++
		l.missed++
		return
	}
	l.pending = append(l.pending, pendingChange{alert: *a, lost: l.missed})
	l.missed = 0
}

// Run writes what has come once a second until ctx is done, and then the rest.
func (l *AlertLog) Run(ctx context.Context) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	l.flush(time.Now())
	for {
		select {
		case <-ctx.Done():
			l.flush(time.Now())
			return
		case now := <-t.C:
			l.flush(now)
		case <-l.hurry:
			l.flush(time.Now())
		}
	}
}

// Close closes the file. Run must have returned.
func (l *AlertLog) Close() error { return l.db.Close() }

// Stats returns what is held. It may be called by any goroutine.
func (l *AlertLog) Stats() AlertLogStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Queued, s.Limit, s.MaxBytes = len(l.pending)+l.writing, l.limit, l.cfg.MaxBytes
	return s
}

// trimEvery is how often ages are looked at.
const trimEvery = time.Minute

// writeTime bounds one transaction, for a disk that does not answer.
const writeTime = 30 * time.Second

// flush writes what waits. What the disk does not take waits on.
func (l *AlertLog) flush(now time.Time) {
	waited := len(l.batch) > 0 // since a flush that failed
	for more := true; more; {
		l.take()
		trim := now.Sub(l.trimmed).Abs() >= trimEvery
		if len(l.batch) == 0 && !trim {
			return
		}
		done, state, err := l.write(l.batch[:min(len(l.batch), maxWriteRows)], now, trim)
		if err == nil {
			l.state = state
			more = state.more || waited && len(l.batch) > 0
			if trim && !state.more {
				l.trimmed = now
			}
		}
		l.publish(done, err)
		if failed := err != nil; failed != l.failing && l.cfg.Report != nil {
			l.cfg.Report(err)
		}
		if l.failing = err != nil; l.failing {
			return
		}
	}
}

// take takes over what has come, once what was taken before is written: whoever
// puts changes waits for no copy.
func (l *AlertLog) take() {
	if len(l.batch) > 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batch, l.pending, l.writing = l.pending, nil, len(l.pending)
}

// publish drops the changes that are done and tells how writing goes.
func (l *AlertLog) publish(done int, err error) {
	for i := range l.batch[:done] {
		if l.batch[i].done != nil {
			close(l.batch[i].done)
		}
	}
	clear(l.batch[:done])
	l.batch = l.batch[done:]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing = len(l.batch)
	l.stats.From, l.stats.Head, l.stats.Bytes, l.stats.Err = l.state.from, l.state.head, l.state.bytes, ""
	if err != nil {
		l.stats.Err = err.Error()
		return
	}
	l.stats.Lost += l.state.unwritten
}
