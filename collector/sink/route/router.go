package route

import (
	"maps"
	"slices"
	"sync"
	"time"

	"weir/collector/sink/message"
	"weir/detect"
)

// Role says what a way out gets.
type Role string

// The roles.
const (
	Pager Role = "pager"
	Chat  Role = "chat"
	Log   Role = "log"
)

// Way is one way out.
type Way struct {
	Name    string
	Role    Role
	IDs     bool               // it is told identities, not addresses and names
	Updates bool               // a change replaces what it was told before, and rings nobody
	Keeps   bool               // it must hear of what is open again after a restart, and of the watchdog
	Out     func(detect.Alert) // never blocks
}

const (
	// Grace is how long after a restart an alert that was open may be seen
	// again before it is told to be over.
	Grace = 5 * time.Minute
	// stormPages within stormWindow are paged one by one.
	stormPages  = 10
	stormWindow = time.Hour
	// stormEvery is between two updates of a storm page.
	stormEvery = time.Minute
	// maxOpen bounds the alerts that are followed.
	maxOpen = 65536
	// maxWays is how many ways out a set has room for.
	maxWays = 64

	reasonNotSeen = "not_seen"
)

// Config of a Router.
type Config struct {
	Table Table
	Ways  []Way  // at most 64
	Site  string // "" is none
	// Hold says that nobody but logs is told now, such as in a maintenance
	// window; what is still open when it says false is told then. nil is never. It is
	// asked under the Router's lock, ten times a second for each alert that
	// waits: it must neither block nor call the Router.
	Hold func(*detect.Alert) bool
	// EndAtStop tells everybody the end when weir stops: there is nothing that
	// would remember it.
	EndAtStop bool
}

// Router routes alert changes. Its methods are safe for concurrent use.
type Router struct {
	mu      sync.Mutex
	cfg     Config
	open    map[string]*condition // by key
	waiting map[string]*condition // those that time alone can change
	storm   storm
	refused uint64
	version uint64 // counts who was told what
}

// condition is an alert that has not ended.
type condition struct {
	alert     detect.Alert // as last heard
	told      uint64       // the ways that know it
	delay     time.Duration
	critical  time.Time // confirmed and critical since then
	held      bool      // a page that is held back in a storm
	sure      bool      // it was confirmed once
	top       int       // its highest severity so far
	lost      time.Time // not seen since then, after a restart or a jump of the clock; zero is seen
	unbounded bool      // pages in a storm too
}

// New returns a Router.
func New(cfg Config) *Router {
	cfg.Ways = cfg.Ways[:min(len(cfg.Ways), maxWays)]
	return &Router{cfg: cfg, open: map[string]*condition{}, waiting: map[string]*condition{}}
}

// SetTable changes severities from the next change of each alert on.
func (r *Router) SetTable(t Table) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg.Table = t
}

// Put takes a change of an alert, gives it its severity, and tells whoever is
// to be told. It writes the severity into a and keeps a copy.
func (r *Router) Put(a *detect.Alert, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delay := r.cfg.Table.Apply(a)
	r.put(a, delay, false, now)
}

func (r *Router) put(a *detect.Alert, delay time.Duration, unbounded bool, now time.Time) {
	c := r.open[a.Key]
	if a.Change == detect.End {
		r.end(c, a, now)
		return
	}
	if c == nil {
		if len(r.open) >= maxOpen {
			r.refused++
			return
		}
		c = &condition{}
		r.open[a.Key] = c
	}
	ch := c.take(a)
	c.delay, c.unbounded = delay, unbounded
	if !c.lost.IsZero() { // seen again
		c.lost = time.Time{}
		r.keep(c, detect.Update)
	}
	switch pages := a.State == detect.Confirmed && a.Severity == detect.Critical; {
	case !pages:
		c.critical = time.Time{}
	case c.critical.IsZero():
		c.critical = now
	}
	r.tell(c, ch, now)
}

// change is what is new in a change of an alert.
type change struct {
	any  bool // something
	news bool // something that a person should hear
}

// take keeps the change. News is what makes an alert graver or another one:
// after a restart it may begin again as a lesser one.
func (c *condition) take(a *detect.Alert) change {
	b := &c.alert
	ch := change{
		any:  b.State != a.State || b.Severity != a.Severity || b.Flapping != a.Flapping || b.Incident != a.Incident,
		news: a.State == detect.Confirmed && !c.sure || gravity(a.Severity) > c.top || a.Flapping && !b.Flapping || b.Incident != a.Incident,
	}
	c.alert, c.sure, c.top = *a, c.sure || a.State == detect.Confirmed, max(c.top, gravity(a.Severity))
	return ch
}

func gravity(s detect.Severity) int {
	switch s {
	case detect.Critical:
		return 3
	case detect.Warning:
		return 2
	}
	return 1
}

// tell tells the ways that are to know now and do not, and of a change those
// that know.
func (r *Router) tell(c *condition, ch change, now time.Time) {
	hold := r.cfg.Hold != nil && r.cfg.Hold(&c.alert)
	due := !c.critical.IsZero() && now.Sub(c.critical) >= c.delay
	wait := hold || !c.critical.IsZero() && !due
	paged := false
	for i := range r.cfg.Ways {
		w, bit := &r.cfg.Ways[i], uint64(1)<<i
		if c.told&bit != 0 {
			if (w.Updates || w.Role == Log) && ch.any || w.Role == Chat && ch.news && !hold {
				r.out(w, c.alert, detect.Update)
			}
			continue
		}
		switch {
		case !w.wants(&c.alert), w.Role != Log && hold:
			continue
		case w.Role == Pager:
			if !due {
				continue
			}
			if !paged && !r.page(c, now) {
				wait = true
				continue
			}
			paged = true
		}
		c.told |= bit
		r.out(w, c.alert, detect.Start)
	}
	if wait {
		r.waiting[c.alert.Key] = c
	} else {
		delete(r.waiting, c.alert.Key)
	}
}

