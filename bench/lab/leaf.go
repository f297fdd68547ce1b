package lab

import (
	"fmt"
	"strings"
)

// Leaf is the switch of a rack: an Open vSwitch that nodes are attached to, by
// bridge br0 for their instances and by bridge mgmt for what they say themselves.
// What both have as uplinks joins them to the rest of the lab.
type Leaf struct {
	*Node
	ports map[*Node][]string // of br0, where the node's cables end
}

// Leaf makes the switch of a rack.
func (l *Lab) Leaf(name string) *Leaf {
	l.t.Helper()
	f := &Leaf{Node: l.Node(name), ports: map[*Node][]string{}}
	f.OVSBridge("mgmt")
	far := fmt.Sprintf("n%d-m", f.number)
	l.ip("-n", f.NS, "link", "add", "eth2", "type", "veth", "peer", "name", far, "netns", l.Collector)
	l.ip("-n", l.Collector, "link", "set", far, "master", "br-mgmt", "up")
	l.ip("-n", f.NS, "link", "set", "eth2", "up")
	f.VSCtl("add-port", "mgmt", "eth2")
	return f
}

// Attach moves the far ends of a node's cables from the collector's bridges to
// the leaf.
func (f *Leaf) Attach(n *Node) {
	l := f.lab
	l.t.Helper()
	for i, bridge := range []string{"mgmt", "br0"} {
		f.take(n.cable(i), bridge)
	}
	// The userspace datapath finishes no checksums.
	l.Exec(n.NS, "ethtool", "-K", "eth0", "tx", "off")
	f.ports[n] = append(f.ports[n], n.cable(1))
}

// take plugs a cable that ends beside the collector into a bridge of the leaf.
func (f *Leaf) take(cable, bridge string) {
	l := f.lab
	l.ip("-n", l.Collector, "link", "set", cable, "nomaster", "netns", f.NS)
	l.ip("-n", f.NS, "link", "set", cable, "up")
	f.VSCtl("add-port", bridge, cable)
}

// Bond joins the node's uplink with a second cable to one link aggregation group,
// bond0 at the node and po<number> at the leaf, with LACP.
func (f *Leaf) Bond(n *Node) {
	l := f.lab
	l.t.Helper()
	n.NIC("eth2")
	near, far := "eth1", f.ports[n][0]
	second := fmt.Sprintf("n%d-eth2", n.number)
	l.ip("-n", l.Collector, "link", "set", second, "netns", f.NS)
	l.ip("-n", f.NS, "link", "set", second, "up")
	lacp := []string{"bond_mode=balance-slb", "lacp=active", "other_config:lacp-time=fast"}
	n.VSCtl(append([]string{"del-port", "br0", near, "--", "add-bond", "br0", "bond0", near, "eth2"}, lacp...)...)
	f.VSCtl(append([]string{"del-port", "br0", far, "--", "add-bond", "br0", fmt.Sprintf("po%d", n.number), far, second}, lacp...)...)
	f.ports[n] = append(f.ports[n], second)
}

// Ports are the leaf's at which a node's instances are attached, of all nodes
// without one.
func (f *Leaf) Ports(of ...*Node) string {
	var all []string
	for n, ports := range f.ports {
		if len(of) == 0 || n == of[0] {
			all = append(all, ports...)
		}
	}
	return strings.Join(all, " ")
}

// InVLAN puts an instance into a VLAN with a network of its own, 10.<vlan>.0.0/24,
// whose router has the last address; the VLAN is at most 250.
func (v *Instance) InVLAN(vlan int) {
	l := v.lab
	l.t.Helper()
	l.ip("-n", v.NS, "addr", "del", v.Addr+"/16", "dev", "eth0")
	v.Addr = fmt.Sprintf("10.%d.0.%d", vlan, v.number%250+1)
	l.ip("-n", v.NS, "addr", "add", v.Addr+"/24", "dev", "eth0")
	l.ip("-n", v.NS, "route", "add", "default", "via", fmt.Sprintf("10.%d.0.254", vlan))
	v.Node.VSCtl("set", "port", v.Tap, fmt.Sprintf("tag=%d", vlan))
}

