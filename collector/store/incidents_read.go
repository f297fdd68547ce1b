package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"weir/detect/site"
)

// ErrSeveral is the error of the beginning of an identity that several have.
var ErrSeveral = errors.New("several begin so")

// Several is ErrSeveral with the newest of the identities, which is the first.
func Several(ids []string) error { return fmt.Errorf("%w, the newest is %s", ErrSeveral, ids[0]) }

// ErrNoIncident is the error of an identity that nothing kept has.
var ErrNoIncident = errors.New("is none that is kept")

// maxIncidentList is how many incidents are listed, the newest.
const maxIncidentList = 1000

// readIncidents opens the state file to read incidents; nil where it is of an older
// weir, which kept none. A collector may hold it.
func readIncidents(ctx context.Context, dir string) (*sql.DB, string, error) {
	db, path, err := readAlertLog(ctx, dir)
	if err != nil {
		return nil, path, err
	}
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name = 'incidents'`).Scan(&tables); err != nil || tables == 0 {
		return nil, path, errors.Join(err, db.Close())
	}
	return db, path, nil
}

// ListIncidents returns the incidents kept in a state directory, the newest last,
// without their timelines, and how many could not be read. A collector may be running.
func ListIncidents(ctx context.Context, dir string) (all []site.Incident, damaged int, err error) {
	all = []site.Incident{}
	err = eachIncident(ctx, dir, `SELECT head, head, head FROM incidents ORDER BY began DESC, id DESC LIMIT ?`, maxIncidentList, func(head, _, _ []byte) {
		var i site.Incident
		if unpacked(head, &i) != nil || i.ID == "" {
			damaged++
			return
		}
		all = append(all, i)
	})
	slices.Reverse(all)
	return all, damaged, err
}

// ListIncidentsOf is ListIncidents for those incidents that tell something of the
// projects that sees wants, with what they tell of projects.
func ListIncidentsOf(ctx context.Context, dir string, sees func(project string) bool) (all []site.KeptIncident, damaged int, err error) {
	err = eachIncident(ctx, dir, `SELECT head, parts, projects FROM incidents ORDER BY began DESC, id DESC LIMIT ?`, maxIncidentList, func(head, parts, projects []byte) {
		var of []string
		if json.Unmarshal(projects, &of) != nil {
			damaged++
			return
		}
		if !slices.ContainsFunc(of, sees) {
			return
		}
		k, err := keptIncident(parts, head)
		if err != nil {
			damaged++
			return
		}
		all = append(all, k)
	})
	slices.Reverse(all)
	return all, damaged, err
}

// eachIncident passes the three columns of the rows of a query.
func eachIncident(ctx context.Context, dir, query string, arg any, yield func(a, b, c []byte)) error {
	db, path, err := readIncidents(ctx, dir)
	if err != nil || db == nil {
		return err
	}
	defer db.Close()
	fail := func(err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("state file %s: incidents cannot be read: %w", path, err)
	}
	rows, err := db.QueryContext(ctx, query, arg)
	if err != nil {
		return fail(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c sql.RawBytes
		if err := rows.Scan(&a, &b, &c); err != nil {
			return fail(err)
		}
		yield(a, b, c)
	}
	if err := rows.Err(); err != nil {
		return fail(err)
	}
	return nil
}

// ReadIncident returns the incident kept in a state directory whose identity begins
// with text. Its error is ErrNoIncident or ErrSeveral where that is none, or not the
// only one. A collector may be running.
func ReadIncident(ctx context.Context, dir, text string) (k site.KeptIncident, err error) {
	ids, err := IncidentIDs(ctx, dir, text)
	switch {
	case err != nil:
		return k, err
	case len(ids) == 0:
		return k, ErrNoIncident
	case len(ids) > 1:
		return k, Several(ids)
	}
	found := ErrNoIncident // it was removed meanwhile
	err = eachIncident(ctx, dir, `SELECT parts, body, body FROM incidents WHERE id = ?`, ids[0], func(parts, body, _ []byte) {
		if k, found = keptIncident(parts, body); found != nil {
			found = fmt.Errorf("what is kept of it is damaged: %w", found)
		}
	})
	return k, errors.Join(err, found)
}

// IncidentIDs returns the identities of incidents kept that begin with text, two at
// most, the newest first; where one is just that, it alone.
func IncidentIDs(ctx context.Context, dir, text string) (ids []string, err error) {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < '-' || r > 'z' }) {
		return nil, nil
	}
	err = eachIncident(ctx, dir, `SELECT id, id, id FROM incidents WHERE substr(id, 1, length(?1)) = ?1 ORDER BY id != ?1, began DESC, id DESC LIMIT 2`, text, func(id, _, _ []byte) {
		ids = append(ids, string(id))
	})
	if len(ids) > 0 && ids[0] == text {
		ids = ids[:1]
	}
	return ids, err
}
