package collector

import (
	"sync"

	"weir/collector/web"
)

// events tells changes of alerts to those who listen.
type events struct {
	mu   sync.Mutex
	subs map[*listener]struct{}
}

// listener is one of them.
type listener struct {
	ch   chan *web.AlertView
	lost uint64 // changes that found no room; of events' lock
}

// eventsKept is how many changes wait for one who listens.
const eventsKept = 256

// put tells a change. It never waits.
func (e *events) put(v *web.AlertView) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.subs {
		select {
		case s.ch <- v:
		default:
			s.lost++
		}
	}
}

// Listen implements web.EventSource.
func (a *app) Listen() (<-chan *web.AlertView, func() uint64, func()) {
	e, s := &a.events, &listener{ch: make(chan *web.AlertView, eventsKept)}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.subs == nil {
		e.subs = map[*listener]struct{}{}
	}
	e.subs[s] = struct{}{}
	lost := func() uint64 {
		e.mu.Lock()
		defer e.mu.Unlock()
		n := s.lost
		s.lost = 0
		return n
	}
	return s.ch, lost, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.subs, s)
	}
}
