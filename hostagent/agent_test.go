package hostagent

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/config"
	"weir/hostagent/process"
	"weir/hostagent/source"
)

// collector receives on a loopback address and keeps the statements.
type collector struct {
	t    *testing.T
	conn *net.UDPConn
	addr string

	lossy atomic.Bool // more comes than the socket holds
	mu    sync.Mutex
	said  []statement
	last  sflow.Seq
}

// statement is one that was received.
type statement struct {
	at     time.Time
	source string
	said   witness.Said
}

func listen(t *testing.T) *collector {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{t: t, conn: conn, addr: conn.LocalAddr().String()}
	done := make(chan struct{})
	go func() { defer close(done); c.read() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return c
}

func (c *collector) read() {
	for {
		b := make([]byte, 2000)
		n, err := c.conn.Read(b)
		if err != nil {
			return
		}
		var d sflow.Datagram
		if err := d.Decode(b[:n]); err != nil {
			c.t.Error(err)
			continue
		}
		c.mu.Lock()
		if !c.lossy.Load() && d.Sequence != c.last+1 && d.Sequence != 1 {
			c.t.Errorf("datagram %d after %d", d.Sequence, c.last)
		}
		c.last = d.Sequence
		for smp, err := range d.Samples() {
			if err != nil {
				c.t.Error(err)
				break
			}
			var m sflow.RTMetric
			if m.Decode(smp) != nil {
				continue
			}
			if s, ok := witness.Parse(&m); ok {
				c.said = append(c.said, statement{time.Now(), m.DataSource.String(), s})
			}
		}
		c.mu.Unlock()
	}
}

// all returns the statements of a data source so far.
func (c *collector) all(source string) (out []statement) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.said {
		if s.source == source {
			out = append(out, s)
		}
	}
	return out
}

// wait waits until the data source has said something for which ok is true.
func (c *collector) wait(source, what string, ok func(s *witness.Said) bool) statement {
	c.t.Helper()
	var said statement
	c.await(source+" saying "+what, func() bool {
		for _, s := range c.all(source) {
			if ok(&s.said) {
				said = s
				return true
			}
		}
		return false
	})
	return said
}

// await waits until ok.
func (c *collector) await(what string, ok func() bool) {
	c.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("still not: %s", what)
		}
	}
}

func any1(*witness.Said) bool { return true }

const (
	beatSource = "weir/heartbeat/node-1"
	testKey    = "a key of sixteen octets"
)

// testConfig runs no module of the node.
func testConfig(t *testing.T, c *collector) config.Config {
	cfg := config.Default()
	cfg.Collectors = []string{c.addr}
	cfg.Node = "node-1"
	cfg.StateDir = t.TempDir()
	cfg.AgentAddress.Addr = netip.MustParseAddr("192.0.2.7")
	cfg.Off = moduleNames()
	return cfg
}

// moduleNames lists what would run.
func moduleNames() (names []string) {
	a := &Agent{}
	a.events = newEvents(a.id, nil, nil)
	for _, m := range modules(config.Default(), a) {
		names = append(names, m.source.Name())
	}
	return names
}

// fake is a source made of functions.
type fake struct {
	name    string
	collect func(s *source.Snapshot) error
	watch   func(ctx context.Context, sink source.Sink) error
}

func (f *fake) Name() string { return f.name }

func (f *fake) Collect(_ time.Time, s *source.Snapshot) error {
	if f.collect == nil {
		return nil
	}
	return f.collect(s)
}

func (f *fake) Run(ctx context.Context, sink source.Sink) error {
	if f.watch == nil {
		<-ctx.Done()
		return nil
	}
	return f.watch(ctx, sink)
}

