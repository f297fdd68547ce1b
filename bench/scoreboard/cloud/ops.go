package cloud

import (
	"fmt"
	"time"

	"weir/decoder/witness"
)

// What an operator of a cloud does all day. Each is told in the words and the
// order of libvirt and the kernel.

func (i *Instance) named() []witness.Pair {
	return []witness.Pair{witness.String(witness.Name, i.Domain), witness.String(witness.NovaName, i.Name), witness.String(witness.Project, "acme")}
}

// plugIn adds the instance's tap to the node.
func (n *Node) plugIn(i *Instance) {
	n.event(witness.LinkAdded, i.tap, witness.Gauge32(witness.IfIndex, i.index), witness.String(witness.Kind, "tap"))
	n.event(witness.LinkUp, i.tap, witness.Gauge32(witness.IfIndex, i.index), witness.String(witness.Before, "down"), witness.String(witness.After, "up"),
		witness.String(witness.Admin, "up"), witness.String(witness.Oper, "up"))
	if n.c.cfg.Agent && !n.killed {
		n.told(i)
		n.agent.flush()
	}
}

// unplug removes it.
func (n *Node) unplug(i *Instance) {
	n.event(witness.LinkDown, i.tap, witness.Gauge32(witness.IfIndex, i.index), witness.String(witness.Before, "up"), witness.String(witness.After, "down"),
		witness.String(witness.Admin, "up"), witness.String(witness.Oper, "down"))
	n.event(witness.LinkRemoved, i.tap, witness.Gauge32(witness.IfIndex, i.index))
}

// Create starts a new instance on the node, which asks for an address and speaks
// after some seconds.
func (n *Node) Create() *Instance {
	i := n.c.newInstance()
	n.start(i, witness.InstanceDefined)
	return i
}

// start starts an instance, after an event that tells of it.
func (n *Node) start(i *Instance, first string) {
	i.fate, i.since, i.state = Idle, n.c.now, "running"
	n.add(i)
	if first != "" {
		n.event(first, i.UUID, append(i.named(), witness.String(witness.Reason, "added"))...)
	}
	n.event(witness.InstanceStarted, i.UUID, append(i.named(), witness.String(witness.Reason, "booted"))...)
	n.plugIn(i)
	c := n.c
	c.At(time.Duration(5+c.rng.IntN(10))*time.Second, func() {
		if i.node == n && !i.gone && i.fate == Idle {
			n.event(witness.DHCPRequest, i.mac(), witness.String(witness.Port, i.tap))
			n.event(witness.DHCPAnswered, i.mac(), witness.String(witness.Port, i.tap))
			i.fate, i.since = Well, c.now
		}
	})
}

// Delete ends an instance for good.
func (n *Node) Delete(i *Instance) {
	n.stop(i, "destroyed")
	n.c.At(300*time.Millisecond, func() { n.event(witness.InstanceUndefined, i.UUID, i.named()...) })
}

// stop ends an instance and takes it off the node.
func (n *Node) stop(i *Instance, reason string) {
	i.state, i.gone = "shutoff", true
	n.unplug(i)
	n.event(witness.InstanceStopped, i.UUID, append(i.named(), witness.String(witness.Reason, reason))...)
	n.remove(i)
}

// Migrate moves a running instance to another node.
func (n *Node) Migrate(i *Instance, to *Node) {
	c := n.c
	n.agent.say(&c.wire, witness.ClassInstance, i.UUID, append(i.named(), witness.String(witness.State, "paused"), witness.String(witness.Reason, "migrating"),
		witness.String(witness.Taps, i.tap+"="+i.mac()))...)
	n.agent.flush()
	i.fate, i.since = Idle, c.now // neither side sends
	c.At(time.Duration(100+c.rng.IntN(400))*time.Millisecond, func() {
		n.unplug(i)
		n.event(witness.InstanceMigratedOut, i.UUID, append(i.named(), witness.String(witness.Reason, "migrated"))...)
		n.remove(i)
		to.add(i)
		i.fate, i.since = Well, c.now
		to.event(witness.InstanceMigratedIn, i.UUID, append(i.named(), witness.String(witness.Reason, "migrated"))...)
		to.plugIn(i)
		n.c.At(300*time.Millisecond, func() { n.event(witness.InstanceUndefined, i.UUID, i.named()...) })
	})
}

