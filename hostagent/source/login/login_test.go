package login

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/prop"

	"weir/bench/lab"
	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) Emit(e source.Event) {
	line := e.Name + " " + e.Subject
	for _, p := range e.More {
		if p.Type == sflow.MetricString {
			line += " " + p.Name + "=" + p.Text
		} else {
			line += fmt.Sprintf(" %s=%d", p.Name, p.Bits)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, line)
}

func (*heard) Push(*source.Snapshot) {}

func (h *heard) want(t *testing.T, what string, events ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		h.mu.Lock()
		got = slices.Clone(h.list)
		h.mu.Unlock()
		if len(got) >= len(events) {
			break
		}
	}
	if !slices.Equal(got, events) {
		t.Errorf("%s: told %q, want %q", what, got, events)
	}
	h.mu.Lock()
	h.list = nil
	h.mu.Unlock()
}

func start(t *testing.T, s *Source) *heard {
	t.Helper()
	h := &heard{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

// values returns what is told of the node.
func values(t *testing.T, s *Source) (sessions, failed float64, told bool) {
	t.Helper()
	var snap source.Snapshot
	if err := s.Collect(time.Time{}, &snap); err != nil {
		t.Error(err)
	}
	sessions, failed = -1, -1
	for v := range snap.All() {
		told = true
		var m sflow.RTMetric
		if err := m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: v.Bytes[8:]}); err != nil {
			t.Fatal(err)
		}
		for p := range m.Metrics.All() {
			switch string(p.Name) {
			case witness.Sessions:
				sessions = p.Float()
			case witness.Failed:
				failed = p.Float()
			}
		}
	}
	return sessions, failed, told
}

// records returns the bytes that utmpdump, which is not ours, makes of its text.
func records(t *testing.T, lines ...string) []byte {
	t.Helper()
	cmd := exec.Command("utmpdump", "-r")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func line(kind int, user, tty, host, addr string) string {
	return fmt.Sprintf("[%d] [00042] [ts/0] [%-8s] [%-12s] [%-20s] [%-15s] [2026-03-04T05:06:07,000000+00:00]", kind, user, tty, host, addr)
}

func TestParseReadsWhatUtmpdumpWrites(t *testing.T) {
	lab.Need(t, "utmpdump")
	b := records(t, line(7, "alice", "pts/0", "bastion", "10.1.2.3"), line(7, "bob", "pts/1", "b", "2001:db8::7"))
	if len(b) != 2*native.size {
		t.Fatalf("%d octets, want %d", len(b), 2*native.size)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for i, want := range []record{
		{kind: 7, pid: 42, line: "pts/0", user: "alice", host: "bastion", addr: netip.MustParseAddr("10.1.2.3"), at: at},
		{kind: 7, pid: 42, line: "pts/1", user: "bob", host: "b", addr: netip.MustParseAddr("2001:db8::7"), at: at},
	} {
		got := native.parse(b[i*native.size:])
		got.at = got.at.UTC()
		if got != want {
			t.Errorf("record %d: %+v, want %+v", i, got, want)
		}
	}
}

func TestLayoutOf64BitTimes(t *testing.T) {
	l := layoutOf("arm64")
	b := make([]byte, l.size)
	binary.NativeEndian.PutUint16(b, 7)
	binary.NativeEndian.PutUint64(b[344:], 1<<33)
	copy(b[360:], []byte{10, 0, 0, 9})
	if r := l.parse(b); r.at.Unix() != 1<<33 || r.from() != "10.0.0.9" {
		t.Errorf("%+v", r)
	}
}

func TestFilesAreFollowed(t *testing.T) {
	lab.Need(t, "utmpdump")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	dir := t.TempDir()
	cfg := Config{Node: "cn1", WTMP: filepath.Join(dir, "wtmp"), BTMP: filepath.Join(dir, "btmp"), UTMP: filepath.Join(dir, "utmp")}
	add := func(path string, lines ...string) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.Write(records(t, lines...))
			_ = f.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add(cfg.WTMP, line(7, "old", "pts/9", "h", "0.0.0.0"))
	add(cfg.UTMP, line(7, "old", "pts/9", "h", "0.0.0.0"), line(6, "LOGIN", "tty1", "", "0.0.0.0"))
	s := New(cfg)
	h := start(t, s)
	for n := 0.0; n != 1; time.Sleep(10 * time.Millisecond) {
		n, _, _ = values(t, s)
	}
	add(cfg.WTMP, line(7, "alice", "pts/0", "bastion", "10.1.2.3"))
	h.want(t, "login", "login alice from=10.1.2.3 tty=pts/0")
	add(cfg.WTMP, line(8, "", "pts/0", "", "0.0.0.0"), line(8, "", "pts/9", "", "0.0.0.0"))
	h.want(t, "logout", "logout alice from=10.1.2.3 tty=pts/0")
	add(cfg.BTMP, line(6, "root", "ssh:notty", "evil", "192.0.2.1"), line(6, "root", "ssh:notty", "evil", "192.0.2.2"))
	h.want(t, "failures", "login_failed all count=2 from=192.0.2.2 tty=ssh:notty")
	if sessions, failed, _ := values(t, s); sessions != 1 || failed != 2 {
		t.Errorf("%v sessions, %v failed, want 1 and 2", sessions, failed)
	}
	// The log is rotated.
	if err := os.Rename(cfg.BTMP, cfg.BTMP+".1"); err != nil {
		t.Fatal(err)
	}
	add(cfg.BTMP, line(6, "root", "ssh:notty", "", "192.0.2.3"))
	h.want(t, "failures in a new file", "login_failed all count=1 from=192.0.2.3 tty=ssh:notty")
}

// TestFileIsCut: what is appended then is new from the file's start.
func TestFileIsCut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "btmp")
	f := &follower{path: file, layout: native}
	for i, step := range []struct{ size, want int }{{2, 0}, {3, 1}, {0, 0}, {1, 1}, {1, 0}, {2, 1}} { // in records
		if err := os.WriteFile(file, make([]byte, step.size*native.size), 0o600); err != nil { // the inode stays
			t.Fatal(err)
		}
		n := 0
		if err := f.read(func(record) { n++ }); err != nil || n != step.want {
			t.Errorf("step %d: %d records are new, want %d (%v)", i, n, step.want, err)
		}
	}
}

