package flows

import (
	"errors"
	"os"
	"syscall"
)

// isFull reports that the disk has no room, which passes.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// reason is the system's word, without the name that the caller says.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
