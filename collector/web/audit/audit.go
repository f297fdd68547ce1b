// Package audit keeps who asked weir what: one JSON line for every query, export,
// look at payload, change and refusal, in two files of bounded length.
package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What an entry is of.
const (
	Query   = "query"
	Export  = "export"
	Payload = "payload" // octets that somebody sent over the network
	Change  = "change"
	Refused = "refused"
)

// Entry is one thing that somebody did.
type Entry struct {
	At      time.Time `json:"at"`
	Person  string    `json:"person,omitempty"` // "" is nobody who could be named
	Role    string    `json:"role,omitempty"`
	Via     string    `json:"via,omitempty"`
	From    string    `json:"from,omitempty"` // address
	What    string    `json:"what"`
	Method  string    `json:"method"`
	Path    string    `json:"path"`
	Query   string    `json:"query,omitempty"` // as asked, or the body of a change
	Status  int       `json:"status,omitempty"`
	Octets  int64     `json:"octets,omitempty"` // of the answer
	Seconds float64   `json:"seconds,omitempty"`
}

// maxText bounds a path and a query, in octets: what is beyond is cut.
const maxText = 2048

// DefaultMax is the default of Log's max.
const DefaultMax = 16 << 20

// Names of the files: when the first is full it takes the name of the second.
const (
	file  = "audit.jsonl"
	older = "audit.jsonl.1"
)

// Log writes entries. Its methods may be called by any goroutine, and on nil,
// which keeps nothing. Several processes may each have one of the same directory.
type Log struct {
	dir string
	max int64 // octets of each of two files

	mu   sync.Mutex
	f    *os.File
	size int64
	lost uint64
	err  error // of the last write
}

// New returns the audit log in a directory, which is opened by the first entry;
// max bounds each of its two files, 0 is DefaultMax.
func New(dir string, max int64) *Log {
	if max == 0 {
		max = DefaultMax
	}
	return &Log{dir: dir, max: max}
}

func reason(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// open opens the newer file, for itself and for the owner of the directory, who may
// be another: root reads what a service keeps.
func (l *Log) open() error {
	path := filepath.Join(l.dir, file)
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		f, err = os.OpenFile(path, os.O_APPEND|os.O_RDWR, 0)
	case err == nil && os.Geteuid() == 0:
		if dir, serr := os.Stat(l.dir); serr == nil {
			if st, ok := dir.Sys().(*syscall.Stat_t); ok {
				err = f.Chown(int(st.Uid), int(st.Gid))
			}
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err == nil {
		l.f = f
	}
	return err
}

// hold waits for the newer file, as other processes write it too, and learns its
// size. Where it fails, others need not wait.
func (l *Log) hold() error {
	err := l.lock()
	if err != nil && l.f != nil {
		err = errors.Join(err, l.shut())
	}
	return err
}

func (l *Log) lock() error {
	for tries := 100; ; tries-- {
		if l.f == nil {
			err := l.open()
			if _, gone := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) && gone == nil && tries > 0 {
				continue // it was given the other name just now
			}
			if err != nil {
				return err
			}
		}
		if err := unix.Flock(int(l.f.Fd()), unix.LOCK_EX); err != nil {
			return err
		}
		mine, err := l.f.Stat()
		if err != nil {
			return err
		}
		l.size = mine.Size()
		if there, err := os.Stat(filepath.Join(l.dir, file)); err == nil && os.SameFile(mine, there) {
			return l.endLine()
		}
		if err := l.shut(); err != nil {
			return err
		}
	}
}

// shut closes the file, which gives it free.
func (l *Log) shut() error {
	f := l.f
	l.f = nil
	return f.Close()
}

// endLine ends a line that a crash cut, so that the next one can be read.
func (l *Log) endLine() error {
	last := make([]byte, 1)
	if l.size == 0 {
		return nil
	}
	if _, err := l.f.ReadAt(last, l.size-1); err != nil || last[0] == '\n' {
		return err
	}
	n, err := l.f.WriteString("\n")
	l.size += int64(n)
	return err
}

// Put writes one entry. Where it cannot be written that is counted and the error
// says why.
func (l *Log) Put(e Entry) error {
	if l == nil {
		return nil
	}
	e.Path, e.Query = cut(e.Path), cut(e.Query)
	b, err := json.Marshal(e)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err = l.write(append(b, '\n')); l.err != nil {
		l.lost++
		l.err = fmt.Errorf("audit log: %w", reason(l.err))
	}
	return l.err
}

func cut(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

func (l *Log) write(line []byte) error {
	if err := l.hold(); err != nil {
		return err
	}
	if l.size > 0 && l.size+int64(len(line)) > l.max {
		if err := os.Rename(filepath.Join(l.dir, file), filepath.Join(l.dir, older)); err != nil {
			return errors.Join(err, l.shut())
		}
		if err := l.shut(); err != nil {
			return err
		}
		if err := l.hold(); err != nil {
			return err
		}
	}
	n, err := l.f.Write(line)
	l.size += int64(n)
	if err != nil && n > 0 { // half a line is none
		if terr := l.f.Truncate(l.size - int64(n)); terr == nil {
			l.size -= int64(n)
		}
	}
	return errors.Join(err, unix.Flock(int(l.f.Fd()), unix.LOCK_UN))
}

// Stats are the octets of the newer file, its bound, the entries that could not
// be written, and why not, "" where the last was.
func (l *Log) Stats() (size, max int64, lost uint64, problem string) {
	if l == nil {
		return 0, 0, 0, ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		problem = l.err.Error()
	}
	return l.size, l.max, l.lost, problem
}

// Close closes the file.
func (l *Log) Close() error {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	return l.shut()
}

// Last returns the newest n entries that keep wants, the oldest first.
func (l *Log) Last(n int, keep func(*Entry) bool) ([]Entry, error) {
	all := []Entry{}
	if l == nil {
		return all, nil
	}
	for _, name := range []string{older, file} {
		f, err := os.Open(filepath.Join(l.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("audit log: %w", reason(err))
		}
		s := bufio.NewScanner(f)
		s.Buffer(nil, 64<<10)
		for s.Scan() {
			var e Entry
			if json.Unmarshal(bytes.TrimSpace(s.Bytes()), &e) != nil || !keep(&e) { // a line that a crash cut
				continue
			}
			if all = append(all, e); len(all) >= 2*n {
				all = slices.Delete(all, 0, len(all)-n)
			}
		}
		err = s.Err()
		if err := errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("audit log: %w", reason(err))
		}
	}
	return all[max(0, len(all)-n):], nil
}
