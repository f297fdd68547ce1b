package login

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Config says where to look. What is empty has the usual place.
type Config struct {
	Node string // entity of the state
	WTMP string // /var/log/wtmp
	BTMP string // /var/log/btmp
	UTMP string // /run/utmp
}

// Source tells logins. It is a source.Runner.
type Source struct {
	cfg  Config
	st   witness.Statement
	utmp sessionFile // of look alone

	mu       sync.Mutex
	sessions int  // open; -1 unknown
	logind   bool // asked over D-Bus
	failed   uint64
	counted  bool // btmp can be read
	err      error
}

// New returns a Source.
func New(cfg Config) *Source {
	set := func(to *string, path string) {
		if *to == "" {
			*to = path
		}
	}
	set(&cfg.WTMP, "/var/log/wtmp")
	set(&cfg.BTMP, "/var/log/btmp")
	set(&cfg.UTMP, "/run/utmp")
	return &Source{cfg: cfg, sessions: -1}
}

// Name implements source.Source.
func (*Source) Name() string { return "login" }

// Collect tells how many sessions are open and how many logins failed.
func (s *Source) Collect(_ time.Time, snap *source.Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.st.Begin(witness.ClassLogins, s.cfg.Node)
	if s.sessions >= 0 {
		s.st.Add(witness.Gauge32(witness.Sessions, uint32(s.sessions)))
	}
	if s.counted {
		s.st.Add(witness.Counter64(witness.Failed, s.failed))
	}
	if s.sessions >= 0 || s.counted {
		snap.State(&s.st)
	}
	return s.err
}

// Times of the watch.
const (
	fileEvery = time.Second     // between two looks at wtmp and btmp
	busPause  = 5 * time.Second // between two attempts to reach logind
)

// Run tells logins until ctx is done.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { s.watchBus(ctx, sink) })
	defer wg.Wait()
	defer cancel()
	w := &follower{path: s.cfg.WTMP, layout: native}
	b := &follower{path: s.cfg.BTMP, layout: native}
	lines := map[string]record{} // open sessions of wtmp, by tty
	tick := source.NewTicker(fileEvery)
	defer tick.Stop()
	for {
		s.look(w, b, lines, sink)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look reads what is new in the files.
func (s *Source) look(w, b *follower, lines map[string]record, sink source.Sink) {
	s.mu.Lock()
	logind := s.logind
	s.mu.Unlock()
	wErr := w.read(func(r record) {
		if e, ok := wtmpEvent(&r, lines); ok && !logind {
			sink.Emit(e)
		}
	})
	failures, last := uint64(0), record{}
	bErr := b.read(func(r record) { failures++; last = r })
	sessions := -1
	if !logind {
		sessions = s.utmp.count(s.cfg.UTMP)
	}
	s.mu.Lock()
	s.failed += failures
	s.counted = bErr == nil
	if s.logind { // perhaps since a moment ago: it knows better
		wErr = nil
	} else if !logind {
		s.sessions = sessions
	}
	s.err = errors.Join(wErr, bErr)
	s.mu.Unlock()
	if failures > 0 {
		more := []witness.Pair{witness.Gauge64(witness.Count, failures)}
		if from := last.from(); from != "" {
			more = append(more, witness.String(witness.From, from))
		}
		if last.line != "" {
			more = append(more, witness.String(witness.TTY, last.line))
		}
		sink.Emit(source.Event{Name: witness.LoginFailed, Subject: witness.SubjectAllUsers, At: last.at, More: more})
	}
}

// maxLines bounds the open sessions that are remembered.
const maxLines = 4096

// wtmpEvent returns what a record of wtmp says.
func wtmpEvent(r *record, lines map[string]record) (e source.Event, ok bool) {
	switch {
	case r.kind == userProcess && r.user != "":
		if len(lines) < maxLines {
			lines[r.line] = *r
		}
		return sessionEvent(witness.Login, r.user, r.from(), r.line, r.pid, r.at), true
	case r.kind == deadProcess:
		open, known := lines[r.line]
		if !known {
			return e, false // began before we did, or was no login
		}
		delete(lines, r.line)
		return sessionEvent(witness.Logout, open.user, open.from(), r.line, open.pid, r.at), true
	}
	return e, false
}

func sessionEvent(name, user, from, tty string, pid uint32, at time.Time) source.Event {
	e := source.Event{Name: name, Subject: user, PID: pid, At: at}
	if from != "" {
		e.More = append(e.More, witness.String(witness.From, from))
	}
	if tty != "" {
		e.More = append(e.More, witness.String(witness.TTY, tty))
	}
	return e
}

// countSessions counts the users in utmp; -1 where there is none.
func countSessions(path string) int {
	n := 0
	f := follower{path: path, layout: native, begun: true}
	if err := f.read(func(r record) {
		if r.kind == userProcess {
			n++
		}
	}); err != nil || f.inode == 0 {
		return -1
	}
	return n
}

// sessionFile is what a file of sessions held when it was last written.
type sessionFile struct {
	inode    uint64
	size     int64
	written  unix.Timespec
	sessions int
}

// count is countSessions, which it calls only where the file has changed.
func (c *sessionFile) count(path string) int {
	var s unix.Stat_t
	if unix.Lstat(path, &s) != nil {
		*c = sessionFile{}
		return -1
	}
	if s.Ino != c.inode || s.Size != c.size || s.Mtim != c.written {
		*c = sessionFile{s.Ino, s.Size, s.Mtim, countSessions(path)}
	}
	return c.sessions
}

// Names of logind on the bus.
const (
	logindName    = "org.freedesktop.login1"
	logindPath    = dbus.ObjectPath("/org/freedesktop/login1")
	logindManager = logindName + ".Manager"
	sessionIface  = logindName + ".Session"
	properties    = "org.freedesktop.DBus.Properties"
)

// callTimeout bounds one question on the bus.
const callTimeout = 2 * time.Second

// watchBus asks logind until ctx is done.
func (s *Source) watchBus(ctx context.Context, sink source.Sink) {
	for ctx.Err() == nil {
		// Without logind the files are followed: that is no error.
		_ = s.bus(ctx, sink)
		s.mu.Lock()
		s.logind = false
		s.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(busPause):
		}
	}
}

