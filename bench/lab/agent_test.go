package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// agentConfig polls faster than anybody needs to, so that the test is short. The
// second collector is another program.
const agentConfig = `
collectors: [10.200.0.1, "10.200.0.1:6344"]
node: hv
polling: { default: 1s, interfaces: 1s }
`

// A loaded machine may be late; what a quiet one needs is in the README. The
// heartbeat is sent every second, and must not wait for a daemon that hangs, which
// is given 8 s.
const (
	soon     = 30 * time.Second
	maxBeats = 6 * time.Second
)

// startAgent builds weir-agent and runs it on the hypervisor, where it finds
// everything where a compute node has it.
func startAgent(t testing.TB, h *Hypervisor, config string) *Process {
	t.Helper()
	binary := filepath.Join(h.lab.dir, "weir-agent")
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", binary, "weir/cmd/weir-agent") // as make dist does
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	file := filepath.Join(h.dir, "weir-agent.yaml")
	h.must(os.WriteFile(file, []byte(config), 0o600))
	return h.Start(nil, binary, "run", "--config", file)
}

// computeNode is a hypervisor with two guests and weir-agent, and who listens.
type computeNode struct {
	*Hypervisor
	lab    *Lab
	ear    *heard
	agent  *Process
	a, b   *Guest // on the Linux bridge and on Open vSwitch
	sfacct *sfacctd
	since  time.Time // the agent runs
}

// TestComputeNode is the host agent's job on a real node: two guests, one on a
// Linux bridge and one on Open vSwitch. Every figure is checked against
// libvirt's or the kernel's own, and everything that can break is broken while
// the heartbeat must go on.
func TestComputeNode(t *testing.T) {
	Need(t, append(LibvirtNeeds, "sfacctd", "nft")...)
	l := New(t)
	c := &computeNode{lab: l, Hypervisor: l.Hypervisor("hv")}
	c.ear = hear(t, l)
	c.sfacct = startSfacctd(t, l)
	c.agent = startAgent(t, c.Hypervisor, agentConfig)
	c.since = time.Now()
	l.Eventually(10*time.Second, "a heartbeat", func() bool { _, ok := c.ear.state(witness.ClassHeartbeat, "hv"); return ok })
	c.a = c.Define(GuestSpec{NovaName: "web-1"})
	c.b = c.Define(GuestSpec{NovaName: "db \"<&>\" \u2028 \u00e9", OVS: true})
	c.Boot(c.a, c.b)
	l.Exec(c.NS, busybox, "ping", "-c", "2", "-W", "5", c.a.Addr)

	for _, step := range []struct {
		name string
		run  func(t *testing.T, c *computeNode)
	}{
		{"instances are told with their names", checkInstances},
		{"virtual machines have libvirt's figures", checkVirtual},
		{"interfaces have the kernel's figures", checkInterfaces},
		{"once and doctor", checkOnce},
		{"life of an instance", checkLife},
		{"libvirtd is killed", checkLibvirtKilled},
		{"Open vSwitch changes", checkOVSChanges},
		{"an sFlow row is kept", checkKept},
		{"ovs-vswitchd is killed", checkVSwitchdKilled},
		{"the database is killed", checkDBKilled},
		{"daemons hang", checkHang},
		{"links go down and up", checkLinks},
		{"packet filters are flushed", checkFilter},
		{"delay of events", checkDelay},
		{"other decoders read everything", checkOthers},
	} {
		t.Run(step.name, func(t *testing.T) {
			c.ear.t = t // what is started belongs to the whole test
			step.run(t, c)
		})
	}

	c.ear.t = t
	if d := c.ear.beats(c.since); d > maxBeats {
		t.Errorf("%v without a heartbeat", d)
	}
	if c.ear.gaps > 0 {
		t.Errorf("%d gaps in the datagrams' sequence", c.ear.gaps)
	}
	if c.ear.largest > 1400 {
		t.Errorf("a datagram of %d octets", c.ear.largest)
	}
	for _, u := range c.ear.unread {
		t.Errorf("not readable: %s", u)
	}
	c.checkStop(t)
}