// OutsideAddr is an address that instances reach by their router.
const OutsideAddr = "198.51.100.7"

// Router is a router of Neutron: a namespace with a port in each of its networks.
type Router struct {
	*Node
	NS string // qrouter-…
}

// Router makes a router on a node with Open vSwitch, between VLANs. It answers
// for OutsideAddr itself.
func (n *Node) Router(name string, vlans ...int) *Router {
	l := n.lab
	l.t.Helper()
	r := &Router{n, l.namespace("qrouter-" + name)}
	for _, vlan := range vlans {
		port := fmt.Sprintf("qr-%s%d", name, vlan)
		n.VSCtl("add-port", "br0", port, fmt.Sprintf("tag=%d", vlan), "--", "set", "interface", port, "type=internal",
			fmt.Sprintf("external_ids:iface-id=%s-%d", name, vlan))
		l.ip("-n", n.NS, "link", "set", port, "netns", r.NS)
		l.ip("-n", r.NS, "addr", "add", fmt.Sprintf("10.%d.0.254/24", vlan), "dev", port)
		l.ip("-n", r.NS, "link", "set", port, "up")
		l.Exec(r.NS, "ethtool", "-K", port, "tx", "off", "tso", "off", "gso", "off")
	}
	l.ip("-n", r.NS, "addr", "add", OutsideAddr+"/32", "dev", "lo")
	l.Exec(r.NS, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	return r
}

// Outside is what answers for OutsideAddr, to be talked to.
func (r *Router) Outside() *Instance {
	return &Instance{lab: r.lab, Node: r.Node, NS: r.NS, Name: "outside", Addr: OutsideAddr}
}

// Tunnels joins the br0 of two nodes by VXLAN as Neutron's agent does: a bridge
// br-tun behind a patch port turns the local VLAN of a network into its VNI. What
// br0 had as uplink is the underlay's, br-phy.
func (n *Node) Tunnels(peers []*Node, vnis map[int]int) {
	l := n.lab
	l.t.Helper()
	n.OVSBridge("br-phy")
	n.OVSBridge("br-tun")
	n.VSCtl("del-port", "br0", "eth1", "--", "add-port", "br-phy", "eth1",
		"--", "add-port", "br0", "patch-tun", "--", "set", "interface", "patch-tun", "type=patch", "options:peer=patch-int",
		"--", "add-port", "br-tun", "patch-int", "--", "set", "interface", "patch-int", "type=patch", "options:peer=patch-tun")
	l.ip("-n", n.NS, "addr", "add", n.tunnelAddr()+"/24", "dev", "br-phy")
	l.ip("-n", n.NS, "link", "set", "br-phy", "up")
	var out []string
	for _, p := range peers {
		if p == n {
			continue
		}
		name := fmt.Sprintf("vxlan-%d", p.number)
		n.VSCtl("add-port", "br-tun", name, "--", "set", "interface", name, "type=vxlan", "options:remote_ip="+p.tunnelAddr(), "options:key=flow")
		out = append(out, "output:"+name)
	}
	flow := func(text string) { n.OFCtl("br-tun", "add-flow", text) }
	n.OFCtl("br-tun", "del-flows")
	flow("priority=0,actions=drop")
	for vlan, vni := range vnis {
		flow(fmt.Sprintf("priority=10,in_port=patch-int,dl_vlan=%d,actions=strip_vlan,set_field:%d->tun_id,%s", vlan, vni, strings.Join(out, ",")))
		flow(fmt.Sprintf("priority=10,tun_id=%d,actions=mod_vlan_vid:%d,output:patch-int", vni, vlan))
	}
}

// tunnelAddr is the node's address on the underlay.
func (n *Node) tunnelAddr() string { return fmt.Sprintf("10.201.0.%d", 10+n.number) }
