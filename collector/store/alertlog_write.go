package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// write appends changes, as many as fit into one transaction, and removes what
// is too old or too much. It returns how many are done, and the state after it.
func (l *AlertLog) write(batch []pendingChange, now time.Time, trim bool) (done int, s logState, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	fail := func(err error) (int, logState, error) {
		return 0, l.state, fmt.Errorf("state file %s: alert history cannot be written: %w", l.path, err)
	}
	tx, err := l.db.BeginTx(ctx, nil)
	if err != nil {
		return fail(err)
	}
	s = l.state
	s.unwritten, s.more = 0, false
	if done, err = l.insert(ctx, tx, &s, batch, now); err == nil {
		s.more = done < len(batch) || len(batch) == maxWriteRows
		err = l.remove(ctx, tx, &s, now, trim)
	}
	if err == nil {
		err = l.check(ctx, tx, &s, now)
	}
	if err == nil {
		_, err = tx.ExecContext(ctx, `UPDATE alert_log_state SET n = ?, hash = ?, written = ?, evidence_n = ?, bytes = ?, legacy = 0`,
			s.from.N, s.from.Hash[:], s.written, s.evidenceN, s.bytes)
	}
	if err != nil {
		return fail(errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return fail(err)
	}
	return done, s, nil
}

// insert appends to the chain, up to maxWriteBytes.
func (l *AlertLog) insert(ctx context.Context, tx *sql.Tx, s *logState, batch []pendingChange, now time.Time) (done int, err error) {
	if len(batch) == 0 {
		return 0, nil
	}
	put, err := tx.PrepareContext(ctx, insertRow)
	if err != nil {
		return 0, err
	}
	defer put.Close()
	for room := int64(maxWriteBytes); done < len(batch) && room > 0; done++ {
		p := &batch[done]
		var c AlertChange
		var err error
		if p.deed != nil {
			c = *p.deed
		} else {
			c, err = newAlertChange(&p.alert)
		}
		if err != nil { // told by the sink that writes alerts to the log
			s.unwritten++
			s.carry += p.lost + 1
			continue
		}
		c.Lost, s.carry = p.lost+s.carry, 0
		size, err := s.append(ctx, put, &c, now)
		if err != nil {
			return 0, err
		}
		room -= size
	}
	return done, nil
}

const insertRow = `INSERT INTO alert_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// append writes the next row of the chain, with the prepared insertRow.
func (s *logState) append(ctx context.Context, put *sql.Stmt, c *AlertChange, now time.Time) (int64, error) {
	c.N, c.Written = s.head.N+1, now
	digest := sha256.Sum256(c.Evidence)
	hash, size := c.hash(s.head.Hash, digest[:]), c.size()
	if _, err := put.ExecContext(ctx, c.N, now.UnixNano(), c.At.UnixNano(), c.ID, c.Seq, c.Change, c.Kind, c.State, c.Severity, c.Flapping, c.Reason,
		c.Incident, c.Line, string(c.Subject), c.Lost, string(c.Evidence), digest[:], hash[:], size); err != nil {
		return 0, err
	}
	s.head = Head{c.N, hash}
	s.bytes += size
	return size, nil
}

// maxRemove is how many rows one transaction looks at to remove them.
const maxRemove = 4096

// remove takes away what is too much, and where ages are to be looked at what
// is too old. The chain begins anew behind it.
func (l *AlertLog) remove(ctx context.Context, tx *sql.Tx, s *logState, now time.Time, ages bool) error {
	if ages {
		by := l.ages.Now(now)
		if err := l.removeRows(ctx, tx, s, by, true); err != nil {
			return err
		}
		if err := l.removeEvidence(ctx, tx, s, by); err != nil {
			return err
		}
	}
	if s.bytes <= l.cfg.MaxBytes {
		return nil
	}
	// Somewhat more than must be, so that it is not again at once.
	for s.bytes > l.cfg.MaxBytes-l.cfg.MaxBytes/64 && s.from.N < s.head.N {
		if err := l.removeRows(ctx, tx, s, now, false); err != nil {
			return err
		}
	}
	return nil
}

// oldRow is what is asked of a row to remove it.
type oldRow struct {
	n       uint64
	written int64
	size    int64
	hash    []byte
}

// oldest returns rows behind n in their order.
func oldest(ctx context.Context, tx *sql.Tx, n uint64) (all []oldRow, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT n, written, size, hash FROM alert_log WHERE n > ? ORDER BY n LIMIT ?`, n, maxRemove)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r oldRow
		if err := rows.Scan(&r.n, &r.written, &r.size, &r.hash); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, rows.Err()
}

// aged returns how many of the rows are the oldest up to the last that was
// written before a time. One written in the future, before the clock was set
// back, keeps none behind it.
func aged(rows []oldRow, before, now time.Time) (n int) {
	for i, r := range rows {
		switch {
		case r.written < before.UnixNano():
			n = i + 1
		case r.written <= now.UnixNano():
			return n
		}
	}
	return n
}

func (l *AlertLog) removeRows(ctx context.Context, tx *sql.Tx, s *logState, now time.Time, ages bool) error {
	rows, err := oldest(ctx, tx, 0)
	if err != nil {
		return err
	}
	n, limit, cause := 0, l.cfg.MaxBytes-l.cfg.MaxBytes/64, causeRoom
	if ages {
		limit, cause = l.cfg.MaxBytes, causeAge
		// What is old is removed with what is nearly so: each removal leaves a row.
		if n = aged(rows, now.Add(-l.cfg.MaxAge), now); n > 0 {
			n = aged(rows, now.Add(-l.cfg.MaxAge+min(l.cfg.MaxAge/100, time.Hour)), now)
		}
	}
	left := s.bytes
	for i, r := range rows {
		if i >= n && (ages || left <= limit) {
			break
		}
		left -= r.size
		n = max(n, i+1)
	}
	switch {
	case len(rows) == 0 && ages: // it may have been empty
		return nil
	case len(rows) == 0: // somebody else removed them
		s.from, s.bytes, s.cause = s.head, 0, causeUnknown
		return nil
	case n == 0:
		return nil
	}
	last := rows[n-1]
	if _, err := tx.ExecContext(ctx, `DELETE FROM alert_log WHERE n <= ?`, last.n); err != nil {
		return err
	}
	s.from.N, s.written, s.bytes, s.cause = last.n, last.written, left, cause
	s.evidenceN = max(s.evidenceN, last.n)
	copy(s.from.Hash[:], last.hash)
	s.more = s.more || ages && n == maxRemove
	return nil
}

func (l *AlertLog) removeEvidence(ctx context.Context, tx *sql.Tx, s *logState, now time.Time) error {
	rows, err := oldest(ctx, tx, s.evidenceN)
	if err != nil {
		return err
	}
	n := aged(rows, now.Add(-l.cfg.EvidenceAge), now)
	if n == 0 {
		return nil
	}
	var freed int64
	last := rows[n-1].n
	// What people did is kept as long as its row.
	const of = `FROM alert_log WHERE n > ? AND n <= ? AND seq > 0 AND evidence IS NOT NULL`
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(sum(octet_length(evidence)), 0) `+of, s.evidenceN, last).Scan(&freed); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE alert_log SET size = size - octet_length(evidence), evidence = NULL
		WHERE n > ? AND n <= ? AND seq > 0 AND evidence IS NOT NULL`, s.evidenceN, last); err != nil {
		return err
	}
	s.evidenceN, s.bytes = last, s.bytes-freed
	s.more = s.more || n == maxRemove
	return nil
}
