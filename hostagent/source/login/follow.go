package login

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// maxRead bounds what one look at a file reads, in records: the rest is for the
// next.
const maxRead = 4096

// follower reads what is appended to a file of records, and begins again where
// the file is a new one or was cut.
type follower struct {
	path string
	layout
	inode uint64
	at    int64
	begun bool
	buf   []byte
	idle  bool // nothing was left to be read in a file of so many octets
	whole int64
}

// same reports whether the file is as it was when all of it had been read: that
// is asked every second.
func (f *follower) same() bool {
	var s unix.Stat_t
	return f.idle && unix.Lstat(f.path, &s) == nil && s.Ino == f.inode && s.Size == f.whole
}

// read calls each with the records that are new. What is there at the first call
// is not.
func (f *follower) read(each func(record)) error {
	if f.same() {
		return nil
	}
	f.idle = false
	file, err := os.OpenFile(f.path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		f.begun, f.inode, f.at = true, 0, 0 // one that appears later is new from its start
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no regular file", f.path)
	}
	inode, err := inodeOf(file)
	if err != nil {
		return err
	}
	switch {
	case !f.begun:
		f.begun, f.inode, f.at = true, inode, info.Size()
		f.idle, f.whole = true, info.Size()
		return nil
	case inode != f.inode || info.Size() < f.at:
		f.inode, f.at = inode, 0
	}
	if f.buf == nil {
		f.buf = make([]byte, f.size)
	}
	for range maxRead {
		n, err := file.ReadAt(f.buf, f.at)
		if n < f.size {
			if err == nil || errors.Is(err, io.EOF) {
				f.idle, f.whole = true, info.Size()
				return nil // the rest of a record comes later
			}
			return err
		}
		f.at += int64(n)
		each(f.parse(f.buf))
	}
	return nil
}

func inodeOf(file *os.File) (uint64, error) {
	var s unix.Stat_t
	err := unix.Fstat(int(file.Fd()), &s)
	return s.Ino, err
}
