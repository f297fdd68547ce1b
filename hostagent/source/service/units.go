package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/godbus/dbus/v5"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Names of systemd on the bus.
const (
	systemdName    = "org.freedesktop.systemd1"
	systemdPath    = dbus.ObjectPath("/org/freedesktop/systemd1")
	systemdManager = systemdName + ".Manager"
	unitInterface  = systemdName + ".Unit"
	serviceIface   = systemdName + ".Service"
	unitPrefix     = "/org/freedesktop/systemd1/unit/"
	properties     = "org.freedesktop.DBus.Properties"
)

// callTimeout bounds one question on the bus.
const callTimeout = 2 * time.Second

// units watches systemd's units.
type units struct {
	names []string

	mu    sync.Mutex
	state map[dbus.ObjectPath]*unit
	live  bool // connected
}

// unit is what systemd says of one.
type unit struct {
	name     string
	active   string // active, inactive, failed, activating, deactivating, reloading
	result   string // success, exit-code, signal …
	pid      uint32
	restarts uint32
	since    uint64 // microseconds since 1970
	loaded   bool
}

func newUnits(names []string) *units {
	u := &units{state: map[dbus.ObjectPath]*unit{}}
	for _, n := range names {
		if !strings.Contains(n, ".") {
			n += ".service"
		}
		path := unitPath(n)
		if u.state[path] == nil {
			u.names = append(u.names, n)
			u.state[path] = &unit{name: n}
		}
	}
	return u
}

// unitPath returns a unit's object: letters and digits as they are, everything
// else as _ and two hexadecimal digits, and a digit at the start likewise.
func unitPath(name string) dbus.ObjectPath {
	b := []byte(unitPrefix)
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if letter || i > 0 && c >= '0' && c <= '9' {
			b = append(b, c)
			continue
		}
		b = fmt.Appendf(b, "_%02x", c)
	}
	return dbus.ObjectPath(b)
}

// connect opens a connection of our own to the system bus.
func connect(ctx context.Context) (*dbus.Conn, error) {
	c, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err == nil {
		return c, nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("D-Bus: %w: %w", err, source.ErrAbsent)
	}
	return nil, fmt.Errorf("D-Bus: %w", err)
}

// run watches until ctx is done or the bus is gone. The first state of a unit is
// no event.
func (u *units) run(ctx context.Context, emit func(source.Event)) error {
	c, err := connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	signals := make(chan *dbus.Signal, 256)
	c.Signal(signals)
	for path := range u.state {
		if err := c.AddMatchSignalContext(ctx, dbus.WithMatchObjectPath(path), dbus.WithMatchInterface(properties)); err != nil {
			return fmt.Errorf("D-Bus: %w", err)
		}
	}
	if err := call(ctx, c.Object(systemdName, systemdPath), systemdManager+".Subscribe"); err != nil {
		if e := (dbus.Error{}); errors.As(err, &e) && strings.HasSuffix(e.Name, ".ServiceUnknown") {
			return fmt.Errorf("systemd is not on the bus: %w", source.ErrAbsent)
		}
		return fmt.Errorf("systemd: %w", err)
	}
	for path := range u.state {
		if err := u.read(ctx, c, path, "", nil); err != nil {
			return err
		}
	}
	u.setLive(true)
	defer u.setLive(false)
	for {
		select {
		case <-ctx.Done():
			return nil
		case s, ok := <-signals:
			if !ok {
				return errors.New("D-Bus: connection lost")
			}
			if u.state[s.Path] == nil || s.Name != properties+".PropertiesChanged" {
				continue
			}
			if err := u.read(ctx, c, s.Path, said(s), emit); err != nil {
				return err
			}
		}
	}
}

func (u *units) setLive(live bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.live = live
}

func call(ctx context.Context, o dbus.BusObject, method string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return o.CallWithContext(ctx, method, 0, args...).Err
}

// said returns the new state of a unit where a signal says it.
func said(s *dbus.Signal) (active string) {
	if len(s.Body) > 1 {
		if changed, ok := s.Body[1].(map[string]dbus.Variant); ok {
			if v, ok := changed["ActiveState"]; ok {
				_ = v.Store(&active)
			}
		}
	}
	return active
}

// read asks for the properties of a unit and tells what is new: a signal says
// only some of them, but of a short state it alone. A unit that systemd does not
// have is inactive.
func (u *units) read(ctx context.Context, c *dbus.Conn, path dbus.ObjectPath, active string, emit func(source.Event)) error {
	now := unit{name: u.state[path].name}
	for _, iface := range [...]string{unitInterface, serviceIface} {
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		var got map[string]dbus.Variant
		err := c.Object(systemdName, path).CallWithContext(ctx, properties+".GetAll", 0, iface).Store(&got)
		cancel()
		if err != nil {
			if e := (dbus.Error{}); errors.As(err, &e) {
				continue // no such unit, or no service
			}
			return fmt.Errorf("systemd: %w", err)
		}
		now.take(got)
	}
	switch {
	case active != "":
		now.active = active
	case now.active == "":
		now.active = "inactive"
	case emit != nil:
		now.active = u.state[path].active // another property changed; its own signal tells the state
	}
	u.mu.Lock()
	old := *u.state[path]
	*u.state[path] = now
	u.mu.Unlock()
	if emit != nil {
		tell(&old, &now, emit)
	}
	return nil
}

func (n *unit) take(got map[string]dbus.Variant) {
	for name, to := range map[string]any{
		"ActiveState": &n.active, "Result": &n.result, "MainPID": &n.pid, "NRestarts": &n.restarts, "StateChangeTimestamp": &n.since,
	} {
		if v, ok := got[name]; ok {
			_ = v.Store(to) // another type is another systemd: unknown
		}
	}
	if v, ok := got["LoadState"]; ok {
		n.loaded = v.Value() == "loaded"
	}
}

// up reports whether the unit does its work.
func (n *unit) up() bool { return n.active == "active" || n.active == "reloading" }

func tell(old, now *unit, emit func(source.Event)) {
	e := source.Event{Subject: now.name, Before: old.active, After: now.active, PID: now.pid}
	if now.result != "success" {
		e.Reason = now.result
	}
	switch {
	case now.active == "failed" && old.active != "failed":
		e.Name, e.PID = witness.ServiceFailed, old.pid
	case old.up() && !now.up():
		e.Name, e.PID = witness.ServiceStopped, old.pid
	case !old.up() && now.up():
		e.Name = witness.ServiceStarted
	case old.up() && now.up() && old.pid != now.pid && old.pid != 0 && now.pid != 0:
		e.Name, e.Reason = witness.ServiceStarted, "restarted" // faster than its states were read
	default:
		return
	}
	emit(e)
}

// append adds the state of each unit that systemd has.
func (u *units) append(st *witness.Statement, snap *source.Snapshot) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.live {
		return
	}
	for _, name := range u.names {
		n := u.state[unitPath(name)]
		if !n.loaded {
			continue
		}
		st.Begin(witness.ClassService, name)
		st.Add(witness.String(witness.State, n.active), witness.Gauge32(witness.Restarts, n.restarts))
		if n.since > 0 {
			st.Add(witness.Counter64(witness.Since, n.since/1e6))
		}
		if n.pid > 0 {
			st.Add(witness.Gauge32(witness.PID, n.pid))
		}
		snap.State(st)
	}
}
