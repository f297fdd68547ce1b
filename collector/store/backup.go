package store

import (
	"context"
	"errors"
	"fmt"
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
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s: is there already: name a new directory", path)
	}
	// Until it is whole, the copy has another name: half a one would be taken for a backup.
	tmp := path + newSuffix
	mine, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) // the database would let everybody read it
	if err != nil {
		return "", err
	}
	if err := mine.Close(); err != nil {
		return "", err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, tmp); err != nil {
		_ = os.Remove(tmp) // half a copy helps nobody
		return "", fmt.Errorf("state file %s: cannot be copied to %s: %w", from, path, err)
	}
	return path, lastingName(tmp, path)
}