// Resize stops an instance and starts it on another node, perhaps the same.
func (n *Node) Resize(i *Instance, to *Node) {
	n.stop(i, "shutdown")
	n.c.At(time.Duration(5+n.c.rng.IntN(8))*time.Second, func() { to.start(i, witness.InstanceDefined) })
}

// HardReboot destroys an instance and starts it again.
func (n *Node) HardReboot(i *Instance) {
	n.stop(i, "destroyed")
	n.c.At(time.Duration(2+n.c.rng.IntN(8))*time.Second, func() { n.start(i, "") })
}

// UpgradeAgent replaces weir-agent.
func (n *Node) UpgradeAgent(version string) {
	n.StopAgent("package")
	n.c.At(time.Duration(5+n.c.rng.IntN(25))*time.Second, func() { n.StartAgent("upgrade", version) })
}

// Reboot shuts the node down and lets it boot.
func (n *Node) Reboot() {
	n.StopAgent("shutdown")
	n.c.At(10*time.Second, n.Down)
	n.c.At(time.Duration(90+n.c.rng.IntN(90))*time.Second, n.Up)
}

// restartService stops and starts a service, which takes so long.
func (n *Node) restartService(unit string, takes time.Duration) {
	n.event(witness.ServiceStopped, unit, witness.String(witness.Reason, "success"))
	n.c.At(takes, func() { n.event(witness.ServiceStarted, unit) })
}

// UpgradeOVS replaces Open vSwitch: the kernel forwards on, while ovs-vswitchd
// and its sFlow are away for some seconds and begin anew.
func (n *Node) UpgradeOVS() {
	takes := time.Duration(2+n.c.rng.IntN(6)) * time.Second
	n.restartService("ovs-vswitchd", takes)
	n.event(witness.OVSDown, "ovs-vswitchd")
	n.ovsOff = true
	n.c.At(takes, func() {
		n.ovsOff = false
		n.ovs.started, n.ovs.seq, n.ovs.open = n.c.now, 0, false
		n.event(witness.OVSUp, "ovs-vswitchd")
	})
}

// UpgradeOVN replaces ovn-controller, which empties br-int's flow table and fills
// it again.
func (n *Node) UpgradeOVN() {
	takes := time.Duration(3+n.c.rng.IntN(40)) * time.Second
	n.restartService("ovn-controller", takes)
	n.event(witness.OVSFlowsEmptied, "br-int", witness.String(witness.Before, "5210"), witness.String(witness.After, "0"))
	n.flows = 0
	n.c.At(takes, func() { n.flows = 5210 })
}

// Login opens sessions of so many users.
func (n *Node) Login(users int) {
	for k := range users {
		n.event(witness.Login, fmt.Sprintf("user%d", k), witness.String(witness.From, "10.9.9.9"))
	}
}

// Rules replaces the packet filter as Neutron does, in one generation.
func (n *Node) Rules() {
	n.event(witness.RulesChanged, "root/iptables/filter", witness.String(witness.Before, "412"), witness.String(witness.After, "415"))
}

// router is what a router's port sends from.
var router = end{mac: [6]byte{0xfa, 0x16, 0x3e, 0xff, 0, 1}, ip: [4]byte{10, 100, 0, 1}, port: 22}

// routerIndex is the ifIndex of a router's port on every node.
const routerIndex = 5

// Route lets the node's router send, or no longer.
func (n *Node) Route(active bool) { n.routes = active }

// tickRouter samples what the router sends.
func (n *Node) tickRouter() {
	if !n.routes {
		return
	}
	for range n.c.poisson(3) {
		n.sampled(routerIndex, uplinkIndex, n.c.wire.tcp(router, gateway, flagACK))
	}
}

// Settled reports whether the instance is up and well.
func (i *Instance) Settled() bool { return i.fate == Well && !i.gone && i.state == "running" }
