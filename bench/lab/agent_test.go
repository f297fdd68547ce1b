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
	binary := filepath.Join(h.lab.dir, "weir-agent")
	build := exec.Command("go", "build", "-o", binary, "weir/cmd/weir-agent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	file := filepath.Join(h.lab.dir, "weir-agent.yaml")
	h.must(os.WriteFile(file, []byte(config), 0o600))
	return h.Start(nil, binary, "run", "--config", file)
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
