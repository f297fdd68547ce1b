// Package netns looks into the network namespaces of routers and floating
// addresses (qrouter-, snat-, fip-) in turn: their packet filters and how full
// their connection tables are. Each is entered once in a stated time, however
// many there are; entering takes CAP_SYS_ADMIN, so it is done only when asked
// for.
package netns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
	"weir/hostagent/source/filter"
)

// Config says which namespaces are looked into.
type Config struct {
	Dir   string        // where they are; empty: /run/netns
	Names []string      // patterns
	Cycle time.Duration // in which each is looked into once
}

// maxNamespaces bounds how many are looked into; further ones are an error.
const maxNamespaces = 4096

// stepEvery is the time between two visits, or between two groups of them where
// there are many: waking the thread costs as much as a visit.
const stepEvery = 500 * time.Millisecond

// Source looks into namespaces. It is a source.Runner.
type Source struct {
	cfg Config
	st  witness.Statement

	mu     sync.Mutex
	rooms  map[string]*room
	err    error
	visits uint64
}

// room is what was last seen in one namespace.
type room struct {
	inode     uint64
	state     filter.State
	conntrack source.Snapshot
	known     bool // state is of this namespace
	err       error
}

// New returns a Source.
func New(cfg Config) *Source {
	if cfg.Dir == "" {
		cfg.Dir = "/run/netns"
	}
	return &Source{cfg: cfg, rooms: map[string]*room{}}
}

// Name implements source.Source.
func (*Source) Name() string { return "netns" }

// Capabilities implements source.Capable.
func (*Source) Capabilities() []int {
	return []int{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN, unix.CAP_NET_RAW}
}

// Collect tells what was last seen in each namespace.
func (s *Source) Collect(_ time.Time, snap *source.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.err
	for _, name := range s.sorted() {
		r := s.rooms[name]
		if r.err != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, r.err)
		}
		if r.known {
			r.state.Append(name, &s.st, snap)
			snap.Append(&r.conntrack)
		}
	}
	return err
}

func (s *Source) sorted() []string {
	names := make([]string, 0, len(s.rooms))
	for n := range s.rooms {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// Run goes round until ctx is done.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	// The thread wanders between namespaces and is nobody else's; it ends with
	// this goroutine rather than be given back in the wrong one.
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- s.round(ctx, sink)
	}()
	return <-done
}

func (s *Source) round(ctx context.Context, sink source.Sink) error {
	for ctx.Err() == nil {
		names, err := s.list()
		s.mu.Lock()
		s.err = err
		for n := range s.rooms {
			if !slices.Contains(names, n) {
				delete(s.rooms, n)
			}
		}
		s.mu.Unlock()
		steps := max(1, min(len(names), int(s.cfg.Cycle/stepEvery)))
		tick := time.NewTicker(s.cfg.Cycle / time.Duration(steps))
		for k := range steps {
			for _, n := range names[len(names)*k/steps : len(names)*(k+1)/steps] {
				s.visit(n, sink)
			}
			select {
			case <-ctx.Done():
			case <-tick.C:
				continue
			}
			break
		}
		tick.Stop()
	}
	return nil
}

// list returns the names of the namespaces to be looked into.
func (s *Source) list() (names []string, err error) {
	entries, err := os.ReadDir(s.cfg.Dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // none was ever made
	}
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		for _, p := range s.cfg.Names {
			if ok, _ := filepath.Match(p, e.Name()); ok {
				names = append(names, e.Name())
				break
			}
		}
	}
	if len(names) > maxNamespaces {
		return names[:maxNamespaces], fmt.Errorf("%d namespaces match, %d are looked into", len(names), maxNamespaces)
	}
	return names, nil
}

// visit enters a namespace, looks, and comes to the next from there: nothing of
// the agent's own namespace is needed in between.
func (s *Source) visit(name string, sink source.Sink) {
	s.mu.Lock()
	r := s.rooms[name]
	if r == nil {
		r = &room{}
		s.rooms[name] = r
	}
	s.visits++
	before, known, inode := r.state, r.known, r.inode
	s.mu.Unlock()

	var now filter.State
	var conntrack source.Snapshot
	id, err := enter(filepath.Join(s.cfg.Dir, name))
	if err == nil {
		if id != inode {
			known = false // another one of the same name
		}
		var last *filter.State
		if known {
			last = &before
		}
		now, err = look(last)
		err = errors.Join(err, filter.AppendConntrack(name, &witness.Statement{}, &conntrack))
	}
	if errors.Is(err, os.ErrNotExist) {
		err = nil // deleted since it was listed
		known = false
	}
	s.mu.Lock()
	r.err = err
	if err == nil {
		r.state, r.conntrack, r.inode, r.known = now, conntrack, id, id != 0
	}
	s.mu.Unlock()
	if err == nil && known {
		filter.Compare(name, &before, &now, sink.Emit)
	}
}

// enter moves the calling thread into a namespace and returns its identity.
func enter(path string) (uint64, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return 0, err
	}
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return 0, fmt.Errorf("enter: %w", err)
	}
	return st.Ino, nil
}

// look reads the packet filter of the thread's namespace.
func look(before *filter.State) (filter.State, error) {
	r, err := filter.NewReader()
	if err != nil {
		return filter.State{}, err
	}
	defer r.Close()
	return r.Read(before)
}
