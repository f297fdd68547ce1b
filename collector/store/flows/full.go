package flows

import (
	"errors"
	"syscall"
)

// isFull reports that the disk has no room, which passes.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
