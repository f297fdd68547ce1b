package flows

import (
	"errors"
	"os"
	"syscall"
)

// passes reports that an error is the system's and says nothing of what is in a file:
// no room, too many open files, a file system that cannot be written for now.
func passes(err error) bool {
	_, ok := errors.AsType[syscall.Errno](err)
	return ok
}

// reason is the system's word, without the name that the caller says.
func reason(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}