// agent runs modules of these sources, polled every 50 ms, until the test ends.
func agent(t *testing.T, c *collector, sources ...source.Source) *Agent {
	t.Helper()
	a := newAgent(testConfig(t, c), IO{Log: zerolog.Nop(), Version: "1", Digest: "d1", Key: []byte(testKey)})
	for _, s := range sources {
		a.modules = append(a.modules, &module{source: s, every: 50 * time.Millisecond, deadline: 200 * time.Millisecond})
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { a.events.run(ctx) })
	a.startModules(ctx)
	wg.Go(func() { a.beat(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait(); a.sender.Close() })
	return a
}

func TestEventIsToldThreeTimes(t *testing.T) {
	c := listen(t)
	began := make(chan time.Time, 1)
	agent(t, c, &fake{name: "watcher", watch: func(ctx context.Context, sink source.Sink) error {
		var state source.Snapshot
		var st witness.Statement
		st.Begin(witness.ClassLink, "br0")
		st.Add(witness.String(witness.Oper, "down"))
		state.State(&st)
		began <- time.Now()
		sink.Emit(source.Event{Name: witness.LinkDown, Subject: "br0", State: &state})
		state.Reset() // ours again
		<-ctx.Done()
		return nil
	}})
	const name = "weir/event/link_down"
	c.wait(name, "its last repetition", func(s *witness.Said) bool { n, _ := s.Uint(witness.Repeat); return n == 2 })
	at := <-began
	all := c.all(name)
	if len(all) != 3 {
		t.Fatalf("told %d times", len(all))
	}
	signer := witness.NewSigner([]byte(testKey))
	for i, s := range all {
		n, _ := s.said.Uint(witness.Repeat)
		if n != uint64(i) || s.said.Text(witness.ID) != all[0].said.Text(witness.ID) || s.said.Text(witness.Subject) != "br0" {
			t.Errorf("repetition %d: number %d, id %s", i, n, s.said.Text(witness.ID))
		}
		if !signer.Verify(&s.said) {
			t.Errorf("repetition %d: the signature does not fit", i)
		}
		after := []time.Duration{0, 200 * time.Millisecond, time.Second}[i]
		if got := s.at.Sub(at); got < after {
			t.Errorf("repetition %d came after %v, want %v", i, got, after)
		}
	}
	if n := len(c.all("weir/link/br0")); n != 3 {
		t.Errorf("the state was told %d times, want three", n)
	}
}

// TestHeartbeatOutlivesItsSources is about sources that fail in every way: each
// is named, and costs nobody else anything.
func TestHeartbeatOutlivesItsSources(t *testing.T) {
	c := listen(t)
	var st witness.Statement
	var polls atomic.Int32
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	agent(t, c,
		&fake{name: "good", collect: func(s *source.Snapshot) error {
			polls.Add(1)
			st.Begin(witness.ClassLog, "good")
			s.State(&st)
			return nil
		}},
		&fake{name: "failing", collect: func(*source.Snapshot) error { return errors.New("no, because: a=b") }},
		&fake{name: "panicking", collect: func(*source.Snapshot) error { panic("oops") }},
		&fake{name: "hanging", collect: func(*source.Snapshot) error { <-release; return nil }},
		&fake{name: "slow", collect: func(s *source.Snapshot) error {
			time.Sleep(300 * time.Millisecond)
			var st witness.Statement
			st.Begin(witness.ClassLog, "late")
			s.State(&st)
			return nil
		}},
		&fake{name: "missing", collect: func(*source.Snapshot) error { return source.ErrAbsent }},
		&fake{name: "ending", watch: func(context.Context, source.Sink) error { return errors.New("broken") }},
		&fake{name: "bursting", watch: func(context.Context, source.Sink) error { panic("watch") }},
	)
	c.wait(beatSource, "all that fails", func(s *witness.Said) bool {
		m := s.Text(witness.Modules)
		for _, want := range []string{"good=ok", "failing=error:no  because: a b", "panicking=error:panic: oops", "hanging=error:hangs for ",
			"slow=error:took ", "missing=absent", "ending=error:broken", "bursting=error:panic: watch"} {
			if !strings.Contains(m, want) {
				return false
			}
		}
		errs, _ := s.Uint(witness.ModuleErrors)
		return errs > 5
	})
	n := polls.Load()
	c.await("four polls more of the good source", func() bool { return polls.Load() >= n+4 }) // while another hangs
	if len(c.all("weir/log/late")) > 0 {
		t.Error("what came after its deadline was sent")
	}
	beats := c.all(beatSource)
	for i := 1; i < len(beats); i++ {
		a, _ := beats[i-1].said.Uint(witness.Sequence)
		b, _ := beats[i].said.Uint(witness.Sequence)
		if b != a+1 {
			t.Errorf("heartbeat %d, then %d", a, b)
		}
	}
}

// teller is a fake that adds to the heartbeat.
type teller struct {
	fake
	tell func(*source.Telling)
}

func (f *teller) Tell(t *source.Telling) { f.tell(t) }

func TestLostFramesAreTold(t *testing.T) {
	c := listen(t)
	var lost atomic.Uint64
	agent(t, c,
		&teller{fake{name: "one"}, func(t *source.Telling) { t.FramesLost = lost.Load() }},
		&teller{fake{name: "two"}, func(t *source.Telling) { t.FramesLost = 2 * lost.Load() }},
	)
	c.wait(beatSource, "nothing lost", func(s *witness.Said) bool {
		_, ok := s.Uint(witness.FramesLost)
		return !ok && strings.Contains(s.Text(witness.Modules), "two=ok")
	})
	lost.Store(7)
	c.wait(beatSource, "frames lost of both", func(s *witness.Said) bool {
		got, _ := s.Uint(witness.FramesLost)
		return got == 21
	})
}

func TestLostFramesAreLoggedNowAndThen(t *testing.T) {
	var log strings.Builder
	a := newAgent(config.Default(), IO{Log: zerolog.New(&log)})
	m := &module{source: &fake{name: "lldp"}}
	now := time.Unix(1_800_000_000, 0)
	for _, poll := range []struct {
		after time.Duration
		lost  uint64
		want  string
	}{
		{0, 0, ""},
		{time.Second, 7, `"frames":7,"since_start":7,`},
		{2 * time.Second, 9, ""},
		{time.Second + lostEvery, 10, `"frames":3,"since_start":10,`},
		{3 * lostEvery, 10, ""},
	} {
		log.Reset()
		m.logLost(poll.lost, now.Add(poll.after), a)
		want := ""
		if poll.want != "" {
			want = `{"level":"warn","module":"lldp",` + poll.want + `"message":"frames were too many and are not heard"}` + "\n"
		}
		if diff := cmp.Diff(want, log.String()); diff != "" {
			t.Errorf("%d lost after %v (-want +got):\n%s", poll.lost, poll.after, diff)
		}
	}
}

func TestManyEventsAreBounded(t *testing.T) {
	c := listen(t)
	c.lossy.Store(true)
	a := newAgent(testConfig(t, c), IO{Log: zerolog.Nop(), Key: []byte(testKey)}) // repeats nothing: none leaves the queue meanwhile
	defer a.sender.Close()
	for range maxPending + 500 {
		a.events.Emit(source.Event{Name: witness.LinkDown, Subject: "x"})
	}
	if n := a.events.lost(); n != 500 {
		t.Errorf("%d events are told once only, want 500", n)
	}
}

// TestRunFromStartToEnd is the whole agent without sources.
func TestRunFromStartToEnd(t *testing.T) {
	c := listen(t)
	cfg := testConfig(t, c)
	cfg.Off = slices.DeleteFunc(cfg.Off, func(n string) bool { return n == "host" })
	run := func(version string, why process.Why) error {
		ctx, cancel := context.WithCancel(context.Background())
		reload := make(chan Reload)
		done := make(chan error)
		go func() {
			done <- Run(ctx, cfg, IO{Log: zerolog.Nop(), Version: version, Digest: "d1", Key: []byte(testKey), Reload: reload,
				Stop: func() process.Why { return why }})
		}()
		beat := func(digest, modules string) {
			c.wait(beatSource, digest, func(s *witness.Said) bool {
				return s.Text(witness.ConfigDigest) == digest && s.Text(witness.Version) == version && strings.HasPrefix(s.Text(witness.Modules), modules)
			})
		}
		beat("d1", "host=")
		next := cfg
		next.Off = append(slices.Clone(cfg.Off), "host")
		reload <- Reload{next, "d2"}
		beat("d2", "")
		cancel()
		return <-done
	}
	if err := run("1", process.Why{Cause: process.CauseSignal, Reason: "SIGTERM", PID: 77, UID: 0, Known: true, Command: "kill 5"}); err != nil {
		t.Fatal(err)
	}
	stop := c.wait("weir/event/agent_stopping", "its last words", any1).said
	if pid, _ := stop.Uint(witness.PID); pid != 77 || stop.Text(witness.Cause) != "signal" || stop.Text(witness.Command) != "kill 5" {
		t.Errorf("stopping: cause %q, pid %d, command %q", stop.Text(witness.Cause), pid, stop.Text(witness.Command))
	}
	if uid, ok := stop.Uint(witness.UID); uid != 0 || !ok {
		t.Error("root is not told as uid 0")
	}
	if err := run("2", process.Why{Cause: process.CauseExit}); err != nil {
		t.Fatal(err)
	}
	// A third run finds what a killed one leaves.
	mark := filepath.Join(cfg.StateDir, "last-run.json")
	b, err := os.ReadFile(mark)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mark, []byte(strings.Replace(string(b), `"clean":true`, `"clean":false`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run("2", process.Why{}); err != nil {
		t.Fatal(err)
	}
	c.await("three ends, three times each", func() bool { return len(c.all("weir/event/agent_stopping")) >= 9 })
	causes := map[string]string{}
	var order []string
	for _, s := range c.all("weir/event/agent_started") {
		id := s.said.Text(witness.ID) + s.said.Text(witness.Version) + s.said.Text(witness.Reason)
		if _, seen := causes[id]; !seen {
			order = append(order, s.said.Text(witness.Cause)+" "+s.said.Text(witness.Before)+" "+s.said.Text(witness.Reason))
		}
		causes[id] = ""
	}
	if len(order) != 3 || !slices.Contains([]string{"boot  ", "restart  "}, order[0]) {
		t.Fatalf("starts %q", order)
	}
	want := []string{"upgrade 1 ", "restart  the last run did not say that it ends"}
	if diff := cmp.Diff(want, order[1:]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if n := len(c.all("weir/event/agent_stopping")); n != 9 {
		t.Errorf("three ends were told %d times, want 9", n)
	}
	signer := witness.NewSigner([]byte(testKey))
	for _, s := range c.all(beatSource) {
		if !signer.Verify(&s.said) {
			t.Error("a heartbeat's signature does not fit")
		}
	}
}

func TestCauseOfStart(t *testing.T) {
	now := time.Unix(1e9, 0)
	id := identity{bootID: "b", bootTime: now.Unix() - 3600}
	young := identity{bootID: "b", bootTime: now.Unix() - 60}
	for _, c := range []struct {
		name string
		last ending
		id   identity
		want string
	}{
		{"nothing known, long after boot", ending{}, id, causeRestart},
		{"nothing known, soon after boot", ending{}, young, causeBoot},
		{"another boot", ending{known: true, BootID: "a", Version: "1"}, id, causeBoot},
		{"another version", ending{known: true, BootID: "b", Version: "0"}, young, causeUpgrade},
		{"the same", ending{known: true, BootID: "b", Version: "1"}, young, causeRestart},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.last.cause(c.id, "1", now); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
}

func TestHeartbeatAllocatesLittle(t *testing.T) {
	c := listen(t)
	a := newAgent(testConfig(t, c), IO{Log: zerolog.Nop(), Key: []byte(testKey)})
	defer a.sender.Close()
	for _, n := range []string{"a", "b", "c"} {
		a.modules = append(a.modules, &module{source: &fake{name: n}})
	}
	var h heartbeat
	if n := testing.AllocsPerRun(100, func() { h.fill(a, 1, time.Now()) }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}
