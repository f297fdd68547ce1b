package sampling

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"weir/bench/lab"
	"weir/decoder/sflow"
	"weir/hostagent/sampler"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

func TestInterfacesAreSelected(t *testing.T) {
	all := []link.Info{
		{Name: "eth0", Kind: link.Physical}, {Name: "tap1", Kind: link.Tap}, {Name: "tap2", Kind: link.Tap},
		{Name: "br0", Kind: link.Bridge}, {Name: "veth0", Kind: link.Veth}, {Name: "bond0", Kind: link.Bond},
	}
	for _, c := range []struct {
		name string
		cfg  Config
		want []string
	}{
		{"without a word", Config{}, []string{"eth0", "tap1", "tap2"}},
		{"but some", Config{Except: []string{"tap2", "eth*"}}, []string{"tap1"}},
		{"named", Config{Names: []string{"br0", "veth*"}}, []string{"br0", "veth0"}},
		{"named but some", Config{Names: []string{"*"}, Except: []string{"tap*", "e*"}}, []string{"br0", "veth0", "bond0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := New(c.cfg, nil, nil)
			var got []string
			for i := range all {
				if s.cfg.Load().selects(&all[i]) {
					got = append(got, all[i].Name)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("(-want +got)\n%s", d)
			}
		})
	}
}

// flows counts samples by their source.
type flows struct {
	mu   sync.Mutex
	seen map[uint32]int
}

func (f *flows) Flow(s *sflow.FlowSample, _ ...sflow.Appender) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[s.Source.Index]++
}
func (*flows) Discard(*sflow.DiscardSample, ...sflow.Appender) {}
func (*flows) Lost(uint64)                                     {}

func (f *flows) of(index uint32) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[index]
}

// An interface that appears is sampled within a second or two and named with its
// rate; one that goes is forgotten.
func TestNewInterfacesAreSampled(t *testing.T) {
	l := lab.NewBare(t)
	ns := l.Namespace("node")
	f := &flows{seen: map[uint32]int{}}
	table := link.NewTable()
	s := New(Config{Names: []string{"tap*"}, Rate: 1, Header: sampler.DefaultHeader}, table, f)
	sm := running(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := l.Go(ns, func() {
		if err := table.Refresh(time.Now(), 0); err != nil { // the table's namespace is this one
			t.Error(err)
		}
		inside := l.Go(ns, func() { s.choose(ctx, sm) })
		if err := sm.Run(ctx); err != nil {
			t.Error(err)
		}
		<-inside
	})
	t.Cleanup(func() { cancel(); <-done })
	l.IP("-n", ns, "link", "add", "tap1", "type", "veth", "peer", "name", "vm1")
	l.IP("-n", ns, "link", "set", "tap1", "up")
	l.IP("-n", ns, "link", "set", "vm1", "up")
	told := func() string {
		var t source.Telling
		s.Tell(&t)
		if t.SamplingBudget != uint32(s.cfg.Load().Budget) {
			return fmt.Sprint("a budget of ", t.SamplingBudget)
		}
		return t.Sampling
	}
	l.Eventually(5*time.Second, "tap1 sampled", func() bool { return told() == "tap1=1" })
	var index, vm uint32
	for name, to := range map[string]*uint32{"tap1": &index, "vm1": &vm} {
		if _, err := fmt.Sscan(l.Exec(ns, "cat", "/sys/class/net/"+name+"/ifindex"), to); err != nil {
			t.Fatal(err)
		}
	}
	l.Eventually(5*time.Second, "samples", func() bool {
		l.In(ns, func() {
			fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer unix.Close(fd)
			_ = unix.Sendto(fd, make([]byte, 60), 0, &unix.SockaddrLinklayer{Ifindex: int(vm)})
		})
		return f.of(index) > 0
	})
	if err := s.Collect(time.Time{}, nil); err != nil {
		t.Error(err)
	}
	l.IP("-n", ns, "link", "del", "tap1")
	l.Eventually(5*time.Second, "tap1 forgotten", func() bool { return told() == "" })
	if err := s.Collect(time.Time{}, nil); err != nil && !strings.Contains(err.Error(), "tap1") {
		t.Error(err)
	}
}

// running gives s a sampler, as Run does.
func running(t *testing.T, s *Source) *sampler.Sampler {
	t.Helper()
	sm, err := sampler.New(sampler.Config{Header: s.cfg.Load().Header, Emit: func(f *sflow.FlowSample) { s.flows.Flow(f) }})
	if err != nil {
		t.Fatal(err)
	}
	s.now.Store(sm)
	return sm
}
