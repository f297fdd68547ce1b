package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"weir/collector/care"
	"weir/detect"
)

// alertErasedSchema names the rows whose contents were erased: their hash is
// taken as it stands, and a later row of the chain must say that they were.
const alertErasedSchema = `CREATE TABLE alert_erased (
		n INTEGER PRIMARY KEY           -- row of alert_log
	) STRICT`

// eraseChange is the change of a row that tells of erased ones.
const eraseChange = "erase"

// erasure is its subject.
type erasure struct {
	Rows []uint64 `json:"rows"`
}

// maxErasure is how many rows one such row names.
const maxErasure = 10_000

// Erased is what was erased of a project.
type Erased struct {
	Changes   int          // of alerts
	Open      int          // alerts that were open, and are no longer known
	Model     int          // instances of the model of the site
	Incidents int          // that told of it
	Alerts    []string     // identities of alerts about the project's instances
	Instances []string     // identities of its instances, as far as is known
	Addresses []netip.Addr // of its instances, as far as is known
	Ports     []Port       // of its instances, as far as is known
}

// Named is by what instances of a project are known beside what a state directory
// says of them.
type Named struct {
	Instances []string
	Addresses []netip.Addr
}

// FindProject returns what EraseProject would erase, and erases nothing. Nobody
// may run with the directory.
func FindProject(ctx context.Context, dir, project string) (e *Erased, err error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e = &Erased{}
	err = s.inTransaction(func(tx *sql.Tx) error {
		rows, err := e.take(ctx, tx, project, false)
		e.Changes = len(rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", s.path, err)
	}
	return e, nil
}

// eraser is who releases what was held of a project that is erased.
const eraser = "weir erase"

// ReleaseHeld appends to the history that incidents are no longer held: their archives
// are erased with a project.
func ReleaseHeld(ctx context.Context, dir string, incidents []string, now time.Time) (err error) {
	d := care.Deed{Do: care.Release, At: now.UTC(), By: eraser, Note: "archive erased with a project"}
	s, err := Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	err = s.inTransaction(func(tx *sql.Tx) error {
		state, err := loadLogState(ctx, tx)
		if err != nil {
			return err
		}
		put, err := tx.PrepareContext(ctx, insertRow)
		if err != nil {
			return err
		}
		defer put.Close()
		for _, id := range incidents {
			body, err := json.Marshal(d)
			if err != nil {
				return err
			}
			c := AlertChange{
				At: d.At, ID: id, Incident: id, Change: d.Do, Kind: "incident", Severity: "info", Line: d.Line(), Subject: []byte("{}"), Evidence: body,
			}
			if _, err := state.append(ctx, put, &c, d.At); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, `UPDATE alert_log_state SET bytes = (SELECT coalesce(sum(size), 0) FROM alert_log)`)
		return err
	})
	if err != nil {
		return fmt.Errorf("state file %s: %w", s.path, err)
	}
	return nil
}

// take returns the rows of the history of alerts to erase, and removes what incidents
// and the model of the site tell of the project, unless it is only to be found.
func (e *Erased) take(ctx context.Context, tx *sql.Tx, project string, remove bool) ([]uint64, error) {
	rows, err := e.find(ctx, tx, project)
	if err := errors.Join(err, e.takeNodes(ctx, tx, project, remove), e.takeIncidents(ctx, tx, project, remove)); err != nil {
		return nil, err
	}
	return e.findNamed(ctx, tx, rows)
}

// EraseProject erases what a state directory says of a project: the texts of
// each change of an alert about one of its instances, or that tells of one or names
// one of their addresses, its open alerts, and what incidents and the model of the
// site tell of it. Time, kind, identity and hash stay, so that the chain can be
// walked; what is erased is named by a row at its end. Nobody may run with the
// directory.
func EraseProject(ctx context.Context, dir, project string, more Named, now time.Time) (e *Erased, err error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := s.db.ExecContext(ctx, `PRAGMA secure_delete = ON`); err != nil {
		return nil, err
	}
	e = &Erased{Instances: slices.Clone(more.Instances), Addresses: slices.Clone(more.Addresses)}
	err = s.inTransaction(func(tx *sql.Tx) error {
		rows, err := e.take(ctx, tx, project, true)
		if err != nil {
			return err
		}
		if err := errors.Join(e.forget(ctx, tx, project), forgetTenants(ctx, tx, project)); err != nil {
			return err
		}
		return e.erase(ctx, tx, rows, now)
	})
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", s.path, err)
	}
	// What was erased is nowhere in the file, nor beside it.
	if _, err = s.db.ExecContext(ctx, `VACUUM; PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		err = fmt.Errorf("state file %s: what was erased cannot be removed from it: %w", s.path, err)
	}
	return e, err
}

// Mentions reports whether a JSON text has an object of the project anywhere.
func Mentions(text []byte, project string) bool {
	return mentions(text, project, func(map[string]any) {})
}

// mentions reports whether a JSON text has an object of the project anywhere, and
// passes each such object to each.
func mentions(text []byte, project string, each func(object map[string]any)) bool {
	var v any
	if json.Unmarshal(text, &v) != nil {
		return false
	}
	found := false
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if v["project"] == project {
				found = true
				each(v)
			}
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	return found
}

// find returns the rows to erase.
func (e *Erased) find(ctx context.Context, tx *sql.Tx, project string) (all []uint64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+alertColumns+` FROM alert_log ORDER BY n`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	addresses := func(object map[string]any) {
		if id, _ := object["uuid"].(string); id != "" && !slices.Contains(e.Instances, id) {
			e.Instances = append(e.Instances, id)
		}
		text, _ := object["address"].(string)
		if a, err := netip.ParseAddr(text); err == nil && !slices.Contains(e.Addresses, a.Unmap()) {
			e.Addresses = append(e.Addresses, a.Unmap())
		}
	}
	for rows.Next() {
		var c AlertChange
		var digest, hash []byte
		if err := c.scan(rows, &digest, &hash); err != nil {
			return nil, err
		}
		var subject struct {
			Project string `json:"project"`
		}
		_ = json.Unmarshal(c.Subject, &subject) // that of a checkpoint has none
		about := mentions(c.Subject, project, addresses)
		if about && project == cmp.Or(subject.Project, detect.RuleProject(c.Kind, c.Subject)) && !slices.Contains(e.Alerts, c.ID) {
			e.Alerts = append(e.Alerts, c.ID)
		}
		if tells := mentions(c.Evidence, project, addresses); about || tells || c.Seq == 0 && slices.Contains(e.Alerts, c.ID) && !c.ofEraser() {
			all = append(all, c.N)
		}
	}
	return all, errors.Join(rows.Err(), e.findTenants(ctx, tx, project))
}

// findNamed adds the rows to rows, which are in order, that name an instance, an
// address or a port of the project: what flows, floods and scans are about has
// addresses alone. Call it when all of them are known.
func (e *Erased) findNamed(ctx context.Context, tx *sql.Tx, rows []uint64) ([]uint64, error) {
	names := e.naming()
	if len(names.words)+len(names.ports) == 0 {
		return rows, nil
	}
	all, err := tx.QueryContext(ctx, `SELECT `+alertColumns+` FROM alert_log ORDER BY n`)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	about := map[string]bool{} // alerts, whose notes go, too
	var more []uint64
	for all.Next() {
		var c AlertChange
		var digest, hash []byte
		if err := c.scan(all, &digest, &hash); err != nil {
			return nil, err
		}
		if _, is := slices.BinarySearch(rows, c.N); is {
			continue
		}
		subject := c.Line + " " + c.Reason + " " + string(c.Subject)
		if c.Seq > 0 && names.in(subject) {
			about[c.ID] = true
		}
		if about[c.ID] && !c.ofEraser() || names.in(subject+" "+string(c.Evidence)) {
			more = append(more, c.N)
		}
	}
	rows = append(rows, more...)
	slices.Sort(rows)
	return rows, all.Err()
}

// ofEraser reports that a change is what ReleaseHeld appends, which says nothing of
// the project.
func (c *AlertChange) ofEraser() bool {
	var d care.Deed
	return c.Change == care.Release && json.Unmarshal(c.Evidence, &d) == nil && d.By == eraser
}

// erase makes rows say nothing, and appends rows that name them.
func (e *Erased) erase(ctx context.Context, tx *sql.Tx, rows []uint64, now time.Time) error {
	if e.Changes = len(rows); len(rows) == 0 {
		return nil
	}
	s, err := loadLogState(ctx, tx)
	if err != nil {
		return err
	}
	put, err := tx.PrepareContext(ctx, insertRow)
	if err != nil {
		return err
	}
	defer put.Close()
	for some := range slices.Chunk(rows, maxErasure) {
		subject, err := json.Marshal(erasure{some})
		if err != nil {
			return err
		}
		c := AlertChange{
			At: now, ID: eraseChange, Change: eraseChange, Kind: "alert_history", Severity: "info", Subject: subject, Evidence: []byte("{}"),
			Line: fmt.Sprintf("%d changes about a project were erased", len(some)),
		}
		if _, err := s.append(ctx, put, &c, now); err != nil {
			return err
		}
	}
	for _, n := range rows {
		_, err := tx.ExecContext(ctx, `UPDATE alert_log SET line = 'erased', reason = '', subject = '{}', evidence = NULL, size = ? WHERE n = ?`, rowOverhead, n)
		if err == nil {
			_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO alert_erased VALUES (?)`, n)
		}
		if err != nil {
			return err
		}
	}
	_, err = tx.ExecContext(ctx, `UPDATE alert_log_state SET bytes = (SELECT coalesce(sum(size), 0) FROM alert_log)`)
	return err
}

