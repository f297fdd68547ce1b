package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"weir/collector/store/age"
	"weir/detect/site"
)

// incidentsSchema has the incidents as they are shown.
const incidentsSchema = `CREATE TABLE incidents (
		id      TEXT NOT NULL PRIMARY KEY,
		began   INTEGER NOT NULL, -- ns since 1970
		ended   INTEGER NOT NULL, -- 0 it is open
		written INTEGER NOT NULL,
		size    INTEGER NOT NULL, -- of all in octets
		projects TEXT NOT NULL,   -- of which it tells something: JSON, an array
		head    BLOB NOT NULL,    -- without its timeline: JSON, deflated
		parts   BLOB NOT NULL,    -- what it tells of projects: the same
		body    BLOB NOT NULL     -- as it is shown: the same
	) STRICT;
	CREATE INDEX incidents_began ON incidents (began)`

// maxIncidentRow bounds what is kept of one incident, and incidentOverhead is about
// what a row takes beside it, in octets.
const (
	maxIncidentRow   = 2 << 20
	incidentOverhead = 256
)

// IncidentsConfig bounds the incidents kept.
type IncidentsConfig struct {
	MaxBytes int64
	MaxAge   time.Duration // since it ended; of an open one since it was written
}

// Incidents writes incidents. Its methods are for one goroutine at a time.
type Incidents struct {
	s    *Store
	cfg  IncidentsConfig
	ages age.Clock
}

// IncidentsUse is what is kept of incidents.
type IncidentsUse struct {
	Rows    int
	Bytes   int64
	Dropped uint64 // by this write, for want of room
}

// Incidents returns what keeps incidents in the state file.
func (s *Store) Incidents(cfg IncidentsConfig) *Incidents { return &Incidents{s: s, cfg: cfg} }

// incidentParts is what a row has beside the incident.
type incidentParts struct {
	Parts []site.Part         `json:"parts,omitempty"`
	Owned map[string][]string `json:"owned,omitempty"`
}

// incidentRow is a row.
type incidentRow struct {
	id                    string
	began, ended, written int64
	projects              string
	head, parts, body     []byte // deflated
}

// errTooLong is the error of an incident that nobody could read again.
var errTooLong = errors.New("is too long to be kept")

func newIncidentRow(k *site.KeptIncident, now time.Time, d *deflater) (r incidentRow, err error) {
	i := &k.Incident
	head := *i
	head.Steps, head.Root, head.Children, head.Addresses = nil, nil, nil, nil
	r = incidentRow{id: i.ID, began: time.Time(i.Began).UnixNano(), written: now.UnixNano()}
	if t := time.Time(i.Ended); !t.IsZero() {
		r.ended = t.UnixNano()
	}
	var projects []string
	for p := range k.Parts {
		projects = union(projects, []string{k.Parts[p].Project})
	}
	r.projects = jsonText(projects)
	for _, x := range []struct {
		into *[]byte
		v    any
	}{{&r.head, &head}, {&r.parts, &incidentParts{k.Parts, k.Owned}}, {&r.body, i}} {
		b, merr := json.Marshal(x.v)
		if merr != nil {
			return r, fmt.Errorf("incident %s: %w", i.ID, merr)
		}
		if len(b) > maxText {
			return r, errTooLong
		}
		*x.into = d.shorten(b)
	}
	return r, nil
}

func (r *incidentRow) size() int {
	return incidentOverhead + len(r.projects) + len(r.head) + len(r.parts) + len(r.body)
}

// put writes the row in place of an earlier one.
func (r *incidentRow) put(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.id, r.began, r.ended, r.written, r.size(), r.projects, r.head, r.parts, r.body)
	return err
}

