// Package ovs is the source that tells of Open vSwitch: its bridges and ports
// with the instances behind them, whether its sFlow rows are still as they were,
// how many flows its bridges forward by, and whether ovs-vswitchd lives.
//
// It watches the database over its socket, where every change is told within
// milliseconds with its cause, and holds an OpenFlow connection to each bridge,
// which counts flows and ends when ovs-vswitchd does. It writes nothing, unless
// the configuration tells it to keep sFlow rows.
package ovs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Subjects of ovs_down and ovs_up.
const (
	subjectDB       = "ovsdb"
	subjectVSwitchd = "ovs-vswitchd"
)

const (
	deadline = 5 * time.Second // of a call
	minRetry = 100 * time.Millisecond
	maxRetry = time.Second
	// countFlows is how often flows are counted.
	countFlows = time.Second
)

// Options of a Source. The zero value is right for a compute node.
type Options struct {
	RunDir string // of Open vSwitch's sockets; empty: /run/openvswitch
	Keep   []Keep // sFlow rows to keep
}

// Source tells of the node's Open vSwitch. Its methods may be called from
// several goroutines.
type Source struct {
	opts Options

	mu      sync.Mutex
	db      *database // nil where there is none
	err     error     // why there is none; nil before the first attempt
	view    *view     // the last one; kept over a loss of the database
	contact time.Time // of the last answer to a poll
	flows   map[string]*flowConn
	counts  map[string]flowCount
	vswitch vswitchState
	denied  error // why flows cannot be counted
	keeper  keeper

	portsDue int             // polls until the ports are told
	again    bool            // the next poll tells all ports, after a change
	told     map[string]port // as each port was last told

	watching sync.Mutex // of watchFlows
	looks    int
	missing  int // looks in a row that found no bridge's socket

	st witness.Statement // of Collect alone
}

// New returns a Source. It connects in Run.
func New(o Options) *Source {
	if o.RunDir == "" {
		o.RunDir = "/run/openvswitch"
	}
	return &Source{opts: o, flows: map[string]*flowConn{}, counts: map[string]flowCount{}, told: map[string]port{}, keeper: newKeeper(o.Keep)}
}

// Name returns "ovs".
func (s *Source) Name() string { return "ovs" }

// Capabilities are needed because Open vSwitch's sockets are root's alone.
func (s *Source) Capabilities() []int { return []int{unix.CAP_DAC_OVERRIDE} }

// Tell adds the time of the database's last answer to the heartbeat.
func (s *Source) Tell(t *source.Telling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.OVSContact = s.contact
}

// Internal returns the names of the interfaces that Open vSwitch has made itself:
// each bridge's own, and others of type internal. They are as they were last
// while the database is away.
func (s *Source) Internal() map[string]bool {
	s.mu.Lock()
	v := s.view // never changed
	s.mu.Unlock()
	names := map[string]bool{}
	if v == nil {
		return names
	}
	for _, b := range v.bridges {
		names[b.name] = true
		for _, p := range b.ports {
			if p.kind == "internal" {
				names[p.name] = true
			}
		}
	}
	return names
}

// socket returns the path of the database's socket.
func (s *Source) socket() string { return filepath.Join(s.opts.RunDir, "db.sock") }

// Run keeps the connections and tells what happens until ctx is done. It returns
// ErrAbsent, wrapped, where there is no socket and never was one.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	defer s.closeFlows()
	retry := minRetry
	up, known := false, false // as it was told last
	for {
		db, err := dial(ctx, s.socket())
		if err == nil {
			if known && !up {
				sink.Emit(source.Event{Name: witness.OVSUp, Subject: subjectDB})
			}
			up, known, retry = true, true, minRetry
			err = s.serve(ctx, db, sink)
			db.close()
		}
		if ctx.Err() != nil {
			return nil
		}
		s.lost(err)
		switch {
		case !known && errors.Is(err, source.ErrAbsent):
			return err
		case up || !known:
			sink.Emit(source.Event{Name: witness.OVSDown, Subject: subjectDB, Reason: err.Error()})
			up, known = false, true
		}
		if !s.wait(ctx, retry, sink) {
			return nil
		}
		retry = min(2*retry, maxRetry)
	}
}

// wait waits while the database is away; flows are counted all the same.
func (s *Source) wait(ctx context.Context, d time.Duration, sink source.Sink) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		s.watchFlows(ctx, sink)
		return true
	}
}

// lost notes why there is no database.
func (s *Source) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.db, s.err = nil, err
}

// serve tells what changed since the view before, then every change, until the
// database is gone.
func (s *Source) serve(ctx context.Context, db *database, sink source.Sink) error {
	tick := source.NewTicker(countFlows)
	defer tick.Stop()
	s.refresh(db, sink)
	s.watchFlows(ctx, sink)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-db.gone:
			return db.reason()
		case <-db.changed:
			bridges := s.refresh(db, sink)
			s.keep(ctx, db)
			if bridges {
				s.watchFlows(ctx, sink)
			}
			// Where a thousand ports are made one after the other, they are read
			// several at a time.
			time.Sleep(min(time.Duration(s.view.size)*10*time.Microsecond, 20*time.Millisecond))
		case <-tick.C:
			s.keep(ctx, db)
			s.watchFlows(ctx, sink)
		}
	}
}

// refresh reads the database's copy and tells what is new in it; it reports
// whether a bridge is.
func (s *Source) refresh(db *database, sink source.Sink) (bridges bool) {
	v := db.view()
	s.mu.Lock()
	old := s.view
	s.db, s.err, s.view, s.again = db, nil, v, true
	changes := v.since(old)
	s.keeper.explain(changes)
	s.mu.Unlock()
	for i := range changes {
		s.emit(sink, &changes[i])
		bridges = bridges || changes[i].name == witness.OVSBridgeAdded || changes[i].name == witness.OVSBridgeRemoved
	}
	return bridges
}

// absentOr makes ErrAbsent of an error that says so.
func absentOr(path string, err error) error {
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("ovs: no socket %s: %w", path, source.ErrAbsent)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("ovs: %w: the agent needs CAP_DAC_OVERRIDE, or the group that owns the socket", err)
	}
	return fmt.Errorf("ovs: %w", err)
}