// forget removes open alerts that name the project.
func (e *Erased) forget(ctx context.Context, tx *sql.Tx, project string) error {
	type one struct{ key, body string }
	var all []one
	rows, err := tx.QueryContext(ctx, `SELECT key, body FROM open_alerts`)
	if err != nil {
		return err
	}
	for rows.Next() {
		var o one
		if err := rows.Scan(&o.key, &o.body); err != nil {
			return errors.Join(err, rows.Close())
		}
		all = append(all, o)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	names := e.naming()
	for _, o := range all {
		if !Mentions([]byte(o.body), project) && !names.in(o.body) {
			continue
		}
		e.Open++
		if _, err := tx.ExecContext(ctx, `DELETE FROM open_alerts WHERE key = ?`, o.key); err != nil {
			return err
		}
	}
	var body []byte
	err = tx.QueryRowContext(ctx, `SELECT body FROM site WHERE name = 'model'`).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	} else if err != nil {
		return err
	}
	var model map[string]json.RawMessage
	var open []json.RawMessage
	if json.Unmarshal(body, &model) != nil || model["open"] == nil || json.Unmarshal(model["open"], &open) != nil {
		return nil // the collector would not read it either
	}
	before := len(open)
	open = slices.DeleteFunc(open, func(o json.RawMessage) bool { return Mentions(o, project) || names.in(string(o)) })
	if len(open) == before {
		return nil
	}
	if model["open"], err = json.Marshal(open); err != nil {
		return err
	}
	if body, err = json.Marshal(model); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE site SET body = ? WHERE name = 'model'`, body)
	return err
}

// erasedRows follows rows whose contents are gone.
type erasedRows struct {
	gone map[uint64]bool // of the file
	told map[uint64]bool // that no row has told of yet
}

func loadErased(ctx context.Context, tx *sql.Tx) (e erasedRows, err error) {
	e.gone, e.told = map[uint64]bool{}, map[uint64]bool{}
	var tables int
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'alert_erased'`).Scan(&tables); err != nil || tables == 0 {
		return e, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT n FROM alert_erased`)
	if err != nil {
		return e, err
	}
	defer rows.Close()
	for rows.Next() {
		var n uint64
		if err := rows.Scan(&n); err != nil {
			return e, err
		}
		e.gone[n] = true
	}
	return e, rows.Err()
}

// follow takes a row, one that tells of erased ones among them.
func (e *erasedRows) follow(c *AlertChange) {
	if e.gone[c.N] {
		e.told[c.N] = true
	}
	var told erasure
	if c.Seq == 0 && c.Change == eraseChange && json.Unmarshal(c.Subject, &told) == nil {
		for _, n := range told.Rows {
			delete(e.told, n)
		}
	}
}

// end reports a row that is erased, and nobody said so.
func (e *erasedRows) end() *ChainBreak {
	for n := range e.told {
		return &ChainBreak{N: n, Problem: "its contents are gone, and no later change says that they were erased"}
	}
	return nil
}
