package neighbour

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
	"weir/hostagent/source/listen"
)

// Source tells how instances get and keep their addresses. It is a
// source.Runner.
type Source struct {
	links *link.Table
	taps  link.Kind // of the interfaces that instances are behind
	st    witness.Statement

	mu      sync.Mutex
	tracker *tracker
	covered func() map[uint32]bool
	nobody  func() map[string]bool
	emit    func(source.Event) // nil while Run does not run
	err     error
	lost    uint64 // frames for which there was no room
}

// Covered tells the Source which interfaces need no socket of its own, because
// somebody who listens there anyway gives their packets to Frame.
func (s *Source) Covered(by func() map[uint32]bool) { s.covered = by }

// Nobody tells the Source by their names which interfaces have no instance behind
// them although they are taps: what a bridge of a userspace datapath hands to the
// node comes in there, everybody's ARP among it.
func (s *Source) Nobody(by func() map[string]bool) { s.nobody = by }

// Frame takes a frame that came in on an interface. Frames other than ARP and
// DHCP are passed over; b is not kept.
func (s *Source) Frame(ifIndex uint32, b []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.emit != nil {
		s.tracker.frame(ifIndex, b, time.Now(), s.emit)
	}
}

// New returns a Source that listens on the taps and network cards among links.
func New(links *link.Table) *Source {
	return &Source{links: links, taps: link.Tap, tracker: newTracker()}
}

// Name implements source.Source.
func (*Source) Name() string { return "neighbour" }

// Capabilities implements source.Capable.
func (*Source) Capabilities() []int { return []int{unix.CAP_NET_RAW} }

// Collect tells of each tap how often its instance was asked for and answered.
func (s *Source) Collect(_ time.Time, snap *source.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.tracker.ports {
		s.st.Begin(witness.ClassNeighbour, p.name)
		s.st.Add(witness.Counter64(witness.Requests, p.requests), witness.Counter64(witness.Answers, p.answers))
		snap.State(&s.st)
	}
	return s.err
}

// lookEvery is the time between two looks for new taps and unanswered requests.
const lookEvery = time.Second

// staleAfter is how old the list of interfaces may be: the source of their
// counters reads it every second.
const staleAfter = 3 * time.Second

// Run listens until ctx is done.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	l, err := listen.New(listen.Config{Filter: filter, Each: s.Frame})
	if err != nil {
		return err
	}
	s.setEmit(sink.Emit)
	defer s.setEmit(nil)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	defer func() {
		cancel()
		<-ended
		s.addLost(l.Dropped())
	}()
	tick := source.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		s.look(time.Now(), l, sink.Emit)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Tell implements source.Teller.
func (s *Source) Tell(t *source.Telling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.FramesLost = s.lost
}

// addLost counts what a Listener dropped; it is asked without the lock, which it
// takes itself while it gives frames.
func (s *Source) addLost(n uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost += n
}

func (s *Source) setEmit(emit func(source.Event)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.emit = emit
}

// look finds the taps and tells what nobody answers.
func (s *Source) look(now time.Time, l *listen.Listener, emit func(source.Event)) {
	_ = s.links.Refresh(now, staleAfter) // its failure is told by the source whose table it is
	covered := map[uint32]bool{}
	if s.covered != nil {
		covered = s.covered()
	}
	var nobody map[string]bool
	if s.nobody != nil {
		nobody = s.nobody()
	}
	taps := map[uint32]string{}
	var all []uint32
	s.links.Each(func(i *link.Info) bool {
		if i.Kind == s.taps && !nobody[i.Name] {
			taps[i.Index] = i.Name
		} else if i.Kind != link.Physical {
			return true
		}
		if !covered[i.Index] {
			all = append(all, i.Index)
		}
		return true
	})
	err := l.Set(all)
	s.addLost(l.Dropped())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tracker.set(taps)
	s.tracker.check(now, emit)
	s.err = err
}
