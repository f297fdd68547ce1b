package sink

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"weir/detect"
)

// Prober is a Sink that can find out whether its other side is there, without
// telling it anything.
type Prober interface {
	Probe(ctx context.Context) error
}

// Refresher is a Sink whose other side forgets what it does not hear again.
type Refresher interface {
	// Refresh repeats what is open. It is called every minute.
	Refresh(ctx context.Context) error
}

// Options of an Outlet; zero values are the defaults.
type Options struct {
	Limit   int                               // changes that wait; the oldest is dropped
	Burst   int                               // changes within ten minutes after which it gathers; 0 is none
	Gather  time.Duration                     // how long it then waits after each send
	Probe   bool                              // probe every minute
	OnError func(err error, lost int)         // told of each error, and how many changes it lost; runs on the outlet's goroutines
	Timeout time.Duration                     // of one attempt
	GiveUp  time.Duration                     // after the first attempt
	First   time.Duration                     // between the first two attempts
	Most    time.Duration                     // between two attempts
	Random  func(time.Duration) time.Duration // jitter; nil is from half to all of it
}

// Times that hold for all outlets.
const (
	refreshEvery = time.Minute
	burstPer     = 10 * time.Minute

	perChange      = 200 * time.Millisecond // added to the timeout
	defaultTimeout = 15 * time.Second
	defaultGiveUp  = time.Hour
	defaultFirst   = 500 * time.Millisecond
	defaultMost    = 30 * time.Second
	maxLater       = 5 * time.Minute
)

func (o Options) filled() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&o.Timeout, defaultTimeout)
	set(&o.GiveUp, defaultGiveUp)
	set(&o.First, defaultFirst)
	set(&o.Most, defaultMost)
	if o.Limit == 0 {
		o.Limit = 4096
	}
	if o.Random == nil {
		o.Random = func(d time.Duration) time.Duration { return d/2 + rand.N(d/2+1) }
	}
	if o.OnError == nil {
		o.OnError = func(error, int) {}
	}
	return o
}

// Outlet is a Sink behind a queue and a goroutine of its own, which tries again
// with growing, jittered pauses. A sink that is down costs its own oldest
// changes and delays nobody. All methods are safe for concurrent use.
type Outlet struct {
	name    string
	sink    Sink
	opt     Options
	queue   *Queue[entry]
	closing chan struct{}
	once    sync.Once
	minute  sync.WaitGroup

	burst []time.Time // when the last changes were sent; of the queue's goroutine

	mu     sync.Mutex // guards what follows
	sent   uint64
	failed uint64
	send   trouble
	probe  trouble
	worked bool // something was sent, or the other side was found
	open   map[string]unsettled
	lost   []detect.Alert // given up, and not yet taken
}

// unsettled are the changes of one alert that are neither sent nor lost.
type unsettled struct {
	n      int
	newest detect.Alert
}

// trouble is since when something fails, and why.
type trouble struct {
	since time.Time // zero while it works
	err   error
}

func (t *trouble) note(err error, now time.Time) {
	if err == nil {
		*t = trouble{}
		return
	}
	if t.since.IsZero() {
		t.since = now
	}
	t.err = err
}

// entry is what waits: an alert change, or a test that wants the answer.
type entry struct {
	alert  detect.Alert
	answer chan<- Answer
}

// Answer is what became of a test.
type Answer struct {
	Lines []string // of the other side
	Err   error
}

// NewOutlet starts an outlet. Close must be called.
func NewOutlet(name string, s Sink, opt Options) *Outlet {
	o := &Outlet{name: name, sink: s, opt: opt.filled(), closing: make(chan struct{}), open: map[string]unsettled{}}
	o.queue = NewQueue(name, o.opt.Limit, o.handOver, nil)
	o.queue.full = func(e entry) { o.settled(&e.alert) }
	_, refreshes := s.(Refresher)
	if refreshes || o.opt.Probe {
		o.minute.Go(o.everyMinute)
	}
	return o
}

// Name is the outlet's name.
func (o *Outlet) Name() string { return o.name }

// Put adds a change and never blocks.
func (o *Outlet) Put(a detect.Alert) {
	o.mu.Lock()
	u := o.open[a.Key]
	begins := u.n > 0 && u.newest.Change == detect.Start && a.Change == detect.Update
	u.n, u.newest = u.n+1, a
	if begins { // it is the beginning that is not known
		u.newest.Change = detect.Start
	}
	o.open[a.Key] = u
	o.mu.Unlock()
	o.queue.Put(entry{alert: a})
}

// settled forgets a change that Put has added: it is sent, or lost.
func (o *Outlet) settled(a *detect.Alert) {
	o.mu.Lock()
	defer o.mu.Unlock()
	u, ok := o.open[a.Key]
	switch {
	case !ok: // a test
	case u.n <= 1:
		delete(o.open, a.Key)
	default:
		u.n--
		o.open[a.Key] = u
	}
}

// Unsettled returns the newest change of each alert that the other side does
// not know yet, Start where it does not know the beginning; after Close, what it
// will not learn any more.
func (o *Outlet) Unsettled() []detect.Alert {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]detect.Alert, 0, len(o.open))
	for _, u := range o.open {
		all = append(all, u.newest)
	}
	return all
}

// TakeLost returns, once, the changes that were given up while the outlet ran.
func (o *Outlet) TakeLost() []detect.Alert {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.lost
	o.lost = nil
	return all
}

// Test sends the change after those that wait, once, and returns the answer.
func (o *Outlet) Test(ctx context.Context, a detect.Alert) Answer {
	c := make(chan Answer, 1)
	o.queue.Put(entry{a, c})
	select {
	case got := <-c:
		return got
	case <-ctx.Done():
		if since, err := o.Failing(); err != nil {
			return Answer{Err: errors.Join(errors.New("waits behind changes that cannot be sent since "+since.UTC().Format(time.RFC3339)), err)}
		}
		return Answer{Err: errors.New("waits behind other changes")}
	}
}

// Failing returns since when the outlet does not work and the last error; nil
// while it works as far as is known.
func (o *Outlet) Failing() (time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.send.err == nil:
		return o.probe.since, o.probe.err
	case o.probe.err != nil && o.probe.since.Before(o.send.since):
		return o.probe.since, o.send.err
	}
	return o.send.since, o.send.err
}

// Works reports that the outlet has worked and does not fail now.
func (o *Outlet) Works() bool {
	_, err := o.Failing()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.worked && err == nil
}

// Stats returns what the outlet has done so far.
func (o *Outlet) Stats() Stats {
	s := o.queue.Stats()
	o.mu.Lock()
	defer o.mu.Unlock()
	s.Sent, s.Failed = o.sent, o.failed
	return s
}

// Close takes no more, tries once to send what waits until ctx is done, and
// drops the rest, counted.
func (o *Outlet) Close(ctx context.Context) error {
	o.once.Do(func() { close(o.closing) })
	err := o.queue.Close(ctx)
	o.minute.Wait()
	if c, ok := o.sink.(interface{ Close() }); ok && err == nil { // else it may still be sending
		c.Close()
	}
	return err
}
