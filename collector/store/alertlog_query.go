package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"weir/collector/care"
	"weir/collector/store/flows"
	"weir/detect"
)

// AlertAsk is an AlertQuery in words, as people write it on a command line or in
// a URL.
type AlertAsk struct {
	From, To string // such as -1h, now, 15:04, 2026-01-31T15:04:05Z
	Kind     string // with commas
	Severity string // with commas
	Change   string // with commas
	Subject  string
	ID       string
	Limit    int
}

// AlertQuery asks for changes of alerts. An empty list is any.
type AlertQuery struct {
	From, To   time.Time // To is not included
	Kinds      []string
	Severities []string
	Changes    []string
	Projects   []string // whose subject or effects are of one of these
	Subject    string   // stands in the line or subject of the alert or of an effect of it; letters of either case
	ID         string   // of the alert, or of the incident that it belongs to
	Limit      int      // the newest so many; 0 is all
}

// AlertAnswer has changes in the order of their times.
type AlertAnswer struct {
	From   time.Time     `json:"from"`
	To     time.Time     `json:"to"`
	Alerts []AlertChange `json:"alerts"`
	Older  bool          `json:"older"`           // there are older ones than the limit let through
	Kinds  []string      `json:"kinds,omitempty"` // in history, where nothing was found of those asked for
}

// Query reads it. The error names the word that is wrong and what to write.
func (a *AlertAsk) Query(now time.Time) (q AlertQuery, err error) {
	if q.From, err = flows.ParseTime(a.From, now); err != nil {
		return q, fmt.Errorf("from %w", err)
	}
	if q.To, err = flows.ParseTime(a.To, now); err != nil {
		return q, fmt.Errorf("to %w", err)
	}
	if !q.From.Before(q.To) {
		return q, fmt.Errorf("from %q: is not before the end %q; write an earlier start", a.From, a.To)
	}
	if a.Limit < 0 {
		return q, fmt.Errorf("limit %d: must not be negative; 0 is all", a.Limit)
	}
	q.Kinds, q.Subject, q.ID, q.Limit = words(a.Kind), a.Subject, a.ID, a.Limit
	if q.Severities, err = oneOf("severity", a.Severity, "info", "warning", "critical"); err != nil {
		return q, err
	}
	q.Changes, err = oneOf("change", a.Change, slices.Concat([]string{"start", "update", "end"}, care.Deeds(), []string{checkpoint})...)
	return q, err
}

func words(s string) (all []string) {
	for w := range strings.SplitSeq(s, ",") {
		if w = strings.TrimSpace(w); w != "" {
			all = append(all, w)
		}
	}
	return all
}

func oneOf(name, s string, known ...string) ([]string, error) {
	all := words(s)
	for _, w := range all {
		if !slices.Contains(known, w) {
			return nil, fmt.Errorf("%s %q: write %s", name, w, strings.Join(known, ", "))
		}
	}
	return all, nil
}

