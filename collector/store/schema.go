package store

import (
	"database/sql"
	"errors"
	"fmt"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// migrations bring a file from one version to the next; the version is the
// number of those applied. They are only ever appended to.
var migrations = []string{
	`CREATE TABLE agents (
		agent  TEXT NOT NULL,           -- address
		source TEXT NOT NULL,           -- address its datagrams come from
		name   TEXT NOT NULL DEFAULT '',
		first  INTEGER NOT NULL,        -- heard, ns since 1970
		last   INTEGER NOT NULL,
		PRIMARY KEY (agent, source)
	) WITHOUT ROWID, STRICT`,
	`CREATE TABLE open_alerts (
		key  TEXT NOT NULL PRIMARY KEY, -- of the alert
		body BLOB NOT NULL              -- as the collector writes it
	) WITHOUT ROWID, STRICT`,
	`CREATE TABLE site (
		name TEXT NOT NULL PRIMARY KEY, -- model, windows
		body BLOB NOT NULL              -- JSON
	) WITHOUT ROWID, STRICT`,
	alertLogSchema,
	alertDeedsSchema,
	alertErasedSchema,
	siteNodesSchema,
	incidentsSchema,
}

// migrate brings the file to the newest version. A file of a later version, or
// of something else, is left as it is.
func (s *Store) migrate() error {
	var version, id, tables int
	if err := s.db.QueryRow(`PRAGMA user_version`).Scan(&version); err != nil {
		if isFull(err) {
			return fmt.Errorf("cannot be opened: %w: is the disk full?", err)
		}
		return fmt.Errorf("is no state of weir, or damaged: %w; move it away to begin anew", err)
	}
	if err := s.db.QueryRow(`PRAGMA application_id`).Scan(&id); err != nil {
		return err
	}
	if err := s.db.QueryRow(`SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return err
	}
	switch {
	case id != applicationID && tables > 0:
		return fmt.Errorf("is another program's database: set another state_dir")
	case version > len(migrations):
		return newer(version)
	case version == len(migrations):
		return nil
	}
	return s.inTransaction(func(tx *sql.Tx) error {
		for _, m := range migrations[version:] {
			if _, err := tx.Exec(m); err != nil {
				return fmt.Errorf("cannot be brought to this version: %w", err)
			}
		}
		if _, err := tx.Exec(fmt.Sprintf(`PRAGMA application_id = %d`, applicationID)); err != nil {
			return err
		}
		_, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, len(migrations)))
		return err
	})
}

// isFull reports that SQLite found no room, for the file or for what it shares of it.
func isFull(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	return ok && (e.Code() == sqlitelib.SQLITE_FULL || e.Code() == sqlitelib.SQLITE_IOERR_SHMSIZE || e.Code() == sqlitelib.SQLITE_IOERR_WRITE)
}

// newer is the error of a state that a later weir made.
func newer(version int) error {
	return fmt.Errorf("has schema version %d, this weir knows up to %d: run the newer weir, or move the file away", version, len(migrations))
}
