package series

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const lockName = "weir.lock"

// lockDir takes the directory for this process. The kernel gives the lock free
// with its end.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("history directory %s: cannot be written: %w", dir, reason(err))
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
		}
		if err == nil || isFull(err) { // the number is for people only
			return f, nil
		}
	}
	holder := make([]byte, 16)
	n, _ := f.ReadAt(holder, 0)
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("history directory %s: in use by process %s: stop it, or set another history.dir", dir, strings.TrimSpace(string(holder[:n])))
	}
	return nil, fmt.Errorf("history directory %s: cannot be locked: %w", dir, reason(err))
}

// reason is the system's word, without the name that the caller says.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// isFull reports that the disk has no room, which passes.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