// QueryAlerts asks the history of alerts in a state directory, whether a
// collector runs with it or not. Without one the error is fs.ErrNotExist.
func QueryAlerts(ctx context.Context, dir string, q AlertQuery) (*AlertAnswer, error) {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	fail := func(err error) (*AlertAnswer, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("state file %s: alert history cannot be read: %w", path, err)
	}
	where, args := q.where()
	limit := -1
	if q.Limit > 0 {
		limit = q.Limit + 1
	}
	rows, err := db.QueryContext(ctx, `SELECT `+alertColumns+` FROM alert_log WHERE `+where+` ORDER BY at DESC, n DESC LIMIT ?`, append(args, limit)...)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	answer := &AlertAnswer{From: q.From, To: q.To, Alerts: []AlertChange{}}
	for rows.Next() {
		var c AlertChange
		var digest, hash []byte
		if err := c.scan(rows, &digest, &hash); err != nil {
			return fail(err)
		}
		answer.Alerts = append(answer.Alerts, c)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	if q.Limit > 0 && len(answer.Alerts) > q.Limit {
		answer.Alerts, answer.Older = answer.Alerts[:q.Limit], true
	}
	slices.Reverse(answer.Alerts)
	if err := addCare(ctx, db, answer, time.Now()); err != nil {
		return fail(err)
	}
	if len(answer.Alerts) == 0 && len(q.Kinds) > 0 {
		if answer.Kinds, err = kinds(ctx, db); err != nil {
			return fail(err)
		}
	}
	return answer, nil
}

// addCare adds what people did to the changes of alerts.
func addCare(ctx context.Context, db *sql.DB, a *AlertAnswer, now time.Time) error {
	b, err := readCare(ctx, db)
	if err != nil {
		return err
	}
	for i := range a.Alerts {
		if c := &a.Alerts[i]; c.Seq > 0 {
			c.Care = b.Of(c.ID, now)
		}
	}
	return nil
}

// where returns the query's condition and its arguments.
func (q *AlertQuery) where() (string, []any) {
	where, args := "at >= ? AND at < ?", []any{q.From.UnixNano(), q.To.UnixNano()}
	if !slices.Contains(q.Changes, checkpoint) {
		where += " AND change != '" + checkpoint + "'"
	}
	for _, in := range []struct {
		column string
		values []string
	}{{"kind", q.Kinds}, {"severity", q.Severities}, {"change", q.Changes}} {
		if len(in.values) == 0 {
			continue
		}
		among := " IN (?" + strings.Repeat(", ?", len(in.values)-1) + ")"
		times := 1
		if in.column == "kind" && len(q.Projects) > 0 { // they are told of effects alone
			where += " AND (kind" + among + " OR EXISTS (SELECT 1 FROM json_each(evidence, '$.children') WHERE json_extract(value, '$.kind')" + among + "))"
			times = 2
		} else {
			where += " AND " + in.column + among
		}
		for range times {
			for _, v := range in.values {
				args = append(args, v)
			}
		}
	}
	if len(q.Projects) > 0 {
		in := "IN (?" + strings.Repeat(", ?", len(q.Projects)-1) + ")"
		where += ` AND (json_extract(subject, '$.project') ` + in +
			` OR kind = '` + string(detect.Rule) + `' AND json_extract(subject, '$.instance.project') ` + in +
			` OR EXISTS (SELECT 1 FROM json_each(evidence, '$.children') WHERE json_extract(value, '$.subject.project') ` + in + `))`
		for range 3 {
			for _, p := range q.Projects {
				args = append(args, p)
			}
		}
	}
	if q.ID != "" {
		where += " AND (substr(id, 1, length(?)) = ? OR substr(incident, 1, length(?)) = ?)"
		args = append(args, q.ID, q.ID, q.ID, q.ID)
	}
	if q.Subject != "" {
		// Most evidence need not be read to see that no effect has it.
		where += ` AND (instr(lower(line), lower(?)) > 0 OR instr(lower(subject), lower(?)) > 0 OR
			instr(lower(evidence), lower(?)) > 0 AND EXISTS (SELECT 1 FROM json_each(evidence, '$.children')
				WHERE instr(lower(json_extract(value, '$.line')), lower(?)) > 0 OR instr(lower(json_extract(value, '$.subject')), lower(?)) > 0))`
		for range 5 {
			args = append(args, q.Subject)
		}
	}
	return where, args
}

// kinds returns which kinds of alerts there are.
func kinds(ctx context.Context, db *sql.DB) (all []string, err error) {
	rows, err := db.QueryContext(ctx, `SELECT DISTINCT kind FROM alert_log ORDER BY kind LIMIT 100`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var k string
		if err := rows.Scan(&k); err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

// alertColumns are what scan reads.
const alertColumns = `n, written, at, id, seq, change, kind, state, severity, flapping, reason, incident, line, subject, lost, evidence, digest, hash`

// scanner is a row of a query.
type scanner interface{ Scan(...any) error }

func (c *AlertChange) scan(rows scanner, digest, hash *[]byte) error {
	var written, at int64
	var subject string
	var evidence sql.NullString
	if err := rows.Scan(&c.N, &written, &at, &c.ID, &c.Seq, &c.Change, &c.Kind, &c.State, &c.Severity, &c.Flapping, &c.Reason, &c.Incident,
		&c.Line, &subject, &c.Lost, &evidence, digest, hash); err != nil {
		return err
	}
	c.Written, c.At, c.Subject, c.Evidence = time.Unix(0, written).UTC(), time.Unix(0, at).UTC(), []byte(subject), nil
	if evidence.Valid {
		c.Evidence = []byte(evidence.String)
	}
	return nil
}

// readAlertLog opens the state file of a directory to read the history of
// alerts; the file's name is for messages. A collector may hold it.
func readAlertLog(ctx context.Context, dir string) (*sql.DB, string, error) {
	path := filepath.Join(dir, stateFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, path, fmt.Errorf("state file %s: %w", path, unwrap(err))
	}
	_ = f.Close()
	db, err := openFile(path, "ro", "busy_timeout(5000)", "query_only(ON)")
	if err != nil {
		return nil, path, err
	}
	var tables, id, version int
	for _, ask := range []struct {
		query string
		to    *int
	}{
		{`PRAGMA application_id`, &id}, {`PRAGMA user_version`, &version},
		{`SELECT count(*) FROM sqlite_schema WHERE name IN ('alert_log', 'alert_log_state')`, &tables},
	} {
		if err == nil { // one mistake is one line
			err = db.QueryRowContext(ctx, ask.query).Scan(ask.to)
		}
	}
	switch {
	case err != nil && ctx.Err() != nil:
		err = ctx.Err()
	case err != nil:
		err = fmt.Errorf("state file %s: cannot be read: %w; ask as the user that runs weir, or as root", path, err)
	case id != applicationID:
		err = fmt.Errorf("state file %s: is no state of weir: name the right directory", path)
	case version > len(migrations):
		err = fmt.Errorf("state file %s: %w", path, newer(version))
	case tables < 2:
		err = fmt.Errorf("state file %s: is of an older weir and has no history of alerts: %w", path, fs.ErrNotExist)
	default:
		return db, path, nil
	}
	return nil, path, errors.Join(err, db.Close())
}
