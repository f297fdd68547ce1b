package proc

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"
)

// maxFile bounds what is read of one file.
const maxFile = 1 << 20

var errTooLong = errors.New("longer than 1 MiB")

// reader reads whole small files into a buffer that it keeps.
type reader struct {
	root string // "" or a directory that holds proc and sys
	buf  []byte
}

// read returns the content of the file at path below the root; it is valid
// until the next call.
func (r *reader) read(path string) ([]byte, error) {
	if r.root != "" {
		path = r.root + path
	}
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fileError{path, err}
	}
	defer unix.Close(fd)
	if r.buf == nil {
		r.buf = make([]byte, 16<<10)
	}
	n := 0
	for {
		m, err := unix.Read(fd, r.buf[n:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return nil, &fileError{path, err}
		case m == 0:
			return r.buf[:n], nil
		}
		if n += m; n == len(r.buf) {
			if n >= maxFile {
				return nil, &fileError{path, errTooLong}
			}
			r.buf = append(r.buf, make([]byte, len(r.buf))...)
		}
	}
}

// fileError names the file.
type fileError struct {
	path string
	err  error
}

func (e *fileError) Error() string { return e.path + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// line cuts the first line off b.
func line(b []byte) (first, rest []byte) {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

// word cuts the first word off b, and the blanks around it.
func word(b []byte) (first, rest []byte) {
	i := 0
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	j := i
	for j < len(b) && b[j] != ' ' && b[j] != '\t' && b[j] != '\n' {
		j++
	}
	return b[i:j], b[j:]
}

// number reads the digits at the start of b; ok is false where there are none.
// What is too large for 64 bits wraps, as the kernel's counters do.
func number(b []byte) (v uint64, ok bool) {
	i := 0
	for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
		v = v*10 + uint64(b[i]-'0')
	}
	return v, i > 0
}

// numbers reads up to len(v) blank-separated numbers of a line and returns how
// many there were before the first that is none.
func numbers(b []byte, v []uint64) int {
	for i := range v {
		var w []byte
		w, b = word(b)
		n, ok := number(w)
		if !ok {
			return i
		}
		v[i] = n
	}
	return len(v)
}
