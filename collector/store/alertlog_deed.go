package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/collector/care"
)

// ErrWaits is that a deed is taken and the disk has not got it yet.
var ErrWaits = errors.New("is in force, and the history of alerts waits for the disk to keep it")

// Deed appends what a person did about an alert or, with nothing but its ID and
// Incident, an incident; about is what history has of it. It returns once that is
// written, or when ctx is done, with ErrWaits.
func (l *AlertLog) Deed(ctx context.Context, about AlertChange, d care.Deed) error {
	c := about
	var err error
	if c.Evidence, err = json.Marshal(d); err != nil {
		return err
	}
	c.At, c.Seq, c.Change, c.Flapping, c.Reason, c.Lost, c.Care = d.At, 0, d.Do, false, "", 0, nil
	if c.Line = d.Line(); about.Line != "" {
		c.Line += " — " + about.Line
	}
	if c.Subject == nil {
		c.Subject = []byte("{}")
	}
	done := make(chan struct{})
	l.mu.Lock()
	if len(l.pending)+l.writing >= l.limit {
		l.mu.Unlock()
		return errors.New("too much waits for the disk: the history of alerts takes nothing now")
	}
	l.pending = append(l.pending, pendingChange{deed: &c, done: done, lost: l.missed})
	l.missed = 0
	l.mu.Unlock()
	select {
	case l.hurry <- struct{}{}:
	default:
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ErrWaits
	}
}

// ReadCare reads what people did from the history of alerts in a state directory
// that is open.
func ReadCare(ctx context.Context, dir string) (*care.Book, error) {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	b, err := readCare(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
	}
	return b, nil
}

func readCare(ctx context.Context, db *sql.DB) (*care.Book, error) {
	rows, err := db.QueryContext(ctx, `SELECT id, evidence FROM (
		SELECT n, id, evidence FROM alert_log WHERE seq = 0 AND change NOT IN (?, ?) AND evidence IS NOT NULL ORDER BY n DESC LIMIT ?) ORDER BY n`, checkpoint, eraseChange, care.MaxKept)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	b := care.NewBook()
	for rows.Next() {
		var id string
		var body sql.NullString
		if err := rows.Scan(&id, &body); err != nil {
			return nil, err
		}
		b.Read(id, []byte(body.String))
	}
	return b, rows.Err()
}

// FindAlert returns the last change of the alert with an identity, as history in a
// state directory has it; false where there is none. Its onset is part of the
// identity and limits the search.
func FindAlert(ctx context.Context, dir, id string, onset time.Time) (c AlertChange, found bool, err error) {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return c, false, err
	}
	defer db.Close()
	row := db.QueryRowContext(ctx, `SELECT `+alertColumns+` FROM alert_log WHERE at >= ? AND id = ? AND seq > 0 ORDER BY at DESC, n DESC LIMIT 1`,
		onset.Add(-time.Minute).UnixNano(), id)
	var digest, hash []byte
	switch err := c.scan(row, &digest, &hash); {
	case errors.Is(err, sql.ErrNoRows):
		return c, false, nil
	case err != nil:
		return c, false, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
	}
	return c, true, nil
}

// IncidentChanges returns the changes of the alerts of an incident, and what people
// did with it, as history in a state directory has them, the oldest first. The
// identity of an incident ends with the onset of its first alert, which limits the
// search.
func IncidentChanges(ctx context.Context, dir, incident string) ([]AlertChange, error) {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	from := int64(0)
	if onset, err := strconv.ParseInt(incident[strings.LastIndexByte(incident, '-')+1:], 10, 64); err == nil {
		from = time.Unix(onset, 0).Add(-time.Hour).UnixNano()
	}
	rows, err := db.QueryContext(ctx, `SELECT `+alertColumns+` FROM alert_log WHERE at >= ? AND incident = ? ORDER BY n LIMIT ?`, from, incident, maxIncidentChanges)
	if err != nil {
		return nil, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
	}
	defer rows.Close()
	answer := &AlertAnswer{Alerts: []AlertChange{}}
	for rows.Next() {
		var c AlertChange
		var digest, hash []byte
		if err := c.scan(rows, &digest, &hash); err != nil {
			return nil, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
		}
		answer.Alerts = append(answer.Alerts, c)
	}
	if err := errors.Join(rows.Err(), addCare(ctx, db, answer, time.Now())); err != nil {
		return nil, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
	}
	return answer.Alerts, nil
}

// maxIncidentChanges bounds what is read of one incident.
const maxIncidentChanges = 20000