// Save keeps incidents as they are now, and removes those that are too old; where
// there is no room, the oldest.
func (x *Incidents) Save(all []site.KeptIncident, now time.Time) (use IncidentsUse, err error) {
	var rows []incidentRow
	var d deflater
	for i := range all {
		r, err := newIncidentRow(&all[i], now, &d)
		if errors.Is(err, errTooLong) || err == nil && (r.size() > maxIncidentRow || int64(r.size()) > x.cfg.MaxBytes) {
			use.Dropped++
			continue
		}
		if err != nil {
			return use, err
		}
		rows = append(rows, r)
	}
	oldest := x.ages.Now(now).Add(-x.cfg.MaxAge).UnixNano()
	ctx := context.Background()
	err = x.s.inTransaction(func(tx *sql.Tx) error {
		for i := range rows {
			if err := rows[i].put(ctx, tx); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(`DELETE FROM incidents WHERE iif(ended = 0, written, ended) < ?`, oldest); err != nil {
			return err
		}
		n, err := x.makeRoom(tx)
		use.Dropped += n
		if err != nil {
			return err
		}
		return tx.QueryRow(`SELECT count(*), coalesce(sum(size), 0) FROM incidents`).Scan(&use.Rows, &use.Bytes)
	})
	if err != nil {
		return use, fmt.Errorf("state file %s: incidents cannot be saved: %w", x.s.path, err)
	}
	return use, nil
}

// makeRoom removes the oldest incidents while there are too many.
func (x *Incidents) makeRoom(tx *sql.Tx) (dropped uint64, err error) {
	var bytes int64
	if err := tx.QueryRow(`SELECT coalesce(sum(size), 0) FROM incidents`).Scan(&bytes); err != nil || bytes <= x.cfg.MaxBytes {
		return 0, err
	}
	rows, err := tx.Query(`SELECT id, size FROM incidents ORDER BY began, id`)
	if err != nil {
		return 0, err
	}
	var ids []string
	for rows.Next() && bytes > x.cfg.MaxBytes-x.cfg.MaxBytes/64 {
		var id string
		var size int64
		if err := rows.Scan(&id, &size); err != nil {
			return 0, errors.Join(err, rows.Close())
		}
		ids = append(ids, id)
		bytes -= size
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := tx.Exec(`DELETE FROM incidents WHERE id = ?`, id); err != nil {
			return 0, err
		}
	}
	return uint64(len(ids)), nil
}

// LoadOpen returns what was kept of incidents that had not ended, and how many could
// not be read. Of those that are not among ids, nobody will tell more: they are
// returned as over.
func (x *Incidents) LoadOpen(ids []string) (open, over []site.KeptIncident, damaged int, err error) {
	err = x.s.inTransaction(func(tx *sql.Tx) error {
		return eachWritten(context.Background(), tx, `WHERE ended = 0 OR id IN (SELECT value FROM json_each(?)) ORDER BY began, id`, []any{jsonText(ids)},
			func(id string, written time.Time, k *site.KeptIncident) error {
				switch {
				case k == nil:
					damaged++
				case slices.Contains(ids, id):
					open = append(open, *k)
				default:
					k.Close(written)
					over = append(over, *k)
				}
				return nil
			})
	})
	if err != nil {
		err = fmt.Errorf("state file %s: incidents cannot be read: %w", x.s.path, err)
	}
	return open, over, damaged, err
}

// eachWritten passes the incidents of the rows that a clause selects, with when they
// were written; nil is one that cannot be read.
func eachWritten(ctx context.Context, tx *sql.Tx, clause string, args []any, yield func(id string, written time.Time, k *site.KeptIncident) error) error {
	rows, err := tx.QueryContext(ctx, `SELECT id, written, parts, body FROM incidents `+clause, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var id string
		var written int64
		var parts, body sql.RawBytes
		if err := rows.Scan(&id, &written, &parts, &body); err != nil {
			return err
		}
		var one *site.KeptIncident
		if k, err := keptIncident(parts, body); err == nil {
			one = &k
		}
		if err := yield(id, time.Unix(0, written), one); err != nil {
			return err
		}
	}
	return rows.Err()
}

// jsonText is a list of texts as JSON.
func jsonText(all []string) string {
	b, _ := json.Marshal(all) // texts always marshal
	if all == nil {
		return "[]"
	}
	return string(b)
}

// keptIncident reads what a row has.
func keptIncident(parts, body []byte) (k site.KeptIncident, err error) {
	var p incidentParts
	if err := errors.Join(unpacked(body, &k.Incident), unpacked(parts, &p)); err != nil {
		return k, err
	}
	if k.Incident.ID == "" {
		return k, errors.New("is no incident")
	}
	k.Parts, k.Owned = p.Parts, p.Owned
	return k, nil
}
