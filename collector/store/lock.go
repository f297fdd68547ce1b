package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// lockDir takes the directory's lock, which the kernel gives free when the
// process ends, however it does. The file holds the process's id, for whom it
// keeps out.
func lockDir(dir string) (*os.File, error) {
	return lockFileOf(dir, lockFile, "state_dir", "state_dir")
}

// lockFileOf takes the lock that a file of a directory stands for; what is the
// directory to the operator, and key where it is configured.
func lockFileOf(dir, name, what, key string) (*os.File, error) {
	path := filepath.Join(dir, name)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("%s %s: cannot be written: %w", what, dir, unwrap(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 16))
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s %s: in use by process %s: stop it, or set another %s", what, dir, strings.TrimSpace(string(holder)), key)
		}
		return nil, fmt.Errorf("%s %s: cannot be locked: %w", what, dir, err)
	}
	// Who holds it is for people alone: a full disk keeps nobody from beginning.
	if err := f.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return f, nil
}
