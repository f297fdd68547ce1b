package service

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// suffix tells a container from a unit or a process of the same name.
const suffix = ".container"

// Bounds of what is watched.
const (
	maxContainers = 4096
	maxGroups     = 4096 // control groups that may hold containers
	maxGroupDepth = 8
	maxLabel      = 128 // octets of a container's name
)

// Times of the watch.
const (
	nameAgain  = time.Second // between two attempts to learn a name
	nameTries  = 10          // of which there are so many
	groupsScan = time.Minute // after which all groups are looked through again
)

// containers watches containers by name. A runtime gives each a control group of
// its own, whose making and removal the kernel tells; names stand in the
// runtimes' files, so that no daemon need be asked.
type containers struct {
	patterns []string
	places   Places

	watches map[int32]string  // folder of a watch of inotify
	running map[string]string // container in a folder
	seen    map[string]bool   // folders, of one scan
	unnamed map[string]int    // containers whose name nobody told yet, and how often they were asked for
	names   map[string]string // of a container, kept for its next start

	mu    sync.Mutex
	state map[string]*contained // by name
}

// contained is what is known of a name.
type contained struct {
	ids   []string // that run
	since time.Time
	count uint64 // of starts that were seen
}

func newContainers(patterns []string, places Places) *containers {
	return &containers{patterns: patterns, places: places.orUsual(), state: map[string]*contained{}}
}

// run watches until ctx is done. What runs when it begins is no event.
func (c *containers) run(ctx context.Context, emit func(source.Event)) error {
	if len(c.patterns) == 0 {
		<-ctx.Done()
		return nil
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("inotify: %w", err)
	}
	f := os.NewFile(uintptr(fd), "inotify")
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	c.begin()
	c.scan(fd, time.Time{}, nil)
	b := make([]byte, 16<<10)
	for next := time.Now().Add(groupsScan); ; {
		wait := next
		if again := time.Now().Add(nameAgain); len(c.unnamed) > 0 && again.Before(next) {
			wait = again
		}
		_ = f.SetReadDeadline(wait)
		if ctx.Err() != nil {
			return nil
		}
		n, err := f.Read(b)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if !c.events(fd, b[:n], now, emit) {
				next = now // some were lost
			}
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("inotify: %w", err)
		}
		c.askNames(now, emit)
		if !now.Before(next) {
			c.scan(fd, now, emit)
			next = now.Add(groupsScan)
		}
	}
}

// begin forgets what an earlier run knew, but for names and counts, and learns of
// the containers that the node has.
func (c *containers) begin() {
	c.watches, c.running, c.unnamed = map[int32]string{}, map[string]string{}, map[string]int{}
	c.names = c.places.all()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.state {
		s.ids, s.since = nil, time.Time{}
	}
	for _, n := range c.names {
		c.named(n)
	}
}

// named returns the state of a name, nil where it is not watched. c is locked.
func (c *containers) named(name string) *contained {
	if s := c.state[name]; s != nil {
		return s
	}
	watched := slices.ContainsFunc(c.patterns, func(p string) bool { ok, err := path.Match(p, name); return ok && err == nil })
	if !watched || len(name) > maxLabel || len(c.state) >= maxContainers {
		return nil
	}
	s := &contained{}
	c.state[name] = s
	return s
}

// scan looks through all control groups. The start of a container that runs at
// the first scan is no event.
func (c *containers) scan(fd int, now time.Time, emit func(source.Event)) {
	c.seen = map[string]bool{}
	c.look(fd, c.places.Cgroup, 0, now, emit)
	for dir := range c.running {
		if !c.seen[dir] {
			c.ended(dir, emit)
		}
	}
	c.seen = nil
}

// look watches a group for groups that are made in it, then takes those that are
// there: one that is made meanwhile is told twice and not missed.
func (c *containers) look(fd int, dir string, depth int, now time.Time, emit func(source.Event)) {
	if depth > maxGroupDepth || len(c.watches) >= maxGroups {
		return
	}
	const what = unix.IN_CREATE | unix.IN_DELETE | unix.IN_ONLYDIR
	wd, err := unix.InotifyAddWatch(fd, dir, what)
	if err != nil {
		return // gone again, or too many: the next scan finds what is made
	}
	c.watches[int32(wd)] = dir
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.IsDir() {
			c.group(fd, filepath.Join(dir, e.Name()), depth+1, now, emit)
		}
	}
}

// group takes a control group: a container, or one that may hold some.
func (c *containers) group(fd int, dir string, depth int, now time.Time, emit func(source.Event)) {
	name := filepath.Base(dir)
	if id, ok := containerID(name); ok {
		c.begun(dir, id, now, emit)
	} else if holds(name) {
		c.look(fd, dir, depth, now, emit)
	}
}

