package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	stateFile = "state.db"
	lockFile  = "state.lock"

	// applicationID is what an SQLite file of ours begins with: "weir".
	applicationID = 0x77656972
)

// HasState reports whether a directory has the state of a collector.
func HasState(dir string) bool {
	st, err := os.Stat(filepath.Join(dir, stateFile))
	return err == nil && dir != "" && st.Mode().IsRegular()
}

// Store is the state of one collector. Its methods are for one goroutine at a
// time, one that may wait for a disk.
type Store struct {
	db   *sql.DB
	lock *os.File
	path string

	saved  map[agentKey]row  // what the file holds, to write only what changed
	alerts map[string][]byte // the same of open alerts
	site   map[string][]byte // the same of the site's state
}

// Open opens the state in dir, which it makes where it is missing, and brings
// it to this version's schema. Only one process may hold a directory.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("state_dir %s: cannot be made: %w", dir, unwrap(err))
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{lock: lock, path: filepath.Join(dir, stateFile), saved: map[agentKey]row{}}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open() error {
	var err error
	keepPrivate(s.path)
	if s.db, err = openFile(s.path, "", "busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(ON)"); err != nil {
		return err
	}
	s.db.SetMaxOpenConns(1)
	if err := s.migrate(); err != nil {
		return fmt.Errorf("state file %s: %w", s.path, err)
	}
	_, err = s.LoadAgents() // what the file holds is what later saves are compared with
	return err
}

// openFile opens an SQLite file in a mode ("" makes it where it is missing) with
// the pragmas.
func openFile(path, mode string, pragmas ...string) (*sql.DB, error) {
	// The file is named as a URI, so that no character of a path is read as an option.
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	q := url.Values{"_pragma": pragmas}
	if mode != "" {
		q.Set("mode", mode)
	} else {
		q.Set("_txlock", "immediate")
	}
	uri := url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, fmt.Errorf("state file %s: %w", path, err)
	}
	return db, nil
}

// Close writes what is pending and gives the directory free.
func (s *Store) Close() error {
	var errs []error
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	s.db, s.lock = nil, nil
	return errors.Join(errs...)
}

// inTransaction runs do and commits unless it fails.
func (s *Store) inTransaction(do func(*sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// unwrap leaves a path error's reason: the message names the path already.
func unwrap(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
