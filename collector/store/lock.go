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
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, fmt.Errorf("state_dir %s: cannot be written: %w", dir, unwrap(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(f, 16))
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("state_dir %s: in use by process %s: stop it, or set another state_dir", dir, strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("state_dir %s: cannot be locked: %w", dir, err)
	}
	if err := f.Truncate(0); err == nil {
		_, err = fmt.Fprintf(f, "%d\n", os.Getpid())
		if err == nil {
			return f, nil
		}
	}
	_ = f.Close()
	return nil, fmt.Errorf("state_dir %s: cannot be written: %w", dir, err)
}
