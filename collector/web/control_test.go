package web

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// serveControl serves a control socket until the test ends.
func serveControl(t *testing.T, dir string, s Source) *Control {
	t.Helper()
	c, err := ListenControl(dir, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- c.Serve() }()
	t.Cleanup(func() {
		_ = c.Close(t.Context())
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return c
}

func TestAskReadsTheStatus(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "us")
	src := busy()
	c := serveControl(t, dir, src)
	if st, err := os.Stat(c.Path()); err != nil || st.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v, %v; want a socket with 0600", st.Mode(), err)
	}
	var got Status
	if err := Ask(t.Context(), dir, "status", &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(src.status, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := Ask(t.Context(), dir, "nothing", &got); err == nil || !strings.Contains(err.Error(), "404 Not Found to /nothing; is it of another version of weir?") {
		t.Errorf("error %v", err)
	}
}

func TestListsOfNothingAreNotNull(t *testing.T) {
	dir := t.TempDir()
	serveControl(t, dir, &fake{})
	for _, name := range []string{"status", "agents"} {
		var raw json.RawMessage
		if err := Ask(t.Context(), dir, name, &raw); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "null") {
			t.Errorf("%s: %s", name, raw)
		}
	}
}

func TestControlRefusesASecondCollector(t *testing.T) {
	dir := t.TempDir()
	serveControl(t, dir, busy())
	_, err := ListenControl(dir, busy(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "state_dir "+dir+" is in use by weir with process id ") || !strings.HasSuffix(err.Error(), "; stop it, or set another state_dir") {
		t.Errorf("error %v", err)
	}
	if err := Ask(t.Context(), dir, "status", &Status{}); err != nil {
		t.Errorf("the first does not answer any more: %v", err)
	}
}

func TestControlReplacesTheSocketOfTheDead(t *testing.T) {
	dir := t.TempDir()
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, socketName)})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if err := os.WriteFile(filepath.Join(dir, lockName), []byte("99999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := "no weir runs with state_dir " + dir + "; start it with `weir run`, or name its configuration with --config FILE"
	if err := Ask(t.Context(), dir, "status", &Status{}); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	serveControl(t, dir, busy())
	if err := Ask(t.Context(), dir, "status", &Status{}); err != nil {
		t.Error(err)
	}
}

func TestControlKeepsWhatIsNoSocket(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, socketName)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ListenControl(dir, busy(), nil)
	want := "control socket " + path + ": is there and no socket; set state_dir to a folder this user can write"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("the file is gone: %q, %v", b, err)
	}
}

func TestControlTakesALongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 40))
	c := serveControl(t, dir, busy())
	if len(c.Path()) <= maxSocketPath {
		t.Fatalf("%d octets are not long", len(c.Path()))
	}
	if err := Ask(t.Context(), dir, "status", &Status{}); err != nil {
		t.Error(err)
	}
}

func TestControlCloseLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		c, err := ListenControl(dir, busy(), nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- c.Serve() }()
		if err := Ask(t.Context(), dir, "status", &Status{}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("closed after %v", d)
		}
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
		if _, err := os.Lstat(c.Path()); !os.IsNotExist(err) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

func TestControlExplainsABadFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ListenControl(filepath.Join(file, "state"), busy(), nil)
	want := "state_dir " + file + "/state cannot be made: not a directory; set state_dir to a folder this user can write"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}