// checkStop ends the agent as systemd does.
func (c *computeNode) checkStop(t *testing.T) {
	since := time.Now()
	c.agent.Stop()
	if code, _ := c.agent.Wait(0); code != 0 {
		t.Errorf("weir-agent ended with exit code %d after SIGTERM, want 0", code)
	}
	c.ear.event(c.lab, witness.AgentStopping, "hv", since, soon)
}

// checkInstances looks at what Nova's metadata must have become.
func checkInstances(t *testing.T, c *computeNode) {
	for _, g := range []*Guest{c.a, c.b} {
		c.ear.event(c.lab, witness.InstanceDefined, g.UUID, c.since, soon)
		c.ear.event(c.lab, witness.InstanceStarted, g.UUID, c.since, soon)
		want := map[string]string{
			witness.Name: g.Name, witness.State: "running", witness.Reason: "booted",
			witness.NovaName: g.NovaName, witness.Project: g.ProjectID, witness.ProjectName: g.Project, witness.User: g.UserID,
			witness.Flavor: g.Flavor, witness.Ports: g.PortID + "=" + g.Addr, witness.Taps: g.Tap + "=" + g.MAC,
		}
		c.ear.wantState(witness.ClassInstance, g.UUID, want)
		ds, ok := c.ear.instance(g.UUID)
		if !ok {
			t.Errorf("no host_descr of %s", g.UUID)
			continue
		}
		d := last[sflow.HostDescr](c.ear, ds, sflow.FormatHostDescr, c.since)
		if string(d.Hostname) != g.Name {
			t.Errorf("host_descr of %s is named %q, want %q", g.UUID, d.Hostname, g.Name)
		}
		if p := last[sflow.HostParent](c.ear, ds, sflow.FormatHostParent, c.since); p == nil || p.ContainerType != 2 || p.ContainerIndex != 1 {
			t.Errorf("host_parent of %s is %+v, want 2:1", g.UUID, p)
		}
		var got []string
		if a := last[sflow.HostAdapters](c.ear, ds, sflow.FormatHostAdapters, c.since); a != nil {
			for v := range a.Adapters.All() {
				got = append(got, fmt.Sprintf("%d=%v", v.IfIndex, v.MACs.At(0)))
			}
		}
		if want := fmt.Sprintf("[%d=%s]", c.IfIndex(g.Tap), g.MAC); fmt.Sprint(got) != want {
			t.Errorf("adapters of %s are %v, want %s", g.UUID, got, want)
		}
	}
}

// checkOnce runs the commands for people beside the agent.
func checkOnce(t *testing.T, c *computeNode) {
	run := func(args ...string) string {
		args = append([]string{filepath.Join(c.lab.dir, "weir-agent")}, args...)
		return c.lab.Exec(c.NS, c.Inside(append(args, "--config", filepath.Join(c.dir, "weir-agent.yaml"))...)...)
	}
	once := run("once")
	for _, want := range []string{c.a.UUID, c.a.NovaName, c.b.Tap, c.b.PortID, `"virt_disk_io"`} {
		if !strings.Contains(once, want) {
			t.Errorf("weir-agent once does not tell %s", want)
		}
	}
	doctor := run("doctor")
	for _, want := range []string{"2 domains through /run/libvirt/libvirt-sock-ro", "names, projects, ports", "1 bridges with 3 ports"} {
		if !strings.Contains(doctor, want) {
			t.Errorf("weir-agent doctor does not say %q:\n%s", want, doctor)
		}
	}
}

