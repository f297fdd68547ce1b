package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Backup copies the state file of a state directory into another directory: the
// known agents, the model of the site, incidents, open alerts, and the history of
// alerts. A collector may be running; the copy is of one moment. It returns the
// copy's path.
func Backup(ctx context.Context, stateDir, to string) (path string, err error) {
	from := filepath.Join(stateDir, stateFile)
	if _, err := os.Stat(from); err != nil {
		return "", fmt.Errorf("state file %s: %w", from, unwrap(err))
	}
	db, err := openFile(from, "ro", "busy_timeout(5000)")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var version int
	if err := db.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
		return "", fmt.Errorf("state file %s: cannot be read: %w", from, err)
	}
	if version > len(migrations) {
		return "", fmt.Errorf("state file %s: %w", from, newer(version))
	}
	path = filepath.Join(to, stateFile)
	mine, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // the database would let everybody read it
	if errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("%s: is there already: name a new directory", path)
	} else if err != nil {
		return "", err
	}
	if err := mine.Close(); err != nil {
		return "", err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, path); err != nil {
		_ = os.Remove(path) // half a copy helps nobody
		return "", fmt.Errorf("state file %s: cannot be copied to %s: %w", from, path, err)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	return path, errors.Join(f.Sync(), f.Close())
}
