package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Config says what is watched.
type Config struct {
	Files    []string // paths, with * for anything
	Services []string // configurations that say at which level a service logs

	// Runs reports whether a process of that name runs; known is false where
	// nobody watches it. It may be nil.
	Runs func(name string) (is, known bool)
}

// maxFiles bounds the files that patterns match; further ones are an error.
const maxFiles = 256

// Source watches logs. It is a source.Runner.
type Source struct {
	cfg Config
	st  witness.Statement

	mu      sync.Mutex
	files   []*file // by path
	configs []config
	err     error
	looked  bool
}

// file is one log.
type file struct {
	path    string
	inode   uint64
	size    int64
	written uint64 // octets it has grown by since it was first seen
	there   bool
}

// config is one service's configuration.
type config struct{ path, level string }

// New returns a Source.
func New(cfg Config) *Source {
	s := &Source{cfg: cfg}
	for _, p := range cfg.Services {
		s.configs = append(s.configs, config{path: p})
	}
	return s
}

// Name implements source.Source.
func (*Source) Name() string { return "logs" }

// writers are the processes that write logs and are told by name.
var writers = [...]string{"systemd-journald", "rsyslogd", "auditd"}

// Collect tells each log that there is.
func (s *Source) Collect(_ time.Time, snap *source.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.files {
		if !f.there {
			continue
		}
		s.st.Begin(witness.ClassLog, f.path)
		s.st.Add(witness.Counter64(witness.Bytes, f.written), witness.Gauge64(witness.Size, uint64(f.size)), witness.Gauge64(witness.Inode, f.inode))
		snap.State(&s.st)
	}
	for _, c := range s.configs {
		if c.level != "" {
			s.st.Begin(witness.ClassLog, c.path)
			s.st.Add(witness.String(witness.Level, c.level))
			snap.State(&s.st)
		}
	}
	for _, w := range writers {
		if s.cfg.Runs == nil {
			break
		}
		if is, known := s.cfg.Runs(w); known {
			s.st.Begin(witness.ClassLog, w)
			s.st.Add(witness.String(witness.Writer, map[bool]string{true: "running", false: "stopped"}[is]))
			snap.State(&s.st)
		}
	}
	return s.err
}

// Times of the watch.
const (
	lookEvery  = 5 * time.Second
	matchEvery = 2 // looks between two searches for files that match
)

// Run watches until ctx is done. What it finds first is no event.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	tick := source.NewTicker(lookEvery)
	defer tick.Stop()
	emit := func(source.Event) {}
	for n := 0; ; n++ {
		s.look(n%matchEvery == 0, emit)
		emit = sink.Emit
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look looks at every file once.
func (s *Source) look(match bool, emit func(source.Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failed []error
	if match {
		failed = append(failed, s.match())
		for i := range s.configs {
			failed = append(failed, s.configs[i].look(emit))
		}
		s.err = nil
	}
	for _, f := range s.files {
		failed = append(failed, f.look(!s.looked, emit))
	}
	s.looked = true
	s.err = errors.Join(append(failed, s.err)...)
}

// match finds files that the patterns match now.
func (s *Source) match() error {
	for _, pattern := range s.cfg.Files {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("logs: %q: %w", pattern, err)
		}
		for _, p := range found {
			if slices.ContainsFunc(s.files, func(f *file) bool { return f.path == p }) {
				continue
			}
			if len(s.files) >= maxFiles {
				return fmt.Errorf("logs: more than %d files match", maxFiles)
			}
			s.files = append(s.files, &file{path: p})
		}
	}
	return nil
}

// look takes the file's size. A new file under the name is its successor, which
// is how logs are rotated; the same file with less in it was cut.
func (f *file) look(first bool, emit func(source.Event)) error {
	var st unix.Stat_t
	err := unix.Stat(f.path, &st)
	if errors.Is(err, os.ErrNotExist) || err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		f.there = false
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	size, was := st.Size, f.size
	switch {
	case f.inode == 0 && first: // what is there at the start was written before
	case f.inode != st.Ino:
		f.written += uint64(size)
	case size >= was:
		f.written += uint64(size - was)
	default:
		f.written += uint64(size)
		emit(source.Event{Name: witness.LogTruncated, Subject: f.path,
			Before: strconv.FormatInt(was, 10), After: strconv.FormatInt(size, 10)})
	}
	f.inode, f.size, f.there = st.Ino, size, true
	return nil
}

// look reads the level again.
func (c *config) look(emit func(source.Event)) error {
	l, err := level(c.path)
	if err != nil {
		return err
	}
	if c.level != "" && l != "" && l != c.level {
		emit(source.Event{Name: witness.LogLevelChanged, Subject: c.path, Before: c.level, After: l})
	}
	c.level = l
	return nil
}
