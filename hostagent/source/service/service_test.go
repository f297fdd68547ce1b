package service

import (
	"context"
	"fmt"
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
	"weir/hostagent/source"
)

// heard keeps what a source tells.
type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) Emit(e source.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, strings.TrimSpace(fmt.Sprintf("%s %s %s>%s %s", e.Name, e.Subject, e.Before, e.After, e.Reason)))
}

func (*heard) Push(*source.Snapshot) {}

func (h *heard) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.list
	h.list = nil
	return l
}

// want waits for exactly these events.
func (h *heard) want(t *testing.T, what string, events ...string) {
	t.Helper()
	var got []string
	for end := time.Now().Add(30 * time.Second); len(got) < len(events) && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got = append(got, h.take()...)
	}
	if !slices.Equal(got, events) {
		t.Errorf("%s: told %q, want %q", what, got, events)
	}
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

func states(t *testing.T, s *Source) string {
	t.Helper()
	var snap source.Snapshot
	if err := s.Collect(time.Time{}, &snap); err != nil {
		t.Error(err)
	}
	var b strings.Builder
	for v := range snap.All() {
		var m sflow.RTMetric
		if err := m.Decode(sflow.Sample{Format: sflow.FormatRTMetric, Body: v.Bytes[8:]}); err != nil {
			t.Fatal(err)
		}
		b.Write(m.DataSource)
		for p := range m.Metrics.All() {
			if p.Type == sflow.MetricString {
				fmt.Fprintf(&b, " %s=%s", p.Name, p.Text)
			} else if string(p.Name) != "pid" && string(p.Name) != "since" {
				fmt.Fprintf(&b, " %s=%v", p.Name, p.Float())
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestProcessesAreTold(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("needs the sleep command")
	}
	name := fmt.Sprintf("wd%d", os.Getpid())
	bin := filepath.Join(t.TempDir(), name)
	b, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bin, b, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func() *exec.Cmd {
		c := exec.Command(bin, "100")
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		return c
	}
	end := func(c *exec.Cmd) { _ = c.Process.Kill(); _ = c.Wait() }

	s := New(Config{Processes: []string{name, "nobody-has-this-name"}})
	old := run()
	h := start(t, s)
	for is := false; !is; time.Sleep(10 * time.Millisecond) {
		is, _ = s.Runs(name)
	}
	if got, want := states(t, s), "weir/service/"+name+" state=active restarts=0\nweir/service/nobody-has-this state=inactive restarts=0\n"; got != want {
		t.Errorf("states\n%swant\n%s", got, want)
	}
	begin := time.Now()
	end(old)
	h.want(t, "the only one ends", "service_stopped "+name+" >")
	t.Logf("end told after %v", time.Since(begin).Round(time.Millisecond))
	begin = time.Now()
	one := run()
	h.want(t, "one begins", "service_started "+name+" >")
	t.Logf("begin told after %v", time.Since(begin).Round(time.Millisecond))
	runs := func(n int) {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			s.processes.mu.Lock()
			got := len(s.processes.state[name].pids)
			s.processes.mu.Unlock()
			if got == n {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("%d processes are known, want %d", got, n)
			}
		}
	}
	two := run()
	runs(2)
	end(one)
	runs(1)
	h.want(t, "a second one begins and the first ends")
	end(two)
	h.want(t, "the last one ends", "service_stopped "+name+" >")
	if got := states(t, s); !strings.Contains(got, name+" state=inactive restarts=1") {
		t.Errorf("states\n%s", got)
	}
}

func TestUnitPath(t *testing.T) {
	for name, want := range map[string]string{
		"libvirtd.service":         "libvirtd_2eservice",
		"ovs-vswitchd.service":     "ovs_2dvswitchd_2eservice",
		"9p.mount":                 "_39p_2emount",
		"neutron_agent@br.service": "neutron_5fagent_40br_2eservice",
	} {
		if got := unitPath(name); got != dbus.ObjectPath(unitPrefix+want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// manager stands in for systemd: the bus, its signals and its properties are
// real.
type manager struct{}

func (manager) Subscribe() *dbus.Error { return nil }

func TestUnitsAreTold(t *testing.T) {
	lab.SystemBus(t)
	bus, err := dbus.ConnectSystemBus()
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	if err := bus.Export(manager{}, systemdPath, systemdManager); err != nil {
		t.Fatal(err)
	}
	str := func(v string) *prop.Prop { return &prop.Prop{Value: v, Emit: prop.EmitTrue} }
	props, err := prop.Export(bus, unitPath("libvirtd.service"), prop.Map{
		unitInterface: {"ActiveState": str("active"), "LoadState": str("loaded"), "StateChangeTimestamp": {Value: uint64(5e6), Emit: prop.EmitTrue}},
		serviceIface:  {"Result": str("success"), "MainPID": {Value: uint32(7), Emit: prop.EmitFalse}, "NRestarts": {Value: uint32(1), Emit: prop.EmitFalse}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := bus.RequestName(systemdName, 0); err != nil || r != dbus.RequestNameReplyPrimaryOwner {
		t.Fatal(r, err)
	}
	s := New(Config{Units: []string{"libvirtd", "not-here.service"}})
	h := start(t, s)
	const want = "weir/service/libvirtd.service state=active restarts=1\n"
	for end := time.Now().Add(30 * time.Second); states(t, s) != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("states\n%swant\n%s", states(t, s), want)
		}
	}
	set := func(pairs ...string) {
		t.Helper()
		for i := 0; i < len(pairs); i += 2 {
			iface := unitInterface
			if pairs[i] == "Result" {
				iface = serviceIface
			}
			if err := props.Set(iface, pairs[i], dbus.MakeVariant(pairs[i+1])); err != nil {
				props.SetMust(iface, pairs[i], pairs[i+1])
			}
		}
	}
	set("ActiveState", "reloading", "ActiveState", "active")
	h.want(t, "a reload")
	set("ActiveState", "deactivating")
	h.want(t, "stop", "service_stopped libvirtd.service active>deactivating")
	set("ActiveState", "inactive")
	h.want(t, "stopped")
	set("ActiveState", "activating")
	set("ActiveState", "active")
	h.want(t, "start", "service_started libvirtd.service activating>active")
	props.SetMust(serviceIface, "Result", "signal")
	time.Sleep(50 * time.Millisecond)
	set("ActiveState", "failed")
	h.want(t, "crash", "service_failed libvirtd.service active>failed signal")
}

// Without a bus, processes are watched all the same.
func TestNoBusIsNoError(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "none"))
	s := New(Config{Units: []string{"libvirtd"}, Processes: []string{"x"}})
	start(t, s)
	const want = "weir/service/x state=inactive restarts=0\n"
	for end := time.Now().Add(30 * time.Second); states(t, s) != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("states %q, want %q", states(t, s), want)
		}
	}
}
