package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The directory of the history says what it is of: flow samples, rollups,
// evidence and time series are files of their own, which only a weir that knows
// them may write and delete.

const (
	versionFile   = "VERSION"
	versionPrefix = "weir history "
	historyLock   = "history.lock"
	newSuffix     = ".new" // of a file that is being written
)

// historySteps bring a directory from one version to the next; the version is
// the number of those taken. They are only ever appended to.
var historySteps = []func(dir string) error{
	// 1: a directory without a version, of flow samples alone. Its files are read
	// as they are.
	func(string) error { return nil },
	// 2: a journal of flow samples has once what many of them have in common. One
	// of version 1 is read as it is.
	func(string) error { return nil },
	// 3: a journal of flow samples is read behind what is damaged. One of version 2
	// is read as it is.
	func(string) error { return nil },
}

// History is a directory of history that this process holds.
type History struct{ lock *os.File }

// OpenHistory makes the directory of the history where it is missing, brings it
// to this version, and holds it for this process. A directory of a later version
// is left as it is.
func OpenHistory(dir string) (*History, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("history directory %s: cannot be made: %w", dir, unwrap(err))
	}
	lock, err := lockFileOf(dir, historyLock, "history directory", "history.dir")
	if err != nil {
		return nil, err
	}
	h := &History{lock}
	if err := upgrade(dir); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Close gives the directory free.
func (h *History) Close() error {
	if h == nil || h.lock == nil {
		return nil
	}
	defer func() { h.lock = nil }()
	return h.lock.Close()
}

func upgrade(dir string) error {
	version, err := historyVersion(dir)
	if err != nil {
		return err
	}
	for ; version < len(historySteps); version++ {
		if err := historySteps[version](dir); err != nil {
			return fmt.Errorf("history directory %s: cannot be brought to version %d: %w", dir, version+1, err)
		}
		path := filepath.Join(dir, versionFile)
		text := versionPrefix + strconv.Itoa(version+1) + "\n"
		err := os.WriteFile(path+newSuffix, []byte(text), 0o640)
		if err == nil {
			err = lastingName(path+newSuffix, path)
		}
		if err != nil {
			_ = os.Remove(path + newSuffix) // half of it; err tells more
			return fmt.Errorf("history directory %s: cannot be written: %w", dir, unwrap(err))
		}
	}
	return nil
}

// lastingName gives a file that was written its name, in place of an earlier one.
// What has the name is on the disk as a whole, and the name is, too.
func lastingName(tmp, path string) error {
	if err := synced(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return synced(filepath.Dir(path))
}

// synced brings a file or directory to the disk.
func synced(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// CheckHistory returns why a directory of history cannot be read: it is of a
// later version.
func CheckHistory(dir string) error {
	_, err := historyVersion(dir)
	return err
}

// historyVersion returns a directory's version, 0 where it has none.
func historyVersion(dir string) (int, error) {
	path := filepath.Join(dir, versionFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("%s: cannot be read: %w", path, unwrap(err))
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(b)), versionPrefix)
	n, err := strconv.Atoi(text)
	switch {
	case !ok || err != nil || n < 0:
		return 0, fmt.Errorf("%s: does not say %q and a number: is this the directory of weir's history?", path, strings.TrimSpace(versionPrefix))
	case n > len(historySteps):
		return 0, fmt.Errorf("history directory %s: is of version %d, this weir knows up to %d: run the newer weir, or set another history.dir", dir, n, len(historySteps))
	}
	return n, nil
}
