package lab

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
)

// checkOVSChanges changes what Neutron, an intruder or a mistake may change.
func checkOVSChanges(t *testing.T, c *computeNode) {
	const row = "agent=eth0 header=128 polling=1 sampling=20 targets=10.200.0.1:6345"
	c.ear.wantState(witness.ClassBridge, "br0", map[string]string{
		witness.Kind: "ovs", witness.InstancePorts: "1", witness.Uplinks: "1", witness.Ports: "2", witness.Flows: "1", witness.Forwarding: "yes",
	})
	c.ear.wantState(witness.ClassOVSPort, c.b.Tap, map[string]string{
		witness.Master: "br0", witness.IfIndex: strconv.Itoa(int(c.IfIndex(c.b.Tap))), witness.IfaceID: c.b.PortID, witness.VMID: c.b.UUID,
		witness.MAC: c.b.MAC, witness.Oper: "up", witness.Admin: "up",
	})
	for _, s := range []struct {
		what          string
		do            func()
		event, bridge string
		before, after string // "*": anything
	}{
		{"sFlow row", func() {
			c.VSCtl("--", "--id=@s", "create", "sFlow", "agent=eth0", `targets="10.200.0.1:6345"`, "sampling=20", "polling=1", "header=128", "--", "set", "bridge", "br0", "sflow=@s")
		}, witness.OVSSFlowChanged, "br0", "", row},
		{"sampling rate", func() { c.VSCtl("set", "sflow", "br0", "sampling=100000") }, witness.OVSSFlowChanged, "br0", row,
			"agent=eth0 header=128 polling=1 sampling=100000 targets=10.200.0.1:6345"},
		{"sFlow cleared", func() { c.VSCtl("clear", "bridge", "br0", "sflow") }, witness.OVSSFlowChanged, "br0", "*", ""},
		{"bridge added", func() { c.VSCtl("add-br", "br-tun", "--", "set", "bridge", "br-tun", "datapath_type=netdev") }, witness.OVSBridgeAdded, "br-tun", "", ""},
		{"port added", func() {
			c.VSCtl("add-port", "br-tun", "vx0", "--", "set", "interface", "vx0", "type=vxlan", "options:remote_ip=192.0.2.9")
		},
			witness.OVSPortAdded, "br-tun", "", "type=vxlan"},
		{"port removed", func() { c.VSCtl("del-port", "br-tun", "vx0") }, witness.OVSPortRemoved, "br-tun", "*", ""},
		{"bridge removed", func() { c.VSCtl("del-br", "br-tun") }, witness.OVSBridgeRemoved, "br-tun", "*", ""},
	} {
		since := time.Now()
		s.do()
		e := c.ear.event(c.lab, s.event, s.bridge, since, soon)
		// Whether the state of a new port is told with it depends on who is first.
		after, _, _ := strings.Cut(e.value[witness.After], " admin=")
		if s.before != "*" && e.value[witness.Before] != s.before || after != s.after {
			t.Errorf("%s: before %q, after %q; want %q, %q", s.what, e.value[witness.Before], after, s.before, s.after)
		}
	}
	checkOVSColumns(t, c)
	since := time.Now()
	c.ofctl("del-flows")
	e := c.ear.event(c.lab, witness.OVSFlowsEmptied, "br0", since, soon)
	if e.value[witness.After] != "0" {
		t.Errorf("flows emptied: %v, want after 0", e.value)
	}
	c.ear.wantState(witness.ClassBridge, "br0", map[string]string{witness.Flows: "0", witness.Forwarding: "no"})
	c.ofctl("add-flow", "priority=0,actions=normal")
	c.ear.wantState(witness.ClassBridge, "br0", map[string]string{witness.Flows: "1", witness.Forwarding: "yes"})
}

