package service

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// maxHeld bounds how many processes of watched names are waited for.
const maxHeld = 1024

// commLen is the most octets of a process' name that the kernel keeps.
const commLen = 15

// processes watches processes by name.
type processes struct {
	proc  string // where proc is
	names []string

	known map[int]int // pids whose name was read, and how often
	held  []process   // of watched names
	scans int

	mu    sync.Mutex
	state map[string]*running
}

// process is one process of a watched name.
type process struct {
	pid  int
	name string
	fd   int // pidfd; -1 where the kernel has none
	seen bool
}

// running is what is known of a name.
type running struct {
	pids  []int
	since time.Time // of the first one; zero where none runs
	count uint64    // of starts after the first
}

func newProcesses(proc string, names []string) *processes {
	p := &processes{proc: proc, known: map[int]int{}, state: map[string]*running{}}
	for _, n := range names {
		n = n[:min(len(n), commLen)]
		if n != "" && p.state[n] == nil {
			p.names = append(p.names, n)
			p.state[n] = &running{}
		}
	}
	return p
}

// Times of the watch.
const (
	scanEvery  = time.Second            // between two looks for processes that have begun
	waitAtMost = 250 * time.Millisecond // for the end of a process, before ctx is asked again
	// A process has another name until it runs its program, which a container's
	// first script may take a while to do.
	youngScans = 30 // scans in which the name of a new process is read
	allScans   = 60 // scans after which every name is read
)

// Bits of what is known of a process: how often its name was read, and that it is
// waited for.
const (
	heldBit = 1 << 16
)

// run watches until ctx is done. What runs when it begins is no event.
func (p *processes) run(ctx context.Context, emit func(source.Event)) error {
	if len(p.names) == 0 {
		<-ctx.Done()
		return nil
	}
	defer p.release()
	tick := source.NewTicker(scanEvery)
	defer tick.Stop()
	if err := p.scan(time.Time{}, nil); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			if err := p.scan(now, emit); err != nil {
				return err
			}
		default:
			p.wait(waitAtMost, emit)
		}
	}
}

// scan reads the names of processes that were not there before.
func (p *processes) scan(now time.Time, emit func(source.Event)) error {
	dir, err := os.Open(p.proc)
	if err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	defer dir.Close()
	entries, err := dir.Readdirnames(-1)
	if err != nil {
		return fmt.Errorf("processes: %w", err)
	}
	there := make(map[int]int, len(p.known))
	all := p.scans%allScans == 0
	first := p.scans == 0
	p.scans++
	for i := range p.held {
		p.held[i].seen = false
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e)
		if err != nil {
			continue
		}
		reads := p.known[pid]
		switch {
		case reads >= heldBit:
			for i := range p.held {
				if p.held[i].pid == pid {
					p.held[i].seen = true
				}
			}
		case reads < youngScans || all:
			reads++
			if first {
				reads = youngScans // most of them are old
			}
			if p.begun(pid, now, emit) {
				reads = heldBit
			}
		}
		there[pid] = reads
	}
	p.known = there
	// What the kernel did not tell by pidfd.
	for i := len(p.held) - 1; i >= 0; i-- {
		if h := &p.held[i]; !h.seen && there[h.pid] == 0 {
			p.ended(i, emit)
		}
	}
	return nil
}

// begun looks at a process and reports whether it is waited for now.
func (p *processes) begun(pid int, now time.Time, emit func(source.Event)) bool {
	b, err := os.ReadFile(filepath.Join(p.proc, strconv.Itoa(pid), "comm"))
	if err != nil {
		return false // gone again
	}
	name := strings.TrimSuffix(string(b), "\n")
	if p.state[name] == nil || len(p.held) >= maxHeld {
		return false
	}
	h := process{pid: pid, name: name, fd: -1, seen: true}
	if fd, err := unix.PidfdOpen(pid, 0); err == nil {
		h.fd = fd
	}
	p.held = append(p.held, h)
	p.mu.Lock()
	s := p.state[name]
	s.pids = append(s.pids, pid)
	first := len(s.pids) == 1
	if first {
		s.since = now
		if emit != nil {
			s.count++
		}
	}
	p.mu.Unlock()
	if first && emit != nil {
		emit(source.Event{Name: witness.ServiceStarted, Subject: name, PID: uint32(pid)})
	}
	return true
}

// ended takes process i off the list, and tells where it was the last of its
// name.
func (p *processes) ended(i int, emit func(source.Event)) {
	h := p.held[i]
	if h.fd >= 0 {
		_ = unix.Close(h.fd)
	}
	p.held = slices.Delete(p.held, i, i+1)
	delete(p.known, h.pid) // the number may be given again
	p.mu.Lock()
	s := p.state[h.name]
	s.pids = slices.DeleteFunc(s.pids, func(pid int) bool { return pid == h.pid })
	last := len(s.pids) == 0
	if last {
		s.since = time.Time{}
	}
	p.mu.Unlock()
	if last && emit != nil {
		emit(source.Event{Name: witness.ServiceStopped, Subject: h.name, PID: uint32(h.pid)})
	}
}

// wait waits for the end of a process, at most for d.
func (p *processes) wait(d time.Duration, emit func(source.Event)) {
	fds := make([]unix.PollFd, 0, len(p.held))
	index := make([]int, 0, len(p.held))
	for i := range p.held {
		if p.held[i].fd >= 0 {
			fds = append(fds, unix.PollFd{Fd: int32(p.held[i].fd), Events: unix.POLLIN})
			index = append(index, i)
		}
	}
	n, err := unix.Poll(fds, int(d/time.Millisecond))
	if n <= 0 || err != nil {
		return
	}
	for k := len(fds) - 1; k >= 0; k-- {
		if fds[k].Revents != 0 {
			p.ended(index[k], emit)
		}
	}
}

func (p *processes) release() {
	for _, h := range p.held {
		if h.fd >= 0 {
			_ = unix.Close(h.fd)
		}
	}
	p.held = nil
	p.known = map[int]int{}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.state {
		*s = running{count: s.count}
	}
}

// append adds the state of each name.
func (p *processes) append(st *witness.Statement, snap *source.Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.names {
		s := p.state[n]
		st.Begin(witness.ClassService, n)
		if len(s.pids) == 0 {
			st.Add(witness.String(witness.State, "inactive"))
		} else {
			st.Add(witness.String(witness.State, "active"), witness.Gauge32(witness.PID, uint32(s.pids[0])))
		}
		if !s.since.IsZero() {
			st.Add(witness.Counter64(witness.Since, uint64(s.since.Unix())))
		}
		st.Add(witness.Gauge64(witness.Restarts, s.count))
		snap.State(st)
	}
}

// runs reports whether a process of that name runs; known is false where nobody
// watches it.
func (p *processes) runs(name string) (is, known bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.state[name[:min(len(name), commLen)]]
	return s != nil && len(s.pids) > 0, s != nil
}
