package cloud

import (
	"fmt"
	"net/netip"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// uplinkIndex is the ifIndex of a node's network card, bridgeIndex that of
// br-int's own port.
const (
	uplinkIndex = 2
	bridgeIndex = 3
	firstTap    = 10
)

// Node is a hypervisor.
type Node struct {
	Name string

	c        *Cloud
	leaf     *Leaf
	leafPort uint32
	mac      sflow.MAC
	addr     netip.Addr
	agent    speaker
	ovs      speaker
	up       bool
	killed   bool
	bootID   int
	boot     time.Time
	beats    uint64
	events   int
	version  string
	phase    time.Duration
	ovsOff   bool
	open     bool   // its packet filter is empty
	flows    uint64 // of br-int
	routes   bool   // its router is the active one
	routed   bool   // it has a router
	ovn      bool   // it is run by OVN

	insts  []*Instance
	heard  []byte // its last heartbeat's datagram
	nextIf uint32
	in     uint64
	out    uint64
}

func newNode(c *Cloud, k int, l *Leaf) *Node {
	n := &Node{
		Name: fmt.Sprintf("cn%d", k+1), c: c, leaf: l, addr: netip.AddrFrom4([4]byte{10, 0, byte((k + 1) / 250), byte((k+1)%250 + 1)}),
		mac: sflow.MAC{0x02, 1, 0, 0, byte(k >> 8), byte(k)}, up: true, boot: c.now.Add(-time.Hour), version: "1.0", nextIf: firstTap, flows: 5210,
		phase: time.Duration(c.rng.Int64N(10)) * Step,
	}
	n.leafPort = l.attach(n)
	way := &path{} // both are lost on
	n.agent = speaker{c: c, path: way, agent: n.addr, from: netip.AddrPortFrom(n.addr, 40001), sub: 100000, started: c.now.Add(-30 * time.Minute)}
	n.ovs = speaker{c: c, path: way, agent: n.addr, from: netip.AddrPortFrom(n.addr, 40002), sub: 1, started: c.now.Add(-50 * time.Minute)}
	return n
}

// add puts an instance on the node.
func (n *Node) add(i *Instance) {
	i.node, i.index, i.gone = n, n.nextIf, false
	i.plug = i.index
	n.nextIf++
	n.insts = append(n.insts, i)
}

// remove takes an instance off the node.
func (n *Node) remove(i *Instance) {
	kept := n.insts[:0]
	for _, x := range n.insts {
		if x != i {
			kept = append(kept, x)
		}
	}
	n.insts = kept
}

// HaveRouter gives the node a router.
func (n *Node) HaveRouter() { n.routed = true }

// HaveOVN lets ovn-controller run on the node.
func (n *Node) HaveOVN() { n.ovn = true }

// Instances are those on the node.
func (n *Node) Instances() []*Instance { return n.insts }

// sampled is a packet that the node takes a sample of: by Open vSwitch, with one
// data source for all, or else by weir-agent, with one for each interface.
func (n *Node) sampled(in, out uint32, header []byte) {
	if !n.up {
		return
	}
	if n.c.cfg.OVS {
		if !n.ovsOff {
			n.ovs.flow(sflow.DataSource{Class: sflow.ClassEntity, Index: 1000}, in, out, header)
		}
		return
	}
	if n.c.cfg.Agent && !n.killed {
		n.agent.flow(sflow.DataSource{Index: in}, in, out, header)
	}
}

// due reports whether what happens every so often, at the node's own phase,
// happens now.
func (n *Node) due(every, phase time.Duration) bool {
	return (n.c.now.Sub(Epoch)+n.phase+phase)%every == 0
}

// tick is a step of the node.
func (n *Node) tick() {
	if !n.up {
		return
	}
	for _, i := range n.insts {
		if !i.gone {
			i.flows()
		}
	}
	n.out += 1000
	if n.leaf.lost < members { // else nothing comes to it
		n.in += 1000
	}
	for range n.c.poisson(n.c.cfg.OwnRate) {
		own := end{mac: n.mac, ip: n.addr.As4(), port: 9100}
		n.leaf.sampled(n.leafPort, 0, n.c.wire.tcp(own, gateway, flagACK))
	}
	n.tickRouter()
	if n.c.cfg.OVS && !n.ovsOff {
		n.tickOVS()
	}
	if n.c.cfg.Agent && !n.killed {
		n.tickAgent()
	}
}

// tickOVS sends the ports' counters spread over the poll, and the samples of
// the last second.
func (n *Node) tickOVS() {
	poll := n.c.cfg.OVSPoll
	if n.due(poll, 0) {
		n.port(bridgeIndex, 0xfffe, "br-int", 0, n.in, n.out) // as it normally is on a node of Neutron
		n.port(uplinkIndex, 1, "eth0", 3, n.in, n.out)
		if n.routed {
			n.port(routerIndex, 5, "qr-0000fade-00", 3, n.in, n.out)
		}
	}
	for _, i := range n.insts {
		if !i.gone && n.due(poll, time.Duration(i.index%uint32(poll/Step))*Step) {
			n.port(i.index, i.plug, i.tap, i.status(), i.in, i.out)
		}
	}
	if n.due(time.Second, 500*time.Millisecond) {
		n.ovs.flush()
	}
}

func (i *Instance) status() uint32 {
	if i.fate == TapDown {
		return 1
	}
	return 3
}

func (n *Node) port(index, plug uint32, name string, status uint32, in, out uint64) {
	c := ifCounters(index, status, in, out)
	n.ovs.counters(sflow.DataSource{Index: index}, c, &sflow.PortName{Name: sflow.Text(name)}, &sflow.OFPort{DatapathID: fact.MAC(n.mac), PortNo: plug})
}

func ifCounters(index, status uint32, in, out uint64) *sflow.IfCounters {
	return &sflow.IfCounters{
		Index: index, Type: 6, Speed: 10e9, Direction: 1, Status: status, InOctets: sflow.Counter64(in), OutOctets: sflow.Counter64(out),
		InUcastPkts: sflow.Counter32(uint32(in / octets)), OutUcastPkts: sflow.Counter32(uint32(out / octets)),
	}
}

// statesEvery is how often weir-agent repeats what has not changed.
const statesEvery = 10 * time.Second

// tickAgent sends heartbeat, counters and states of weir-agent.
func (n *Node) tickAgent() {
	a := &n.agent
	if n.due(n.c.cfg.AgentPoll, 300*time.Millisecond) {
		a.counters(sflow.DataSource{Index: uplinkIndex}, ifCounters(uplinkIndex, 3, n.in, n.out), &sflow.PortName{Name: sflow.Text("eth0")})
		for _, i := range n.insts {
			if !i.gone {
				a.counters(sflow.DataSource{Index: i.index}, ifCounters(i.index, i.status(), i.in, i.out), &sflow.PortName{Name: sflow.Text(i.tap)})
			}
		}
	}
	if n.due(statesEvery, 0) {
		n.states()
	}
	if n.due(time.Second, 0) {
		n.beat()
	}
	if !n.c.cfg.OVS && n.due(Step*2, 0) {
		a.flush() // packet samples wait for 200 ms at most
	}
}

func (n *Node) beat() {
	n.beats++
	n.agent.say(&n.c.wire, witness.ClassHeartbeat, n.Name,
		witness.Counter64(witness.Sequence, n.beats), witness.String(witness.BootID, fmt.Sprintf("boot-%s-%d", n.Name, n.bootID)),
		witness.Counter64(witness.Started, uint64(n.agent.started.Unix())), witness.Counter64(witness.BootTime, uint64(n.boot.Unix())),
		witness.String(witness.Version, n.version), witness.String(witness.Modules, "link=ok,libvirt=ok"))
	n.heard = append(n.heard[:0], n.agent.b.Bytes()...)
	n.agent.flush()
}

// states says what weir-agent says of links, bridge and instances.
func (n *Node) states() {
	w := &n.c.wire
	var host sflow.HostAdapters
	host.Adapters = sflow.AppendHostAdapter(host.Adapters, uplinkIndex, n.mac)
	n.agent.counters(sflow.DataSource{Class: sflow.ClassEntity, Index: 1}, &sflow.HostDescr{Hostname: sflow.Text(n.Name), UUID: [16]byte{1, n.mac[4], n.mac[5]}, MachineType: 3, OSName: 2}, &host)
	n.link("eth0", uplinkIndex, "physical", "", "up")
	n.link("br-int", bridgeIndex, "ovs", "", "down")
	k := uint32(len(n.insts))
	n.agent.say(w, witness.ClassBridge, "br-int", witness.String(witness.Kind, "ovs"), witness.String(witness.Oper, "down"), witness.String(witness.Admin, "down"),
		witness.String(witness.Forwarding, "yes"), witness.Gauge32(witness.Ports, k+2), witness.Gauge32(witness.InstancePorts, k), witness.Gauge32(witness.Uplinks, 1),
		witness.Gauge32(witness.CarrierPorts, k+1), witness.Gauge64(witness.Flows, n.flows))
	for _, i := range n.insts {
		if !i.gone {
			n.told(i)
		}
	}
	if n.ovn {
		n.agent.say(w, witness.ClassService, "ovn-controller", witness.String(witness.State, "active"))
	}
	n.agent.flush()
}

func (n *Node) link(name string, index uint32, kind, master, oper string) {
	n.agent.say(&n.c.wire, witness.ClassLink, name, witness.Gauge32(witness.IfIndex, index), witness.String(witness.Kind, kind), witness.String(witness.Master, master),
		witness.String(witness.Oper, oper), witness.String(witness.Admin, oper))
}

// told says the state of an instance and of its tap.
func (n *Node) told(i *Instance) {
	oper := "up"
	if i.fate == TapDown {
		oper = "down"
	}
	w := &n.c.wire
	n.link(i.tap, i.index, "tap", "ovs-system", oper)
	n.agent.say(w, witness.ClassInstance, i.UUID, witness.String(witness.Name, i.Domain), witness.String(witness.NovaName, i.Name),
		witness.String(witness.ProjectName, "acme"), witness.String(witness.State, i.state), witness.String(witness.Taps, i.tap+"="+i.mac()))
	n.agent.say(w, witness.ClassNeighbour, i.tap, witness.Counter64(witness.Requests, i.arpAsked), witness.Counter64(witness.Answers, i.arpDone))
}

// event says an event, three times.
func (n *Node) event(name, subject string, pairs ...witness.Pair) {
	if !n.up || n.killed || !n.c.cfg.Agent {
		return
	}
	n.events++
	id, at := fmt.Sprintf("%s-%d-%d", n.Name, n.bootID, n.events), uint64(n.c.now.UnixNano())
	started := n.agent.started
	say := func(k uint32) {
		if !n.up || n.killed || n.agent.started != started {
			return
		}
		n.agent.say(&n.c.wire, witness.ClassEvent, name, append([]witness.Pair{
			witness.String(witness.ID, id), witness.Counter64(witness.At, at), witness.String(witness.Subject, subject), witness.Gauge32(witness.Repeat, k),
		}, pairs...)...)
		n.agent.flush()
	}
	say(0)
	n.c.At(200*time.Millisecond, func() { say(1) })
	n.c.At(time.Second, func() { say(2) })
}