// checkOVSColumns writes what Neutron's agent writes of a port's network, in its own
// words, and makes a bond: the database's columns are what is told.
func checkOVSColumns(t *testing.T, c *computeNode) {
	t.Helper()
	const network = "7e70a1f2-0000-4000-8000-000000005001"
	column := func(text ...string) {
		c.VSCtl(append([]string{"set", "port", c.b.Tap}, text...)...)
	}
	column("tag=3", "other_config:net_uuid="+network, "other_config:network_type=vxlan", "other_config:physical_network=None", "other_config:segmentation_id=5001", "other_config:tag=3")
	c.ear.wantState(witness.ClassOVSPort, c.b.Tap, map[string]string{witness.Network: network, witness.NetworkType: "vxlan", witness.Segment: "5001", witness.IfaceID: c.b.PortID})
	column("other_config:network_type=flat", "other_config:segmentation_id=None")
	c.ear.wantState(witness.ClassOVSPort, c.b.Tap, map[string]string{witness.Network: network, witness.NetworkType: "flat", witness.Segment: ""})
	c.VSCtl("clear", "port", c.b.Tap, "tag", "other_config")
	c.ear.wantState(witness.ClassOVSPort, c.b.Tap, map[string]string{witness.Network: "", witness.NetworkType: "", witness.Bond: ""})

	c.VSCtl("add-br", "br-bond", "--", "set", "bridge", "br-bond", "datapath_type=netdev", "--", "add-bond", "br-bond", "bond0", "vx1", "vx2",
		"--", "set", "interface", "vx1", "type=vxlan", "options:remote_ip=192.0.2.1", "--", "set", "interface", "vx2", "type=vxlan", "options:remote_ip=192.0.2.2")
	for _, member := range []string{"vx1", "vx2"} {
		c.ear.wantState(witness.ClassOVSPort, member, map[string]string{witness.Bond: "bond0", witness.Master: "br-bond"})
	}
	c.VSCtl("del-br", "br-bond")
}

// ofctl changes the flows of br0.
func (c *computeNode) ofctl(command string, args ...string) {
	c.lab.t.Helper()
	c.lab.Exec(c.NS, append([]string{"ovs-ofctl", command, "unix:" + filepath.Join(c.run, "br0.mgmt")}, args...)...)
}

// checkKept has an agent of its own, which keeps the sFlow row of br0: somebody
// clears it, and it comes back.
func checkKept(t *testing.T, c *computeNode) {
	const row = "agent=eth0 header=64 polling=5 sampling=1000 targets=10.200.0.1:6345"
	config := filepath.Join(c.lab.dir, "keeper.yaml")
	c.must(os.WriteFile(config, []byte("collectors: ['10.200.0.1:6346']\nstate_dir: "+c.lab.dir+
		"\noff: [sampling]\novs: { keep_sflow: [{ bridge: br0, targets: ['10.200.0.1:6345'], sampling: 1000, polling: 5, header: 64, agent: eth0 }] }\n"), 0o600))
	since := time.Now()
	keeper := c.Start(nil, filepath.Join(c.lab.dir, "weir-agent"), "run", "--config", config)
	if e := c.ear.event(c.lab, witness.OVSSFlowChanged, "br0", since, soon); e.value[witness.After] != row {
		t.Errorf("the row is %q, want %q", e.value[witness.After], row)
	}
	keeper.Stop()
	c.VSCtl("clear", "bridge", "br0", "sflow")
	since = time.Now()
	keeper = c.Start(nil, filepath.Join(c.lab.dir, "weir-agent"), "run", "--config", config)
	c.ear.event(c.lab, witness.OVSSFlowChanged, "br0", since, soon)
	keeper.Stop()
	c.VSCtl("clear", "bridge", "br0", "sflow")
}

// checkVSwitchdKilled kills the switch, whose datapath is its own, and starts it
// again.
func checkVSwitchdKilled(t *testing.T, c *computeNode) {
	since := time.Now()
	c.Switchd.Signal(os.Kill)
	c.ear.event(c.lab, witness.OVSDown, "ovs-vswitchd", since, soon)
	c.ear.wantState(witness.ClassBridge, "br0", map[string]string{witness.Forwarding: "no"})
	c.ear.wantState(witness.ClassOVS, "br0", map[string]string{witness.VSwitchd: "down"})
	c.StartSwitchd()
	c.ear.event(c.lab, witness.OVSUp, "ovs-vswitchd", since, soon)
	c.ear.wantState(witness.ClassBridge, "br0", map[string]string{witness.Forwarding: "yes", witness.Flows: "1"})
}

// checkDBKilled kills the database; a bridge is made while it is not watched.
func checkDBKilled(t *testing.T, c *computeNode) {
	since := time.Now()
	c.DB.Signal(os.Kill)
	c.ear.event(c.lab, witness.OVSDown, "ovsdb", since, soon)
	c.StartDB()
	c.ear.event(c.lab, witness.OVSUp, "ovsdb", since, soon)
	if all := c.ear.events(witness.OVSBridgeRemoved, "", since); len(all) > 0 {
		t.Errorf("a bridge is told to be removed: %s", c.ear.names(since))
	}
	since = time.Now()
	c.VSCtl("add-br", "br-gap", "--", "set", "bridge", "br-gap", "datapath_type=netdev")
	c.ear.event(c.lab, witness.OVSBridgeAdded, "br-gap", since, soon)
	c.VSCtl("del-br", "br-gap")
	c.ear.event(c.lab, witness.OVSBridgeRemoved, "br-gap", since, soon)
}
