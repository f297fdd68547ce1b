package ovs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// vswitchState is what is known of ovs-vswitchd.
type vswitchState int

const (
	vswitchUnknown vswitchState = iota
	vswitchUp
	vswitchDown
)

// A bridge's flows are told as emptied when none are left, or fewer than a tenth
// of at least minFlows.
const minFlows = 20

// afterEnd is how long the end of a connection is not believed: the database
// tells first where only the bridge went.
const afterEnd = 20 * time.Millisecond

// rarely is every how many looks the flows of a bridge without instances are
// counted.
const rarely = 5

// patience is how many looks in a row must find no socket of a bridge that never
// had one before ovs-vswitchd is held to be down: it makes them a little after
// the database has the bridge.
const patience = 3

// flowCount is what is known of a bridge's flows.
type flowCount struct {
	n        uint64
	answered bool
	asks     int // since the last answer; the count is old after two
}

// watchFlows keeps a connection to each bridge and asks for its flows. It tells
// when ovs-vswitchd ends or begins.
func (s *Source) watchFlows(ctx context.Context, sink source.Sink) {
	s.watching.Lock()
	defer s.watching.Unlock()
	s.mu.Lock()
	v := s.view
	s.mu.Unlock()
	if v == nil {
		return
	}
	var alive, dead, missing int
	var denied error
	s.looks++
	for _, name := range sorted(v.bridges) {
		f, had, err := s.flowsOf(ctx, name, sink)
		switch {
		case f != nil:
			alive++
			if s.looks%rarely != 0 && v.bridges[name].count().instances == 0 {
				continue
			}
			s.mu.Lock()
			c := s.counts[name]
			c.asks++
			s.counts[name] = c
			s.mu.Unlock()
			f.ask()
		case errors.Is(err, fs.ErrPermission):
			denied = fmt.Errorf("ovs: flows of %s: %w: the agent needs CAP_DAC_OVERRIDE", name, err)
		case errors.Is(err, fs.ErrNotExist) && !had:
			missing++
		case err != nil:
			dead++
		}
	}
	s.forget(v)
	s.mu.Lock()
	s.denied = denied
	s.mu.Unlock()
	if s.missing++; missing == 0 || alive > 0 {
		s.missing = 0
	}
	switch {
	case alive > 0:
		s.vswitchd(vswitchUp, sink)
	case dead > 0 || s.missing >= patience:
		s.vswitchd(vswitchDown, sink)
	}
}

// forget ends the connections to bridges that are no more.
func (s *Source) forget(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, f := range s.flows {
		if v.bridges[name] == nil {
			f.close()
			delete(s.flows, name)
		}
	}
	for name := range s.counts {
		if v.bridges[name] == nil {
			delete(s.counts, name)
		}
	}
}

// flowsOf returns the bridge's connection, a new one where there is none; had
// says that there was one before.
func (s *Source) flowsOf(ctx context.Context, name string, sink source.Sink) (f *flowConn, had bool, err error) {
	s.mu.Lock()
	f = s.flows[name]
	s.mu.Unlock()
	if f != nil {
		select {
		case <-f.gone:
			had = true
		default:
			return f, true, nil
		}
	}
	if strings.ContainsRune(name, '/') || name == "" {
		return nil, had, nil
	}
	f, err = dialFlows(filepath.Join(s.opts.RunDir, name+".mgmt"), name, func(n uint64) { s.counted(name, n, sink) })
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		return nil, had, err
	}
	s.flows[name] = f
	c := s.counts[name]
	c.answered = false // by this one
	s.counts[name] = c
	go s.attend(ctx, f, sink)
	return f, had, nil
}

// attend waits for the end of a connection and looks why: it is how the end of
// ovs-vswitchd is noticed at once.
func (s *Source) attend(ctx context.Context, f *flowConn, sink source.Sink) {
	select {
	case <-ctx.Done():
		f.close()
		return
	case <-f.gone:
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(afterEnd):
	}
	s.mu.Lock()
	ours := s.flows[f.bridge] == f && s.view != nil && s.view.bridges[f.bridge] != nil
	s.mu.Unlock()
	if ours {
		s.watchFlows(ctx, sink)
	}
}

// vswitchd takes what is known of ovs-vswitchd and tells it where it is news.
func (s *Source) vswitchd(now vswitchState, sink source.Sink) {
	s.mu.Lock()
	was := s.vswitch
	s.vswitch = now
	if was == now || was == vswitchUnknown && now == vswitchUp {
		s.mu.Unlock()
		return
	}
	var out source.Snapshot
	var st witness.Statement
	for _, name := range sorted(s.view.bridges)[:min(len(s.view.bridges), 32)] {
		s.state(&out, &st, s.view.bridges[name])
	}
	s.mu.Unlock()
	e := source.Event{Name: witness.OVSUp, Subject: subjectVSwitchd, State: &out}
	if now == vswitchDown {
		e.Name = witness.OVSDown
	}
	sink.Emit(e)
}

// counted takes a count of a bridge's flows and tells where they are gone.
func (s *Source) counted(name string, now uint64, sink source.Sink) {
	s.mu.Lock()
	was := s.counts[name]
	s.counts[name] = flowCount{n: now, answered: true}
	b := s.view.bridges[name]
	if b == nil || was.n == 0 || now > 0 && (was.n < minFlows || now >= was.n/10) {
		s.mu.Unlock()
		return
	}
	var out source.Snapshot
	var st witness.Statement
	s.state(&out, &st, b)
	s.mu.Unlock()
	sink.Emit(source.Event{
		Name: witness.OVSFlowsEmptied, Subject: name, State: &out,
		Before: strconv.FormatUint(was.n, 10), After: strconv.FormatUint(now, 10),
	})
}

// closeFlows ends all connections.
func (s *Source) closeFlows() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, f := range s.flows {
		f.close()
		delete(s.flows, name)
	}
}
