package lab

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ovsSchema is where Debian's openvswitch-switch keeps the database schema.
const ovsSchema = "/usr/share/openvswitch/vswitch.ovsschema"

// Node is a hypervisor: a namespace with an Open vSwitch of its own.
type Node struct {
	lab    *Lab
	number int
	NS     string
	Addr   string // on the management network; the sFlow agent address
	db     string // file of the Open vSwitch database
	run    string // folder of its sockets

	DB, Switchd *Process
}

// Plain makes a node without Open vSwitch, its Linux bridges to come.
func (l *Lab) Plain(name string) *Node {
	l.t.Helper()
	l.nodes++
	n := &Node{lab: l, NS: l.namespace(name), number: l.nodes, Addr: "10.200.0." + strconv.Itoa(10+l.nodes), db: filepath.Join(l.dir, name+".db")}
	for i, bridge := range []string{"br-mgmt", "br-data"} {
		near, far := fmt.Sprintf("eth%d", i), n.cable(i)
		l.ip("-n", n.NS, "link", "add", near, "type", "veth", "peer", "name", far, "netns", l.Collector)
		l.ip("-n", l.Collector, "link", "set", far, "master", bridge, "up")
		l.ip("-n", n.NS, "link", "set", near, "up")
	}
	l.ip("-n", n.NS, "addr", "add", n.Addr+"/24", "dev", "eth0")
	return n
}

// cable is the far end of ethI, in the collector's namespace.
func (n *Node) cable(i int) string { return fmt.Sprintf("n%d-%d", n.number, i) }

// Cables takes the far ends of all the node's cables down, as when its power
// fails, or up again.
func (n *Node) Cables(state string) {
	n.lab.t.Helper()
	for i := range 2 {
		n.lab.ip("-n", n.lab.Collector, "link", "set", n.cable(i), state)
	}
}

