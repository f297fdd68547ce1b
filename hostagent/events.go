package hostagent

import (
	"context"
	"sync"
	"time"

	"weir/decoder/witness"
	"weir/hostagent/export"
	"weir/hostagent/source"
)

// maxPending bounds the events that wait for their repetition; of further ones
// only the first sending leaves, and they are counted.
const maxPending = 4096

// When an event is sent again after the first time.
var again = [witness.Repeats - 1]time.Duration{200 * time.Millisecond, time.Second}

// events is the Sink of all sources.
type events struct {
	id     identity
	packer *export.Packer
	wake   chan struct{}

	mu       sync.Mutex
	signer   *witness.Signer
	st       witness.Statement
	words    words
	n        uint64
	pending  [len(again)][]told // in the order they are due
	unheard  uint64             // events that are not repeated
	overflow uint64             // samples that sources could not tell
}

// told is an event that was sent and waits to be sent again.
type told struct {
	event source.Event
	id    string
	due   time.Time
	first time.Time
}

func newEvents(id identity, packer *export.Packer, key []byte) *events {
	return &events{id: id, packer: packer, signer: witness.NewSigner(key), words: words{}, wake: make(chan struct{}, 1)}
}

// Emit sends e at once and keeps it for its repetitions.
func (s *events) Emit(e source.Event) {
	now := time.Now()
	if e.At.IsZero() {
		e.At = now
	}
	if e.State != nil {
		state := &source.Snapshot{}
		state.Append(e.State)
		e.State = state
	}
	s.mu.Lock()
	s.n++
	t := told{event: e, id: s.id.event(s.n), due: now.Add(again[0]), first: now}
	s.send(&t, 0)
	s.words.end(&e, now)
	if len(s.pending[0])+len(s.pending[1]) < maxPending {
		s.words.hold(e.State, now)
		s.pending[0] = append(s.pending[0], t)
	} else {
		s.unheard++
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// send packs repetition n of t, and with it the state that came with the event:
// what was said of an entity since is not taken back, and counters are not told
// again a second later, when they would look like a second without a packet.
func (s *events) send(t *told, n int) {
	if state := t.event.State; state != nil {
		if n > 0 {
			s.words.retain(state, t.first, n < len(again))
		}
		s.packer.Add(state, true)
	}
	t.event.Append(&s.st, t.id, n)
	s.signer.Sign(&s.st)
	s.packer.Sample(&s.st, true)
}

// Push sends what is in snap at once.
func (s *events) Push(snap *source.Snapshot) {
	s.polled(snap, time.Now())
	s.packer.Add(snap, true)
	if n := snap.Overflow(); n > 0 {
		s.mu.Lock()
		s.overflow += uint64(n)
		s.mu.Unlock()
	}
}

// polled is told what a source said at the time now, before it is sent.
func (s *events) polled(snap *source.Snapshot, now time.Time) {
	s.mu.Lock()
	s.words.said(snap, now)
	s.mu.Unlock()
}

// run sends the repetitions until ctx is done.
func (s *events) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if next, any := s.repeat(time.Now()); any {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.wake:
		}
	}
}

// repeat sends what is due and returns when the next one is.
func (s *events) repeat(now time.Time) (next time.Time, any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.pending {
		q := s.pending[i]
		for len(q) > 0 && !q[0].due.After(now) {
			t := q[0]
			s.send(&t, i+1)
			if i+1 < len(s.pending) {
				t.due = t.first.Add(again[i+1])
				s.pending[i+1] = append(s.pending[i+1], t)
			} else {
				s.words.release(t.event.State)
			}
			q[0] = told{}
			q = q[1:]
		}
		if s.pending[i] = q; len(q) == 0 {
			s.pending[i] = nil
		} else if !any || q[0].due.Before(next) {
			next, any = q[0].due, true
		}
	}
	return next, any
}

// lost returns how many events were not repeated, and samples not sent.
func (s *events) lost() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unheard + s.overflow
}

// last sends e with all its repetitions, each in a datagram of its own.
func (s *events) last(e source.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	t := told{event: e, id: s.id.event(s.n)}
	for n := range witness.Repeats {
		if n > 0 {
			time.Sleep(20 * time.Millisecond) // a burst that is lost is lost together
		}
		s.send(&t, n)
		s.packer.Flush()
	}
}
