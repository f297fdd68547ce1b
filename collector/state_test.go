package collector

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"weir/collector/agents"
	"weir/collector/config"
	"weir/collector/store"
)

// countKnown is how many agents the state file of the tests holds, behind a few
// source addresses: far more than could be admitted anew while a test waits.
func countKnown() int {
	if testing.Short() { // with the race detector
		return 2_000
	}
	return 10_000
}

func knownAgent(i int) (agent netip.Addr, source string) {
	return netip.AddrFrom4([4]byte{10, byte(1 + i>>16), byte(i >> 8), byte(i)}), fmt.Sprintf("127.0.1.%d", 1+i%4)
}

// remember writes the state file of a collector that knew these agents.
func remember(t *testing.T, dir string, n int) {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var known []agents.Known
	for i := range n {
		a, source := knownAgent(i)
		now := time.Now()
		known = append(known, agents.Known{Agent: a, Source: netip.MustParseAddr(source), First: now.Add(-time.Hour), Last: now.Add(-time.Minute)})
	}
	if err := s.SaveAgents(known); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// speak lets each known agent send one datagram, at a pace the collector
// keeps even in a slow test.
func speak(r *running, n int) {
	r.t.Helper()
	conns := map[string]net.Conn{}
	for i := range 4 {
		_, source := knownAgent(i)
		conns[source] = r.dial(source)
	}
	for i := range n {
		a, source := knownAgent(i)
		e := exporter{agent: a, uptime: 1000}
		r.send(conns[source], e.flows(uint16(i)))
		if i%100 == 99 {
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// A collector that was restarted admits the agents it knew at once, however
// slowly it admits others (one a second), and so does the one after it.
func TestKnownAgentsSurviveRestarts(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.Limits.AdmissionBurst, cfg.Limits.AdmissionRate = 1, 1
	knownAgents := countKnown()
	remember(t, cfg.StateDir, knownAgents)
	for generation := range 2 {
		r := start(t, cfg)
		speak(r, knownAgents)
		r.eventually("all agents", func() bool {
			s := r.status()
			return s.Agents == knownAgents && count(s.Samples, "0:1") == uint64(knownAgents)
		})
		s := r.status()
		if len(s.Refused) != 0 || s.Admitted != uint64(knownAgents) {
			t.Errorf("generation %d: refused %v, admitted %d", generation, s.Refused, s.Admitted)
		}
		c, begin := r.dial("127.0.1.9"), time.Now()
		for i := range 50 { // nobody knew these
			e := newExporter(fmt.Sprintf("192.0.2.%d", i))
			r.send(c, e.flows(1))
		}
		r.eventually("strangers refused", func() bool {
			s = r.status()
			return s.Admitted-uint64(knownAgents)+count(s.Refused, "admission_rate") == 50
		})
		if n := s.Admitted - uint64(knownAgents); float64(n) > 2+time.Since(begin).Seconds() {
			t.Errorf("generation %d: %d strangers admitted in %v", generation, n, time.Since(begin))
		}
		r.stop()
	}
}

// runOnce runs a collector that is expected to refuse, and returns why.
func runOnce(t *testing.T, cfg config.Config) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return Run(ctx, cfg, IO{Alerts: io.Discard, Log: zerolog.Nop()})
}

func TestRunRefusesInOneLine(t *testing.T) {
	t.Parallel()
	first := start(t, testConfig(t))
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer web.Close()
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "state.db"), []byte("no database, and long enough to be asked what it is"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		want   string // in the error
	}{
		{"a second collector with one state_dir", func(c *config.Config) { c.StateDir = first.cfg.StateDir }, "state_dir " + first.cfg.StateDir + " is in use"},
		{"a port of another collector", func(c *config.Config) { c.Listen[0] = netip.MustParseAddrPort(first.sflow) }, first.sflow},
		{"a port of another program", func(c *config.Config) { c.Listen[0] = netip.MustParseAddrPort(taken.LocalAddr().String()) }, taken.LocalAddr().String()},
		{"a port of another server", func(c *config.Config) { c.HTTP = netip.MustParseAddrPort(web.Addr().String()) }, web.Addr().String()},
		{"an address of another machine", func(c *config.Config) { c.Listen[0] = netip.MustParseAddrPort("192.0.2.1:6343") }, "192.0.2.1:6343"},
		{"a state_dir that cannot be made", func(c *config.Config) { c.StateDir = filepath.Join(plain, "weir") }, "state_dir " + filepath.Join(plain, "weir")},
		{"a state_dir that is a file", func(c *config.Config) { c.StateDir = plain }, plain},
		{"a state file that is none", func(c *config.Config) { c.StateDir = broken }, filepath.Join(broken, "state.db")},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := testConfig(t)
			c.change(&cfg)
			err := runOnce(t, cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q, want one line with %s", err, c.want)
			}
			t.Log(err)
			// What was refused leaves nothing behind: the same directory works.
			if cfg.StateDir == first.cfg.StateDir || strings.HasPrefix(cfg.StateDir, plain) || cfg.StateDir == broken {
				return
			}
			cfg.Listen, cfg.HTTP = testConfig(t).Listen, testConfig(t).HTTP
			start(t, cfg).stop()
		})
	}
}