// holds reports whether a control group may hold containers: slices, and what
// runtimes without systemd make.
func holds(group string) bool {
	switch group {
	case "docker", "libpod_parent", "kubepods", "burstable", "besteffort", "machine", "k8s.io", "default":
		return true
	}
	return strings.HasSuffix(group, ".slice") || strings.HasPrefix(group, "pod")
}

// events takes what inotify told; it reports whether that is all.
func (c *containers) events(fd int, b []byte, now time.Time, emit func(source.Event)) bool {
	whole := true
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		mask, n := binary.NativeEndian.Uint32(b[4:]), int(binary.NativeEndian.Uint32(b[12:]))
		n = min(n, len(b)-unix.SizeofInotifyEvent)
		name, _, _ := strings.Cut(string(b[unix.SizeofInotifyEvent:][:n]), "\x00")
		b = b[unix.SizeofInotifyEvent+n:]
		dir, known := c.watches[wd]
		switch {
		case mask&unix.IN_Q_OVERFLOW != 0:
			whole = false
		case mask&unix.IN_IGNORED != 0:
			delete(c.watches, wd)
		case !known || mask&unix.IN_ISDIR == 0:
		case mask&unix.IN_CREATE != 0:
			depth := strings.Count(dir[len(c.places.Cgroup):], "/") + 1
			c.group(fd, filepath.Join(dir, name), depth, now, emit)
		case mask&unix.IN_DELETE != 0:
			c.ended(filepath.Join(dir, name), emit)
		}
	}
	return whole
}

// begun notes the group of a container.
func (c *containers) begun(dir, id string, now time.Time, emit func(source.Event)) {
	if c.seen != nil {
		c.seen[dir] = true
	}
	if c.running[dir] != "" || len(c.running) >= maxContainers {
		return
	}
	c.running[dir] = id
	c.starts(id, now, emit)
}

// starts tells that a container runs, as soon as its name is known.
func (c *containers) starts(id string, now time.Time, emit func(source.Event)) {
	name := c.names[id]
	if name == "" {
		if name = c.places.name(id); name == "" {
			c.unnamed[id]++
			return
		}
		if len(c.names) >= maxContainers {
			clear(c.names) // of those that are gone
		}
		c.names[id] = name
	}
	delete(c.unnamed, id)
	c.mu.Lock()
	s := c.named(name)
	if s == nil || slices.Contains(s.ids, id) {
		c.mu.Unlock()
		return
	}
	s.ids = append(s.ids, id)
	first := len(s.ids) == 1
	if first {
		s.since = now
		if emit != nil {
			s.count++
		}
	}
	c.mu.Unlock()
	if first && emit != nil {
		emit(source.Event{Name: witness.ServiceStarted, Subject: name + suffix, At: now})
	}
}

// askNames asks again for names that were not told.
func (c *containers) askNames(now time.Time, emit func(source.Event)) {
	for id, tries := range c.unnamed {
		if c.starts(id, now, emit); tries >= nameTries {
			delete(c.unnamed, id)
		}
	}
}

// ended notes that the group of a container is gone.
func (c *containers) ended(dir string, emit func(source.Event)) {
	id := c.running[dir]
	if id == "" {
		return
	}
	delete(c.running, dir)
	delete(c.unnamed, id)
	name := c.names[id]
	c.mu.Lock()
	s := c.state[name]
	if s == nil || !slices.Contains(s.ids, id) {
		c.mu.Unlock()
		return
	}
	s.ids = slices.DeleteFunc(s.ids, func(v string) bool { return v == id })
	last := len(s.ids) == 0
	if last {
		s.since = time.Time{}
	}
	c.mu.Unlock()
	if last && emit != nil {
		emit(source.Event{Name: witness.ServiceStopped, Subject: name + suffix})
	}
}

// append adds the state of each name that the node has.
func (c *containers) append(st *witness.Statement, snap *source.Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(c.state)) {
		s := c.state[n]
		st.Begin(witness.ClassService, n+suffix)
		state := "inactive"
		if len(s.ids) > 0 {
			state = "active"
		}
		st.Add(witness.String(witness.State, state))
		if !s.since.IsZero() {
			st.Add(witness.Counter64(witness.Since, uint64(s.since.Unix())))
		}
		st.Add(witness.Gauge64(witness.Restarts, s.count))
		snap.State(st)
	}
}

// active returns how many containers of watched names run.
func (c *containers) active() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.state {
		if len(s.ids) > 0 {
			n++
		}
	}
	return n
}
