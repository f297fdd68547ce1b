// Package influxtest runs real servers for tests: InfluxDB 1.8, which
// `go install` builds, and VictoriaMetrics of Debian.
package influxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// T is the part of testing.TB that is used, so that benchmarks that are programs
// can run servers too.
type T interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Skip(args ...any)
	Skipf(format string, args ...any)
	TempDir() string
	Cleanup(func())
}

// Influxd is the package that is built, by .ci/packages.
const Influxd = "github.com/influxdata/influxdb/cmd/influxd@v1.8.10"

// Binary returns the path of influxd, built before; the test is skipped where
// it is missing.
func Binary(t T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip("no cache directory:", err)
	}
	name := filepath.Join(cache, "weir-test", "bin", "influxd")
	if _, err := os.Stat(name); err != nil {
		t.Skipf("no influxd: GOBIN=%s go install %s", filepath.Dir(name), Influxd)
	}
	return name
}

// Server is a server with a folder of its own. It ends with the test.
type Server struct {
	URL string

	t    T
	args func() *exec.Cmd

	mu  sync.Mutex // guards cmd: tests kill by a timer
	cmd *exec.Cmd
}

// Start starts InfluxDB with InfluxQL, Flux and an empty disk.
func Start(t T) *Server { return StartWith(t, "") }

// StartWith starts InfluxDB with further lines in the [http] section.
func StartWith(t T, http string) *Server {
	t.Helper()
	binary, dir := Binary(t), t.TempDir()
	addr, rpc := freePort(t), freePort(t)
	conf := filepath.Join(dir, "influxd.conf")
	text := fmt.Sprintf(`reporting-disabled = true
bind-address = %q
[meta]
dir = %q
[data]
dir = %q
wal-dir = %q
query-log-enabled = false
[http]
bind-address = %q
flux-enabled = true
log-enabled = false
%s
[monitor]
store-enabled = false
`, rpc, filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), addr, http)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return start(t, "http://"+addr, func() *exec.Cmd { return exec.Command(binary, "-config", conf) })
}

// StartVictoriaMetrics starts VictoriaMetrics; the test is skipped where it is
// missing.
func StartVictoriaMetrics(t T) *Server {
	t.Helper()
	binary, err := exec.LookPath("victoria-metrics")
	if err != nil {
		t.Skip("no victoria-metrics: apt-get install victoria-metrics")
	}
	dir, addr := t.TempDir(), freePort(t)
	return start(t, "http://"+addr, func() *exec.Cmd {
		return exec.Command(binary, "-storageDataPath="+dir, "-httpListenAddr="+addr, "-retentionPeriod=1", "-search.latencyOffset=0s", "-loggerLevel=ERROR")
	})
}

func start(t T, url string, args func() *exec.Cmd) *Server {
	t.Helper()
	s := &Server{URL: url, t: t, args: args}
	t.Cleanup(s.Kill)
	s.Restart()
	return s
}

// Restart starts the server again, on the same address and folder, and waits
// until it answers.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	cmd := s.args()
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, path := range []string{"/ping", "/health"} {
			resp, err := http.Get(s.URL + path)
			if err != nil {
				continue
			}
			resp.Body.Close()
			if resp.StatusCode/100 == 2 {
				return
			}
		}
	}
	s.t.Fatalf("%s did not answer within 90 s", s.URL)
}

// Kill ends the server at once, as kill -9 does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// freePort returns an address of 127.0.0.1 that nobody listens on. Its port is below
// those that the kernel gives to whoever asks for any, so that nobody else is given it
// before the server has it, or while the server is away.
func freePort(t T) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20000+rand.IntN(12000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// get returns the body of an answer, which must be a success.
func get(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.StatusCode/100 != 2 {
		err = errors.Join(err, fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(body))))
	}
	return body, err
}
