package collector

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/agents"
	"weir/collector/config"
	"weir/collector/web"
	"weir/detect"
)

// lines is a writer that several goroutines may use.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// all returns the whole lines written so far.
func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(strings.Lines(l.b.String()))
}

// with returns the lines that hold text.
func (l *lines) with(text string) []string {
	return slices.DeleteFunc(l.all(), func(s string) bool { return !strings.Contains(s, text) })
}

// running is a collector under test.
type running struct {
	t      *testing.T
	app    *app
	cfg    config.Config
	sflow  string
	alerts lines
	log    lines
	reload chan config.Config
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of run, after done
}

// testConfig listens on ports of the kernel's choice.
func testConfig(t *testing.T) config.Config {
	cfg := config.Default()
	cfg.Listen = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}
	cfg.HTTP = netip.MustParseAddrPort("127.0.0.1:0")
	cfg.StateDir = t.TempDir()
	cfg.Shards = 2
	cfg.Access.Rate = 1e6 // who waits for something asks often
	cfg.LargeFlow.Threshold = detect.Threshold{BitsPerSecond: 100e6}
	return cfg
}

// start runs a collector until the test ends.
func start(t *testing.T, cfg config.Config) *running {
	t.Helper()
	return startWith(t, cfg, func(*IO) {})
}

// startWith lets a test change what the collector speaks to.
func startWith(t *testing.T, cfg config.Config, change func(*IO)) *running {
	t.Helper()
	r := &running{t: t, cfg: cfg, reload: make(chan config.Config), done: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	ready := make(chan Addresses, 1)
	var err error
	io := IO{
		Alerts: &r.alerts, AlertsJSON: true, Log: zerolog.New(&r.log), Reload: r.reload,
		Ready: func(a Addresses) { ready <- a }, Version: "test",
	}
	change(&io)
	r.app, err = newApp(cfg, io)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.done)
		r.err = r.app.run(ctx)
	}()
	r.sflow = (<-ready).SFlow[0]
	t.Cleanup(func() {
		r.stop()
		if t.Failed() {
			t.Logf("log:\n%s", strings.Join(r.log.all(), ""))
		}
	})
	return r
}

// stop ends the collector and expects that it ends well.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case <-r.done:
	case <-time.After(time.Minute):
		r.t.Fatal("the collector did not stop")
	}
	if r.err != nil {
		r.t.Errorf("Run: %v", r.err)
	}
}

// dial returns a socket on a source address and a port of the kernel's choice.
func (r *running) dial(source string) net.Conn {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP(source)}}
	c, err := d.Dial("udp", r.sflow)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	return c
}

func (r *running) send(c net.Conn, payload []byte) {
	r.t.Helper()
	if _, err := c.Write(payload); err != nil {
		r.t.Fatal(err)
	}
}

func (r *running) status() (s web.Status) {
	r.t.Helper()
	if err := web.Ask(r.t.Context(), r.cfg.StateDir, "status", &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// agents asks over the control socket, and returns the same as it is.
func (r *running) agents() []*agents.AgentInfo {
	r.t.Helper()
	var said []struct{ Agent netip.Addr }
	if err := web.Ask(r.t.Context(), r.cfg.StateDir, "agents", &said); err != nil {
		r.t.Fatal(err)
	}
	all := r.app.Agents()
	if len(all) < len(said) {
		r.t.Errorf("%d agents over the control socket, %d within", len(said), len(all))
	}
	return all
}

// eventually waits for what must come to be.
func (r *running) eventually(what string, done func() bool) {
	r.t.Helper()
	for end := time.Now().Add(3 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if done() {
			return
		}
	}
	r.t.Fatalf("not within three minutes: %s", what)
}

// stream sends an elephant of 1.2 Gbit/s among mice until done says so.
func (r *running) stream(e *exporter, c net.Conn, done func() bool) {
	r.t.Helper()
	next := time.Now()
	for i := 0; !done(); i++ {
		if i > 2000 {
			r.t.Fatalf("nothing came of %d samples: %s", i, r.alerts.all())
		}
		r.send(c, e.flows(40000, uint16(1000+i)))
		next = next.Add(10 * time.Millisecond)
		time.Sleep(time.Until(next))
	}
}

// told returns the alerts about what was sent: a busy machine brings some about weir
// itself, which cannot hear all.
func (r *running) told() []string {
	return slices.DeleteFunc(r.alerts.all(), func(s string) bool { return strings.Contains(s, `"kind":"collector_`) })
}

func (r *running) saw(change string) bool {
	return slices.ContainsFunc(r.told(), func(s string) bool { return strings.Contains(s, `"change":"`+change+`"`) })
}

func count(all []web.Count, key string) uint64 {
	for _, c := range all {
		if c.Key == key {
			return c.Count
		}
	}
	return 0
}
