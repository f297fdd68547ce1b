package hostagent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"weir/hostagent/source"
)

// module is a source and what became of it. It has its own goroutines: nothing
// waits for it.
type module struct {
	source   source.Source
	settings string             // as it was made with
	stop     context.CancelFunc // nil before start

	mu       sync.Mutex
	every    time.Duration
	deadline time.Duration // of one Collect

	polling time.Time // since when Collect runs; zero: it does not
	poll    error     // of the last Collect
	watch   error     // of the last Run
	polled  bool      // Collect has returned at least once
	told    source.Telling
	errors  uint64
	// What the log was told last of each, so that it is told once.
	loggedPoll, loggedWatch string
	// Of frames lost: what the log was told of last, and when.
	loggedLost   uint64
	loggedLostAt time.Time
}

// lostEvery is the least time between two lines of the log about lost frames of a
// module: somebody may flood them for days.
const lostEvery = 10 * time.Minute

// maxStatus bounds what the heartbeat says about one module, in octets.
const maxStatus = 80

// start starts the module. Nothing waits for its end: one that hangs in a call
// must not keep the agent from ending.
func (m *module) start(ctx context.Context, a *Agent) {
	ctx, m.stop = context.WithCancel(ctx)
	go m.run(ctx, a)
}

// pollEvery says how often the source is polled from its next poll on.
func (m *module) pollEvery(every time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.every, m.deadline = every, max(every, 2*time.Second)
}

// run polls the source and watches with it until ctx is done.
func (m *module) run(ctx context.Context, a *Agent) {
	if r, ok := m.source.(source.Runner); ok {
		go m.watching(ctx, r, a)
	}
	var snap source.Snapshot
	for {
		m.collect(&snap, a)
		timer := time.NewTimer(m.pause(time.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// pause returns how long to wait for the next poll. Polls fall on the process's
// beats; those of ten beats and more come a beat early or late at random, so that
// they keep step with nothing.
func (m *module) pause(now time.Time) time.Duration {
	m.mu.Lock()
	every := m.every
	m.mu.Unlock()
	if every < beatEvery {
		return every - every/50 + time.Duration(rand.Int64N(int64(every/25)+1))
	}
	beats := int64((every + beatEvery/2) / beatEvery)
	if beats >= 10 {
		beats += rand.Int64N(3) - 1
	}
	return time.Duration(beats-1)*beatEvery + source.UntilBeat(now, beatEvery)
}

// collect asks the source once.
func (m *module) collect(snap *source.Snapshot, a *Agent) {
	now := time.Now()
	m.mu.Lock()
	m.polling = now
	deadline := m.deadline
	m.mu.Unlock()
	snap.Reset()
	err := guarded(func() error { return m.source.Collect(now, snap) })
	took := time.Since(now)
	if took > deadline {
		err = fmt.Errorf("took %s", took.Round(time.Millisecond))
	} else {
		a.events.polled(snap, now)
		a.packer.Add(snap, false)
	}
	if n := snap.Overflow(); n > 0 && err == nil {
		err = fmt.Errorf("%d records were too much", n)
	}
	var telling source.Telling
	if t, ok := m.source.(source.Teller); ok {
		_ = guarded(func() error { t.Tell(&telling); return nil }) // here, where it may wait
	}
	m.mu.Lock()
	m.polling, m.polled = time.Time{}, true
	m.poll = err
	m.told = telling
	m.logLost(telling.FramesLost, now, a)
	m.count(err, &m.loggedPoll, a)
	m.mu.Unlock()
}

// watching runs the source's Run again and again.
func (m *module) watching(ctx context.Context, r source.Runner, a *Agent) {
	pause := 100 * time.Millisecond
	for {
		began := time.Now()
		err := guarded(func() error { return r.Run(ctx, a.events) })
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended")
		}
		m.mu.Lock()
		m.watch = err
		m.count(err, &m.loggedWatch, a)
		m.mu.Unlock()
		switch {
		case errors.Is(err, source.ErrAbsent):
			pause = 10 * time.Second
		case time.Since(began) > 10*time.Second:
			pause = 100 * time.Millisecond
		default:
			pause = min(2*pause, 10*time.Second)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		m.mu.Lock()
		m.watch = nil
		m.mu.Unlock()
	}
}

// guarded turns a panic of a source into its error: the rest goes on.
func guarded(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}

// count counts an error and logs it once for as long as it stays the same as
// *logged. The module is locked.
func (m *module) count(err error, logged *string, a *Agent) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if err != nil && !errors.Is(err, source.ErrAbsent) {
		m.errors++
	}
	said := text == *logged || text != "" && (text == m.loggedPoll || text == m.loggedWatch)
	*logged = text
	if said {
		return
	}
	switch {
	case err == nil:
		a.io.Log.Info().Str("module", m.source.Name()).Msg("module works again")
	case errors.Is(err, source.ErrAbsent):
		a.io.Log.Info().Str("module", m.source.Name()).Str("why", text).Msg("module has nothing to do")
	default:
		a.io.Log.Warn().Str("module", m.source.Name()).Err(err).Msg("module fails")
	}
}

// logLost tells the log of frames that found no room, since the last line about
// them. The module is locked.
func (m *module) logLost(lost uint64, now time.Time, a *Agent) {
	if lost <= m.loggedLost || !m.loggedLostAt.IsZero() && now.Sub(m.loggedLostAt) < lostEvery {
		return
	}
	a.io.Log.Warn().Str("module", m.source.Name()).Uint64("frames", lost-m.loggedLost).Uint64("since_start", lost).Msg("frames were too many and are not heard")
	m.loggedLost, m.loggedLostAt = lost, now
}

// failures returns how often the source failed.
func (m *module) failures() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.errors
}

// tell adds what the source told after its last poll.
func (m *module) tell(t *source.Telling) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.told.LibvirtContact.IsZero() {
		t.LibvirtContact = m.told.LibvirtContact
	}
	if !m.told.OVSContact.IsZero() {
		t.OVSContact = m.told.OVSContact
	}
	if m.told.Sampling != "" {
		t.Sampling, t.SamplingBudget, t.HeaderBytes = m.told.Sampling, m.told.SamplingBudget, m.told.HeaderBytes
	}
	t.FramesLost += m.told.FramesLost
}

// status appends "name=starting", "name=ok", "name=absent" or "name=error:why".
func (m *module) status(b []byte, now time.Time) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b = append(append(b, m.source.Name()...), '=')
	err := m.poll
	switch {
	case !m.polling.IsZero() && now.Sub(m.polling) > m.deadline:
		err = fmt.Errorf("hangs for %s", now.Sub(m.polling).Round(time.Second))
	case err == nil:
		err = m.watch
	}
	switch {
	case err == nil && !m.polled:
		return append(b, "starting"...)
	case err == nil:
		return append(b, "ok"...)
	case errors.Is(err, source.ErrAbsent):
		return append(b, "absent"...)
	}
	text := strings.Map(func(r rune) rune {
		if r == ',' || r == '=' || r < ' ' {
			return ' '
		}
		return r
	}, err.Error())
	return append(append(b, "error:"...), text[:min(len(text), maxStatus)]...)
}
