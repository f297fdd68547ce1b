package service

import (
	"context"
	"errors"
	"sync"
	"time"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Config says what is watched.
type Config struct {
	Units     []string // of systemd; a name without a dot is a service
	Processes []string // names as /proc/PID/comm has them, at most 15 octets
	Proc      string   // where proc is; empty: /proc

	Containers []string // patterns of their names
	Places     Places   // where containers are kept
}

// Source watches units, processes and containers. It is a source.Runner.
type Source struct {
	units      *units
	processes  *processes
	containers *containers
	st         witness.Statement

	mu    sync.Mutex
	bus   error // why units are not watched
	boxes error // why containers are not
}

// New returns a Source.
func New(cfg Config) *Source {
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	return &Source{units: newUnits(cfg.Units), processes: newProcesses(cfg.Proc, cfg.Processes),
		containers: newContainers(cfg.Containers, cfg.Places)}
}

// Name implements source.Source.
func (*Source) Name() string { return "service" }

// Collect tells the state of each, and returns why some are not watched.
func (s *Source) Collect(_ time.Time, snap *source.Snapshot) error {
	s.units.append(&s.st, snap)
	s.processes.append(&s.st, snap)
	s.containers.append(&s.st, snap)
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.bus, s.boxes)
}

// Runs reports whether a process of that name runs; known is false where it is
// not watched.
func (s *Source) Runs(name string) (is, known bool) { return s.processes.runs(name) }

// watchContainers watches containers until ctx is done.
func (s *Source) watchContainers(ctx context.Context, sink source.Sink) {
	for ctx.Err() == nil {
		err := s.containers.run(ctx, sink.Emit)
		s.mu.Lock()
		s.boxes = err
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(busPause):
		}
	}
}

// busPause is the time between two attempts to reach systemd.
const busPause = 5 * time.Second

// Run watches until ctx is done. Where systemd cannot be reached, processes are
// watched alone.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.watchUnits(ctx, sink) })
	wg.Go(func() { s.watchContainers(ctx, sink) })
	defer wg.Wait()
	defer cancel()
	return s.processes.run(ctx, sink.Emit)
}

// watchUnits watches units until ctx is done.
func (s *Source) watchUnits(ctx context.Context, sink source.Sink) {
	for len(s.units.names) > 0 && ctx.Err() == nil {
		err := s.units.run(ctx, sink.Emit)
		if errors.Is(err, source.ErrAbsent) {
			err = nil // processes are watched: that is no half measure
		}
		s.mu.Lock()
		s.bus = err
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(busPause):
		}
	}
}
