package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"weir/decoder/witness"
)

// agentConfig polls faster than anybody needs to, so that the test is short.
const agentConfig = `
collectors: [10.200.0.1]
node: hv
polling: { default: 1s, interfaces: 1s }
`

// startAgent builds weir-agent and runs it on the hypervisor.
func startAgent(t *testing.T, h *Hypervisor, config string) *Process {
	t.Helper()
	binary, file := buildAgent(t, h.Node, config)
	return h.Start(nil, binary, "run", "--config", file)
}

// startAgentOn runs weir-agent on a node without libvirt.
func startAgentOn(t *testing.T, n *Node, config string) *Process {
	t.Helper()
	binary, file := buildAgent(t, n, config)
	return n.lab.Start(n.NS, nil, binary, "run", "--config", file)
}

// buildAgent builds weir-agent and writes its configuration.
func buildAgent(t *testing.T, n *Node, config string) (binary, file string) {
	t.Helper()
	binary = filepath.Join(n.lab.dir, "weir-agent")
	build := exec.Command("go", "build", "-o", binary, "weir/cmd/weir-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	file = filepath.Join(n.lab.dir, "weir-agent.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return binary, file
}

func TestAgentTellsOfInstances(t *testing.T) {
	l := New(t)
	h := l.Hypervisor("hv")
	ear := hear(t, l)
	startAgent(t, h, agentConfig)
	since := time.Now()
	l.Eventually(5*time.Second, "a heartbeat", func() bool { _, ok := ear.state(witness.ClassHeartbeat, "hv"); return ok })
	a := h.Define(GuestSpec{NovaName: "web-1"})
	b := h.Define(GuestSpec{NovaName: "db \"<&>\" 1", OVS: true})
	h.Boot(a, b)
	time.Sleep(2 * time.Second)
	t.Log(ear.names(since))
	for _, g := range []*Guest{a, b} {
		s, _ := ear.state(witness.ClassInstance, g.UUID)
		t.Log(s)
		ds, _ := ear.instance(g.UUID)
		for f, r := range ear.records[ds] {
			t.Logf("%v %v %+v", ds, f, r.body)
		}
	}
	s, _ := ear.state(witness.ClassHeartbeat, "hv")
	t.Log(s, ear.unread, ear.gaps, ear.largest)
	h.Virsh("destroy", a.Name)
	ear.event(l, witness.InstanceStopped, a.UUID, since, time.Second)
	t.Log(ear.names(since))
}

func TestAgentTellsOfOpenVSwitch(t *testing.T) {
	l := New(t)
	n := l.Node("hv")
	ear := hear(t, l)
	startAgentOn(t, n, agentConfig+"ovs: { run_dir: "+n.run+" }\n")
	since := time.Now()
	l.Eventually(5*time.Second, "a heartbeat", func() bool { _, ok := ear.state(witness.ClassHeartbeat, "hv"); return ok })
	time.Sleep(2 * time.Second)
	n.Instance("a")
	n.SFlow("br0", 20, 1)
	n.VSCtl("add-br", "br1", "--", "set", "bridge", "br1", "datapath_type=netdev")
	time.Sleep(2 * time.Second)
	n.VSCtl("clear", "bridge", "br0", "sflow")
	n.VSCtl("del-br", "br1")
	time.Sleep(1 * time.Second)
	l.Exec(n.NS, "ovs-ofctl", "del-flows", "unix:"+filepath.Join(n.run, "br0.mgmt"))
	time.Sleep(2 * time.Second)
	n.Switchd.Signal(os.Kill)
	time.Sleep(1 * time.Second)
	n.DB.Signal(os.Kill)
	time.Sleep(1 * time.Second)
	n.StartOVS()
	time.Sleep(2 * time.Second)
	t.Log(ear.names(since))
	for _, s := range ear.said {
		t.Log(s.at.Sub(since), s.class, s.entity, s.value)
	}
}