// checkLife pauses, resumes, stops and kills a guest.
func checkLife(t *testing.T, c *computeNode) {
	for _, s := range []struct {
		what          string
		do            func()
		event, reason string
		state         string
		exited        bool // told before, with this signal
		signal        string
	}{
		{"suspend", func() { c.Virsh("suspend", c.a.Name) }, witness.InstancePaused, "paused", "paused", false, ""},
		{"resume", func() { c.Virsh("resume", c.a.Name) }, witness.InstanceResumed, "unpaused", "running", false, ""},
		{"reset", func() { c.Virsh("reset", c.a.Name) }, witness.InstanceRebooted, "", "running", false, ""},
		{"destroy", func() { c.Virsh("destroy", c.a.Name) }, witness.InstanceStopped, "destroyed", "shutoff", true, ""},
		{"start", func() { c.Virsh("start", c.a.Name) }, witness.InstanceStarted, "booted", "running", false, ""},
		{"kill -9 of QEMU", func() { c.must(syscall.Kill(c.a.Pid(), syscall.SIGKILL)) }, witness.InstanceCrashed, "failed", "shutoff", true, "SIGKILL"},
		{"start again", func() { c.Virsh("start", c.a.Name) }, witness.InstanceStarted, "booted", "running", false, ""},
	} {
		since := time.Now()
		s.do()
		e := c.ear.event(c.lab, s.event, c.a.UUID, since, soon)
		if e.value[witness.Reason] != s.reason || e.value[witness.NovaName] != c.a.NovaName || e.value[witness.Project] != c.a.ProjectID {
			t.Errorf("%s: event %v, want reason %q of %s", s.what, e.value, s.reason, c.a.NovaName)
		}
		c.ear.wantState(witness.ClassInstance, c.a.UUID, map[string]string{witness.State: s.state})
		if s.exited {
			x := c.ear.event(c.lab, witness.InstanceExited, c.a.UUID, since, soon)
			// The kernel does not say how where it is late, or before 6.15.
			if signal := x.value[witness.Signal]; x.at.After(e.at) || signal != "" && signal != s.signal {
				t.Errorf("%s: the end of its process: %v, want signal %q and before the event", s.what, x.value, s.signal)
			}
		}
		exits := c.ear.events(witness.InstanceExited, c.a.UUID, since) // two where how is known later
		if all := c.ear.events("", c.a.UUID, since); len(all)-len(exits) != 1 || s.exited != (len(exits) > 0) || len(exits) > 2 {
			t.Errorf("%s: %d events, %d of them of its process: %s", s.what, len(all), len(exits), c.ear.names(since))
		}
	}
}

// checkLibvirtKilled kills libvirtd; a guest ends while nobody watches.
func checkLibvirtKilled(t *testing.T, c *computeNode) {
	since := time.Now()
	libvirtd := c.Libvirtd
	libvirtd.Signal(os.Kill)
	e := c.ear.event(c.lab, witness.LibvirtDown, "", since, soon)
	if !strings.Contains(e.value[witness.Reason], "closed") {
		t.Errorf("libvirt_down: reason %q, want that the daemon closed the connection", e.value[witness.Reason])
	}
	c.lab.Eventually(3*time.Second, "the heartbeat telling of libvirt", func() bool {
		s, _ := c.ear.state(witness.ClassHeartbeat, "hv")
		return strings.Contains(s.value[witness.Modules], "libvirt=error:")
	})
	c.must(syscall.Kill(c.b.Pid(), syscall.SIGKILL))
	c.ear.event(c.lab, witness.InstanceExited, c.b.UUID, since, soon) // libvirt or not
	c.StartLibvirtd()
	c.ear.event(c.lab, witness.LibvirtUp, "", since, soon)
	e = c.ear.event(c.lab, witness.InstanceCrashed, c.b.UUID, since, soon)
	if e.value[witness.Cause] == "" {
		t.Errorf("an instance that crashed in the gap: %v, want a cause that says so", e.value)
	}
	if all := c.ear.events("", c.a.UUID, since); len(all) > 0 {
		t.Errorf("events of the instance that ran on: %s", c.ear.names(since))
	}
	c.Virsh("start", c.b.Name)
	c.ear.event(c.lab, witness.InstanceStarted, c.b.UUID, since, soon)
	c.lab.Eventually(3*time.Second, "libvirt being well again", func() bool {
		s, _ := c.ear.state(witness.ClassHeartbeat, "hv")
		return strings.Contains(s.value[witness.Modules], "libvirt=ok")
	})
}

