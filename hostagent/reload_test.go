package hostagent

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"weir/hostagent/config"
	"weir/hostagent/source"
	"weir/hostagent/source/sampling"
)

// logged is a writer that may be read meanwhile.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Only what changes is stopped and made anew.
func TestReloadRestartsWhatChanges(t *testing.T) {
	base := config.Default()
	base.StateDir = t.TempDir()
	for _, c := range []struct {
		name    string
		change  func(c *config.Config)
		changed []string // that the log names
		anew    []string // of these, which are stopped and made anew
	}{
		{"nothing", func(*config.Config) {}, nil, nil},
		{"polling", func(c *config.Config) { c.Polling.Default = config.Duration(3 * time.Second) }, []string{"link"}, []string{"link"}},
		{"a process", func(c *config.Config) { c.Services.Processes = []string{"sshd"} }, []string{"service"}, []string{"service"}},
		{"the rate", func(c *config.Config) { c.Sampling.Rate = 10 }, []string{"sampling"}, nil},
		{"the payload", func(c *config.Config) { c.Sampling.Payload = 10 }, []string{"drops", "sampling"}, []string{"drops"}},
		{"the method", func(c *config.Config) { c.Sampling.Method = "tcx" }, []string{"sampling"}, []string{"sampling"}},
		{"neighbour off", func(c *config.Config) { c.Off = []string{"neighbour"} }, []string{"neighbour", "sampling"}, nil},
		{"namespaces", func(c *config.Config) { c.Namespaces.Names = []string{"qrouter-*"} }, []string{"netns"}, []string{"netns"}},
		{"collectors", func(c *config.Config) { c.Collectors = []string{"192.0.2.9"} }, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAgent(base, IO{Log: zerolog.Nop()})
			defer a.sender.Close()
			next := base
			c.change(&next)
			after, changed := takeOver(a.modules, modules(next, a))
			slices.Sort(changed)
			if diff := cmp.Diff(c.changed, changed); diff != "" {
				t.Errorf("changed (-want +got)\n%s", diff)
			}
			var anew []string
			for _, m := range after {
				if !slices.Contains(a.modules, m) {
					anew = append(anew, m.source.Name())
				}
				if m.settings == "" {
					t.Errorf("%s has no settings", m.source.Name())
				}
			}
			slices.Sort(anew)
			if diff := cmp.Diff(c.anew, anew); diff != "" {
				t.Errorf("made anew (-want +got)\n%s", diff)
			}
			for _, m := range after {
				if want := time.Duration(next.Polling.Default); m.source.Name() == "host" && m.every != want {
					t.Errorf("host is polled every %v, want %v", m.every, want)
				}
			}
		})
	}
}

// A module whose settings stay runs on through a reload, and one that is turned
// off ends.
func TestReloadLeavesTheOthersAlone(t *testing.T) {
	c := listen(t)
	var log logged
	cfg := testConfig(t, c)
	cfg.Off = slices.DeleteFunc(cfg.Off, func(n string) bool { return n == "host" || n == "logs" })
	a := newAgent(cfg, IO{Log: zerolog.New(&log), Digest: "d1"})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); a.sender.Close() })
	begun, ended := make(chan struct{}, 9), make(chan struct{}, 9)
	watcher := &fake{name: "host", watch: func(ctx context.Context, _ source.Sink) error {
		begun <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil
	}}
	a.modules[0].source = watcher
	a.startModules(ctx)
	<-begun
	a.reload(ctx, Reload{cfg, "d1"})
	next := cfg
	next.Off = append(slices.Clone(cfg.Off), "logs")
	a.reload(ctx, Reload{next, "d2"})
	if len(begun) > 0 || len(ended) > 0 || len(a.modules) != 1 {
		t.Errorf("it was begun %d times more and ended %d times; %d modules run", len(begun), len(ended), len(a.modules))
	}
	for _, want := range []string{`"digest":"d1","changed":[]`, `"digest":"d2","changed":["logs"]`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	}
	next.Off = moduleNames()
	a.reload(ctx, Reload{next, "d3"})
	<-ended
}

// Sources that ask one another find those that run.
func TestPeersAreThoseThatRun(t *testing.T) {
	a := newAgent(config.Default(), IO{Log: zerolog.Nop()})
	defer a.sender.Close()
	find := func(all []*module) (s *sampling.Source) {
		for _, m := range all {
			if v, ok := m.source.(*sampling.Source); ok {
				s = v
			}
		}
		return s
	}
	if a.peers.samples.Load() != find(a.modules) || a.peers.services.Load() == nil || a.peers.neighbours.Load() == nil || a.peers.internal() == nil {
		t.Error("not those that run")
	}
	a.peers.set(nil)
	if is, known := a.peers.runs("x"); is || known || a.peers.controls() != nil || a.peers.internal() != nil {
		t.Error("those that do not run answer")
	}
	a.peers.frame(1, nil)
}