// midway calls itself with each event.
type midway func()

func (f midway) Emit(source.Event) { f() }

func (midway) Push(*source.Snapshot) {}

// TestFilesYieldToLogind: sessions that logind has told while the files were read
// are not replaced by what these say.
func TestFilesYieldToLogind(t *testing.T) {
	lab.Need(t, "utmpdump")
	dir := t.TempDir()
	s := New(Config{Node: "cn1", WTMP: filepath.Join(dir, "wtmp"), BTMP: filepath.Join(dir, "btmp"), UTMP: filepath.Join(dir, "utmp")})
	w, b := &follower{path: s.cfg.WTMP, layout: native}, &follower{path: s.cfg.BTMP, layout: native}
	told := 0
	look := func() {
		s.look(w, b, map[string]record{}, midway(func() { told++; s.setSessions(3) }))
	}
	look()
	if err := os.WriteFile(s.cfg.WTMP, records(t, line(7, "alice", "pts/0", "bastion", "10.1.2.3")), 0o600); err != nil {
		t.Fatal(err)
	}
	look()
	if sessions, _, _ := values(t, s); sessions != 3 || told != 1 {
		t.Errorf("%v sessions after %d events, want 3 after one", sessions, told)
	}
}

func TestUnreadableFileIsAnError(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	dir := t.TempDir()
	s := New(Config{Node: "cn1", WTMP: filepath.Join(dir, "none"), BTMP: dir, UTMP: filepath.Join(dir, "none")})
	start(t, s)
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var snap source.Snapshot
		err := s.Collect(time.Time{}, &snap)
		if err != nil {
			if !strings.Contains(err.Error(), "no regular file") || snap.Len() != 0 {
				t.Errorf("error %q, %d states", err, snap.Len())
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal("no error")
		}
	}
}

// seat stands in for logind: the bus, its signals and its properties are real.
type seat struct{}

func (seat) ListSessions() ([]struct {
	ID   string
	UID  uint32
	User string
	Seat string
	Path dbus.ObjectPath
}, *dbus.Error) {
	return nil, nil
}

func TestLogindIsAsked(t *testing.T) {
	lab.SystemBus(t)
	bus, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	if err := bus.Export(seat{}, logindPath, logindManager); err != nil {
		t.Fatal(err)
	}
	path := func(id string) dbus.ObjectPath { return logindPath + "/session/_3" + dbus.ObjectPath(id) }
	for id, class := range map[string]string{"1": "user", "2": "greeter"} {
		p := func(v any) *prop.Prop { return &prop.Prop{Value: v, Emit: prop.EmitFalse} }
		if _, err := prop.Export(bus, path(id), prop.Map{sessionIface: {
			"Name": p("alice"), "TTY": p("pts/3"), "RemoteHost": p("10.9.9.9"), "Leader": p(uint32(77)), "Class": p(class),
		}}); err != nil {
			t.Fatal(err)
		}
	}
	if r, err := bus.RequestName(logindName, 0); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(r, err)
	}
	dir := t.TempDir()
	s := New(Config{Node: "cn1", WTMP: filepath.Join(dir, "wtmp"), BTMP: filepath.Join(dir, "btmp"), UTMP: filepath.Join(dir, "utmp")})
	h := start(t, s)
	sessions := func(want float64) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			got, _, _ := values(t, s)
			if got == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%v sessions, want %v", got, want)
			}
		}
	}
	sessions(0)
	say := func(what, id string) {
		t.Helper()
		if err := bus.Emit(logindPath, logindManager+"."+what, id, path(id)); err != nil {
			t.Fatal(err)
		}
	}
	say("SessionNew", "2")
	say("SessionNew", "1")
	h.want(t, "login", "login alice from=10.9.9.9 tty=pts/3 session=1")
	sessions(2)
	say("SessionRemoved", "2")
	say("SessionRemoved", "1")
	h.want(t, "logout", "logout alice from=10.9.9.9 tty=pts/3 session=1")
	sessions(0)
}