// checkHang stops libvirtd and the database without ending them: their deadlines
// pass, everybody else goes on, and both are found again.
func checkHang(t *testing.T, c *computeNode) {
	since := time.Now()
	daemons := []*Process{c.Libvirtd, c.DB}
	for _, p := range daemons {
		p.Signal(syscall.SIGSTOP)
	}
	e := c.ear.event(c.lab, witness.LibvirtDown, "", since, 2*soon)
	f := c.ear.event(c.lab, witness.OVSDown, "ovsdb", since, 2*soon)
	for _, e := range []said{e, f} {
		if !strings.Contains(e.value[witness.Reason], "does not answer") {
			t.Errorf("%s: reason %q, want that the daemon does not answer", e.entity, e.value[witness.Reason])
		}
	}
	link := time.Now()
	c.lab.ip("-n", c.NS, "link", "set", c.a.Tap, "down")
	c.ear.event(c.lab, witness.LinkDown, c.a.Tap, link, soon)
	c.lab.ip("-n", c.NS, "link", "set", c.a.Tap, "up")
	for _, p := range daemons {
		p.Signal(syscall.SIGCONT)
	}
	c.ear.event(c.lab, witness.LibvirtUp, "", since, 2*soon)
	c.ear.event(c.lab, witness.OVSUp, "ovsdb", since, 2*soon)
}

// checkLinks takes every interface and bridge down and up, and deletes a tap
// under the capture.
func checkLinks(t *testing.T, c *computeNode) {
	c.lab.ip("-n", c.NS, "tuntap", "add", "tapdead", "mode", "tap")
	c.lab.ip("-n", c.NS, "link", "set", "tapdead", "master", "brq0", "up")
	for _, v := range []struct{ name, down, up string }{
		{"brq0", witness.LinkDown, witness.LinkUp},
		{c.a.Tap, witness.LinkDown, witness.LinkUp},
		{c.b.Tap, witness.LinkDown, witness.LinkUp},
		{"eth1", witness.LinkDown, witness.LinkUp},
		{"br0", witness.LinkDown, witness.LinkUp},
	} {
		since := time.Now()
		c.lab.ip("-n", c.NS, "link", "set", v.name, "down")
		c.ear.event(c.lab, v.down, v.name, since, soon)
		since = time.Now()
		c.lab.ip("-n", c.NS, "link", "set", v.name, "up")
		c.ear.event(c.lab, v.up, v.name, since, soon)
	}
	since := time.Now()
	c.lab.ip("-n", c.NS, "link", "del", "tapdead")
	c.ear.event(c.lab, witness.LinkRemoved, "tapdead", since, soon)
	// The management interface takes the agent's own way to the collector.
	since = time.Now()
	c.lab.ip("-n", c.NS, "link", "set", "lo", "down")
	c.lab.ip("-n", c.NS, "link", "set", "lo", "up")
	if d := c.ear.beats(since); d > maxBeats {
		t.Errorf("%v without a heartbeat", d)
	}
}

// checkFilter flushes the packet filter: the event must say who did it.
func checkFilter(t *testing.T, c *computeNode) {
	c.lab.Exec(c.NS, "nft", "add table inet weirtest; add chain inet weirtest in { type filter hook input priority 0; }; add rule inet weirtest in ip saddr 192.0.2.1 drop")
	time.Sleep(300 * time.Millisecond)
	since := time.Now()
	c.lab.Exec(c.NS, "nft", "flush", "ruleset")
	e := c.ear.event(c.lab, witness.RulesFlushed, "", since, soon)
	if e.value[witness.Command] != "nft" || e.value[witness.PID] == "" {
		t.Errorf("rules_flushed: %v, want command nft and its pid", e.value)
	}
}
