package lab

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
)

// TestInstanceMigrates moves a running guest from one node to another: the first
// must tell that it left and the second that it came, and nobody of a crash.
func TestInstanceMigrates(t *testing.T) {
	Need(t, LibvirtNeeds...)
	l := New(t)
	one, two := l.Hypervisor("one"), l.Hypervisor("two")
	ear := hear(t, l)
	startAgent(t, one, "collectors: [10.200.0.1]\nnode: one\n")
	startAgent(t, two, "collectors: [10.200.0.1]\nnode: two\n")
	for _, node := range []string{"one", "two"} {
		l.Eventually(10*time.Second, "a heartbeat of "+node, func() bool {
			s, ok := ear.state(witness.ClassHeartbeat, node)
			return ok && strings.Contains(s.value[witness.Modules], "libvirt=ok")
		})
	}
	since := time.Now()
	g := one.Light()
	one.Virsh("resume", g.Name)
	ear.event(l, witness.InstanceStarted, g.UUID, since, soon)
	since = time.Now()
	one.Virsh("migrate", "--live", "--unsafe", "--persistent", "--undefinesource", g.Name,
		"qemu+unix:///system?socket="+filepath.Join(two.dir, "run/libvirt-sock"), "tcp://"+two.Addr)
	out := ear.event(l, witness.InstanceMigratedOut, g.UUID, since, soon)
	in := ear.event(l, witness.InstanceMigratedIn, g.UUID, since, soon)
	for _, e := range []said{out, in} {
		if e.value[witness.Reason] != "migrated" || e.value[witness.NovaName] != g.NovaName {
			t.Errorf("%s: %v, want reason migrated of %s", e.entity, e.value, g.NovaName)
		}
	}
	for _, name := range []string{witness.InstanceStopped, witness.InstanceCrashed, witness.InstanceStarted, witness.InstancePaused} {
		if all := ear.events(name, g.UUID, since); len(all) > 0 {
			t.Errorf("told %s: %s", name, ear.names(since))
		}
	}
}