// session is one session of logind.
type session struct {
	user, tty, from string
	leader          uint32
}

// bus follows logind's sessions until ctx is done or it is gone.
func (s *Source) bus(ctx context.Context, sink source.Sink) error {
	c, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return err
	}
	defer c.Close()
	signals := make(chan *dbus.Signal, 64)
	c.Signal(signals)
	if err := c.AddMatchSignalContext(ctx, dbus.WithMatchObjectPath(logindPath), dbus.WithMatchInterface(logindManager)); err != nil {
		return err
	}
	var owner bool
	if err := c.BusObject().CallWithContext(ctx, "org.freedesktop.DBus.NameHasOwner", 0, logindName).Store(&owner); err != nil || !owner {
		return fmt.Errorf("no logind: %w", err)
	}
	if err := c.AddMatchSignalContext(ctx, dbus.WithMatchInterface("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, logindName)); err != nil {
		return err
	}
	var list []struct {
		ID   string
		UID  uint32
		User string
		Seat string
		Path dbus.ObjectPath
	}
	if err := c.Object(logindName, logindPath).CallWithContext(ctx, logindManager+".ListSessions", 0).Store(&list); err != nil {
		return err
	}
	open := map[string]session{}
	for _, l := range list {
		open[l.ID] = session{user: l.User}
	}
	s.setSessions(len(open))
	for {
		select {
		case <-ctx.Done():
			return nil
		case sig, ok := <-signals:
			if !ok || sig.Name == "org.freedesktop.DBus.NameOwnerChanged" {
				return errors.New("logind is gone")
			}
			s.signal(ctx, c, sig, open, sink)
			s.setSessions(len(open))
		}
	}
}

func (s *Source) setSessions(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logind, s.sessions = true, n
}

// signal takes one of logind's signals.
func (s *Source) signal(ctx context.Context, c *dbus.Conn, sig *dbus.Signal, open map[string]session, sink source.Sink) {
	var id string
	var path dbus.ObjectPath
	if err := dbus.Store(sig.Body, &id, &path); err != nil {
		return
	}
	name := witness.Login
	var v session
	switch sig.Name {
	case logindManager + ".SessionNew":
		if _, known := open[id]; known || len(open) >= maxLines {
			return
		}
		v = readSession(ctx, c, path)
		open[id] = v
	case logindManager + ".SessionRemoved":
		var known bool
		if v, known = open[id]; !known {
			return
		}
		delete(open, id)
		name = witness.Logout
	default:
		return
	}
	if v.user == "" {
		return // over before it could be asked, or no user's
	}
	e := sessionEvent(name, v.user, v.from, v.tty, v.leader, time.Time{})
	e.More = append(e.More, witness.String(witness.Session, id))
	sink.Emit(e)
}

func readSession(ctx context.Context, c *dbus.Conn, path dbus.ObjectPath) (v session) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var got map[string]dbus.Variant
	if err := c.Object(logindName, path).CallWithContext(ctx, properties+".GetAll", 0, sessionIface).Store(&got); err != nil {
		return v
	}
	var class string
	for name, to := range map[string]any{"Name": &v.user, "TTY": &v.tty, "RemoteHost": &v.from, "Leader": &v.leader, "Class": &class} {
		if p, ok := got[name]; ok {
			_ = p.Store(to) // another type is another logind: unknown
		}
	}
	if class != "" && !strings.HasPrefix(class, "user") {
		return session{} // a greeter, a lock screen, a service manager
	}
	return v
}