func (w *Way) wants(a *detect.Alert) bool {
	switch w.Role {
	case Pager: // nobody is paged about a pager that fails
		return a.State == detect.Confirmed && a.Severity == detect.Critical && a.Kind != PagersFailing
	case Chat:
		return a.State == detect.Confirmed && a.Severity != detect.Info
	}
	return true
}

// out sends the alert to a way with the change that it is to this way.
func (r *Router) out(w *Way, a detect.Alert, change detect.Change) {
	a.Change = change
	r.version++
	if w.IDs {
		a = message.Redacted(a)
	}
	w.Out(a)
}

// keep lets the ways that forget hear of what they know.
func (r *Router) keep(c *condition, change detect.Change) {
	for i := range r.cfg.Ways {
		if w := &r.cfg.Ways[i]; w.Keeps && c.told&(1<<i) != 0 {
			r.out(w, c.alert, change)
		}
	}
}

// end tells the end to whoever was told the beginning. What is not over, but
// not seen any more, ends for logs alone.
func (r *Router) end(c *condition, a *detect.Alert, now time.Time) {
	if c == nil {
		return
	}
	lost := a.Reason == detect.ReasonClock || a.Reason == detect.ReasonShutdown && !r.cfg.EndAtStop
	for i := range r.cfg.Ways {
		w, bit := &r.cfg.Ways[i], uint64(1)<<i
		if c.told&bit == 0 || lost && w.Role != Log {
			continue
		}
		c.told &^= bit
		r.out(w, *a, detect.End)
	}
	if lost && c.told != 0 {
		c.lost, c.held = now, false
		r.waiting[a.Key] = c
		return
	}
	delete(r.open, a.Key)
	delete(r.waiting, a.Key)
}

// Tick does what time alone brings: pages whose delay is over, what is no
// longer held, the end of a storm, and of what was not seen again.
func (r *Router) Tick(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stormTick(now)
	var lost []*condition
	for _, key := range slices.Sorted(maps.Keys(r.waiting)) {
		switch c := r.waiting[key]; {
		case c == nil: // gone meanwhile
		case c.lost.IsZero():
			r.tell(c, change{}, now)
		case now.Sub(c.lost) >= Grace || now.Before(c.lost):
			lost = append(lost, c)
		}
	}
	for _, c := range lost {
		a := c.alert
		a.At, a.State, a.Change, a.Reason = now.UTC(), detect.Resolved, detect.End, reasonNotSeen
		a.Seq++
		r.end(c, &a, now)
	}
}

// Lost takes a change that a way, by its number, could not be told. What is
// open is told anew, as it is then; what has ended is ended again.
func (r *Router) Lost(way int, a detect.Alert) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.open[a.Key]
	switch {
	case c != nil:
		c.told &^= 1 << way
		if c.lost.IsZero() {
			r.waiting[a.Key] = c
		}
	case a.Change == detect.End:
		r.cfg.Ways[way].Out(a)
	}
}

// Watch tells the ways that keep what they hear that all is well.
func (r *Router) Watch(a detect.Alert) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.cfg.Ways {
		if w := &r.cfg.Ways[i]; w.Keeps {
			r.out(w, a, detect.Update)
		}
	}
}

// Own takes a change of an alert that the collector raises about itself, which
// is paged at once, in a storm too.
func (r *Router) Own(a *detect.Alert, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.put(a, r.cfg.Table.Apply(a), true, now)
}

// Stats are the bounds of a Router.
type Stats struct {
	Open, MaxOpen int
	Refused       uint64 // alerts that were not followed for want of room
	Storm         bool
	Held          int // pages held back now
}

// Stats returns them.
func (r *Router) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{len(r.open), maxOpen, r.refused, r.storm.active, r.storm.held}
}

// Saved is an open alert that outlives a restart.
type Saved struct {
	Alert detect.Alert
	Told  []string // names of the ways that know it
}

// Version changes with what Save returns.
func (r *Router) Version() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version
}

// Save returns what others than logs know to be open, by key.
func (r *Router) Save() []Saved {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []Saved
	for _, c := range r.open {
		s := Saved{Alert: c.alert}
		for i := range r.cfg.Ways {
			if w := &r.cfg.Ways[i]; w.Role != Log && c.told&(1<<i) != 0 {
				s.Told = append(s.Told, w.Name)
			}
		}
		if s.Told != nil {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b Saved) int { return compareKeys(&a.Alert, &b.Alert) })
	return all
}

func compareKeys(a, b *detect.Alert) int {
	switch {
	case a.Key < b.Key:
		return -1
	case a.Key > b.Key:
		return 1
	}
	return 0
}

// Restore takes what was saved, once, before the first Put.
func (r *Router) Restore(all []Saved, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range all[:min(len(all), maxOpen)] {
		c := &condition{alert: s.Alert, lost: now, sure: s.Alert.State == detect.Confirmed, top: gravity(s.Alert.Severity)}
		for i := range r.cfg.Ways {
			if slices.Contains(s.Told, r.cfg.Ways[i].Name) {
				c.told |= 1 << i
			}
		}
		if c.told == 0 { // its ways are no longer configured
			continue
		}
		r.open[s.Alert.Key], r.waiting[s.Alert.Key] = c, c
		r.keep(c, detect.Update)
	}
}