// Node makes a node with a bridge br0 whose uplink joins the other nodes'.
func (l *Lab) Node(name string) *Node {
	l.t.Helper()
	n := l.Plain(name)
	// A socket's path holds 107 bytes, and the folder of a test may be long.
	run, err := os.MkdirTemp("", "ovs")
	if err != nil {
		l.t.Fatal(err)
	}
	n.run = run
	l.t.Cleanup(func() { _ = os.RemoveAll(run) })
	l.Exec(n.NS, "ovsdb-tool", "create", n.db, ovsSchema)
	n.StartOVS()
	n.VSCtl("add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
	n.VSCtl("add-port", "br0", "eth1")
	l.ip("-n", n.NS, "link", "set", "br0", "up")
	return n
}

// StartOVS starts the node's database and switch, which Node has done already:
// it is for a test that has killed them.
func (n *Node) StartOVS() {
	n.lab.t.Helper()
	n.StartDB()
	n.VSCtl("--no-wait", "init")
	n.StartSwitchd()
}

// StartDB starts the database alone.
func (n *Node) StartDB() {
	l := n.lab
	l.t.Helper()
	n.removeStale("db.sock", "ovsdb.pid", "ovsdb.ctl")
	n.DB = l.Start(n.NS, n.ovsEnv(), "ovsdb-server", n.db, "--remote=punix:"+n.in("db.sock"),
		"--unixctl="+n.in("ovsdb.ctl"), "--pidfile="+n.in("ovsdb.pid"), "-vconsole:emer")
	l.Eventually(10*time.Second, "ovsdb-server listening", func() bool { return listens(n.in("db.sock")) && exists(n.in("ovsdb.pid")) })
}

// listens reports whether somebody listens on a socket: its file is there before.
func listens(socket string) bool {
	c, err := net.Dial("unix", socket)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// StartSwitchd starts the switch alone.
func (n *Node) StartSwitchd() {
	l := n.lab
	l.t.Helper()
	n.removeStale("vswitchd.pid", "vswitchd.ctl")
	n.Switchd = l.Start(n.NS, n.ovsEnv(), "ovs-vswitchd", "unix:"+n.in("db.sock"),
		"--unixctl="+n.in("vswitchd.ctl"), "--pidfile="+n.in("vswitchd.pid"), "-vconsole:emer")
	l.Eventually(10*time.Second, "ovs-vswitchd running", func() bool { return exists(n.in("vswitchd.pid")) })
}

func (n *Node) in(name string) string { return filepath.Join(n.run, name) }

func (n *Node) ovsEnv() []string {
	return []string{"OVS_RUNDIR=" + n.run, "OVS_LOGDIR=" + n.run, "OVS_DBDIR=" + n.run}
}

// removeStale removes what a program that was killed left, so that it is not
// taken for the next one's.
func (n *Node) removeStale(names ...string) {
	for _, name := range names {
		_ = os.Remove(n.in(name)) // not there the first time
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// VSCtl runs ovs-vsctl on the node's own database and returns what it printed.
func (n *Node) VSCtl(args ...string) string {
	n.lab.t.Helper()
	return n.lab.Exec(n.NS, append([]string{"ovs-vsctl", "--timeout=20", "--db=unix:" + filepath.Join(n.run, "db.sock")}, args...)...)
}

// SFlow makes a bridge of the node export to the collector's port 6343: one
// packet in rate, counters every polling seconds.
func (n *Node) SFlow(bridge string, rate, polling int) {
	n.lab.t.Helper()
	n.VSCtl("--", "--id=@s", "create", "sFlow", "agent=eth0", `targets="`+CollectorAddr+`:6343"`,
		fmt.Sprintf("sampling=%d", rate), fmt.Sprintf("polling=%d", polling), "header=128",
		"--", "set", "bridge", bridge, "sflow=@s")
}

// IfIndex returns the ifIndex of an interface of the node.
func (n *Node) IfIndex(name string) uint32 {
	n.lab.t.Helper()
	text := n.lab.Exec(n.NS, "cat", "/sys/class/net/"+name+"/ifindex")
	i, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	if err != nil {
		n.lab.t.Fatalf("ifindex of %s: %v", name, err)
	}
	return uint32(i)
}

// Instance is a virtual machine's stand-in: a namespace behind a port of br0.
type Instance struct {
	lab    *Lab
	number int
	Node   *Node
	NS     string
	Name   string
	Addr   string
	Tap    string // the port's name on the node
}

// Instance makes an instance on the node, at a port of its br0.
func (n *Node) Instance(name string) *Instance {
	n.lab.t.Helper()
	v := n.instance(name)
	v.Plug("br0")
	return v
}

// instance makes an instance whose port is nobody's.
func (n *Node) instance(name string) *Instance { return n.wired(name, (*Instance).pair) }

// wired is instance with the interfaces of both ends made by cable.
func (n *Node) wired(name string, cable func(*Instance)) *Instance {
	l := n.lab
	l.t.Helper()
	l.instances++
	k := l.instances
	v := &Instance{lab: l, Node: n, NS: l.namespace(name), number: k, Addr: fmt.Sprintf("10.9.%d.%d", (k-1)/250, (k-1)%250+1), Tap: "tap-" + name}
	cable(v)
	l.ip("-n", n.NS, "link", "set", v.Tap, "up")
	l.ip("-n", v.NS, "link", "set", "eth0", "address", v.mac())
	l.ip("-n", v.NS, "addr", "add", v.Addr+"/16", "dev", "eth0")
	l.ip("-n", v.NS, "link", "set", "eth0", "up")
	// The userspace datapath finishes no checksums and cuts no segments.
	l.Exec(v.NS, "ethtool", "-K", "eth0", "tx", "off", "tso", "off", "gso", "off")
	v.Name = name
	return v
}

// pair joins the instance with its port by a virtual cable.
func (v *Instance) pair() {
	v.lab.t.Helper()
	v.lab.ip("-n", v.Node.NS, "link", "add", v.Tap, "type", "veth", "peer", "name", "eth0", "netns", v.NS)
}

// mac is the instance's address.
func (v *Instance) mac() string {
	return fmt.Sprintf("02:00:00:00:%02x:%02x", v.number>>8, v.number&255)
}

// Plug makes the instance's port one of a bridge of Open vSwitch, as Neutron
// does.
func (v *Instance) Plug(bridge string) {
	v.lab.t.Helper()
	v.Node.VSCtl("add-port", bridge, v.Tap, "--", "set", "interface", v.Tap,
		"external_ids:iface-id="+v.Name, fmt.Sprintf("external_ids:vm-id=00000000-0000-0000-0000-%012d", v.number))
}
