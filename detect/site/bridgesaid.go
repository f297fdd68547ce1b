package site

import (
	"fmt"
	"strconv"
	"strings"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// bridgeSaid is what the host agent says of a bridge.
type bridgeSaid struct {
	at                                  int64
	forwarding, oper, admin             string
	ports, instances, uplinks, carriers uint64
	flows                               uint64
	mattered                            bool  // it carried an instance or an uplink
	hadCarrier                          bool  // one of its ports had a carrier
	vacant                              int64 // when its last instance was taken off
	emptied                             int64 // when its flow table was emptied; 0 it was not
	before, after                       string
}

// Times that a switch is given to come back by itself.
const (
	vswitchGrace = 2 * second  // a restart of ovs-vswitchd
	vswitchOrder = 60 * second // the same where the service was stopped in order: an upgrade
	flowsGrace   = 2 * second  // flows that are replaced
	flowsOVN     = 60 * second // ovn-controller empties and fills the table
)

// judgeSaidBridge tells what the host agent's word means for a bridge.
func (s *Site) judgeSaidBridge(b *bridge) {
	x, n := b.said, b.node
	if x.at == 0 && x.emptied == 0 {
		return
	}
	summary, onset := "", x.at
	switch {
	case b.removed:
		return // told when it was
	case !x.mattered && !b.matters(), b.linux && b.deserted(s.now):
	case b.linux && x.admin == "down":
		summary = "switched off"
	case b.linux && x.hadCarrier && x.at != 0 && x.ports > 0 && x.carriers == 0 && x.instances+x.uplinks > 0:
		summary = "none of its " + itoa(x.ports) + " ports has a carrier"
	case x.forwarding == "no" && (!b.linux || x.hadCarrier):
		summary = "it does not forward"
	case x.emptied != 0 && s.now-x.emptied >= s.flowsWait(n):
		summary, onset = "its flow table was emptied: "+x.before+" flows before, "+x.after+" after", x.emptied
	}
	if summary == "" {
		if c := s.active(BridgeDown, b.entity()); c != nil && c.by&byAgent != 0 && x.emptied == 0 {
			s.unsay(BridgeDown, b.entity(), "")
			s.reachable(b)
		}
		if x.emptied != 0 {
			n.next = min(n.next, x.emptied+s.flowsWait(n))
		}
		return
	}
	if c := s.active(BridgeDown, b.entity()); c != nil && c.by&byAgent != 0 && c.clearing == 0 {
		return
	}
	wait := int64(0)
	switch {
	case !b.linux && x.forwarding == "no":
		wait = 300 * millisecond // for the word that it is the daemon
	case b.linux && x.admin != "down":
		wait = 100 * millisecond // its last port is removed after it went down
	}
	s.unreachable(b, &finding{
		kind: BridgeDown, entity: b.entity(), subject: n.subject(TypeBridge, b.name), severity: detect.Critical, onset: onset, good: onset,
		witness: Agent, sure: 0.999, above: b.above(), hold: second, wait: wait, summary: summary,
		facts: []Noted{{
			At: at(onset), Group: "bridge", From: "weir-agent", What: "state of the bridge",
			After: fmt.Sprintf("admin %s, oper %s, forwarding %s, %d of %d ports with a carrier, %d flows", x.admin, x.oper, x.forwarding, x.carriers, x.ports, x.flows),
		}},
	})
}

// flowsWait is how long an empty flow table may be a change under way.
func (s *Site) flowsWait(n *node) int64 {
	for name := range n.agentOf.services {
		if name == "ovn-controller" || name == "ovn-controller.service" {
			return flowsOVN
		}
	}
	return flowsGrace
}

// leaver is a port that has left a bridge.
type leaver struct {
	port *port
	at   int64
}

// leftFor is for how long a port that left a bridge still counts as one that the
// bridge had when it was removed.
const leftFor = 2 * second

// carried counts the ports of instances that a bridge had when it was removed,
// and those that are known of. A port that is gone itself was removed with its
// instance, and its bridge after it; Open vSwitch takes ports and bridge at once.
func (b *bridge) carried(ns int64) (carried, known int) {
	count := func(p *port) {
		if !p.instance {
			return
		}
		known++
		if p.wasUp && (!p.gone || !b.linux && ns-p.goneAt < leftFor) {
			carried++
		}
	}
	for _, p := range b.ports {
		count(p)
	}
	for _, l := range b.left {
		// The bridge's end of a pair is taken out before its bridge is.
		if ns-l.at < leftFor && l.port.bridge == nil && !strings.HasPrefix(l.port.name, "qv") {
			count(l.port)
		}
	}
	return carried, known
}

// deserted reports whether the instances on a bridge went before it.
func (b *bridge) deserted(ns int64) bool {
	carried, known := b.carried(ns)
	return known > 0 && carried == 0
}

// carried reports whether the agent said that instances are on the bridge, or
// were a moment ago: ports and bridge are removed together.
func (x *bridgeSaid) carried(ns int64) bool {
	return x != nil && (x.instances > 0 || x.vacant != 0 && ns-x.vacant < leftFor)
}

// carriers counts the ports of a Linux bridge with a carrier, and all that are
// known.
func (b *bridge) carriers() (carriers, known uint64) {
	for _, p := range b.ports {
		if p.local || p.gone || !p.counted {
			continue
		}
		known++
		if p.up() {
			carriers++
		}
	}
	return carriers, known
}

// recount takes that a port of a Linux bridge has another state, ahead of what the
// agent says of the bridge next: that is when the bridge has changed, too.
func (s *Site) recount(p *port, ns int64) {
	b := p.bridge
	if b == nil || !b.linux || b.said == nil || p.local {
		return
	}
	carriers, known := b.carriers()
	if known != b.said.ports {
		return
	}
	if carriers != b.said.carriers {
		b.said.carriers, b.said.at = carriers, ns
	}
	s.judgeSaidBridge(b)
}

// vswitchOrdered reports whether the service manager was asked to stop
// ovs-vswitchd at about that time.
func (a *agent) vswitchOrdered(down int64) bool {
	for _, unit := range [...]string{"ovs-vswitchd", "openvswitch-switch", "openvswitch"} {
		for _, name := range [...]string{unit, unit + ".service"} {
			x := a.services[name]
			if x != nil && x.stopped != 0 && x.state != "failed" && x.stopped-down < 10*second && down-x.stopped < 10*second {
				return true
			}
		}
	}
	return false
}

// judgeVSwitch tells that ovs-vswitchd is down: all its bridges are.
func (s *Site) judgeVSwitch(n *node) {
	entity := n.entity("vswitch", "")
	down := n.agentOf.vswitch
	if down == 0 {
		s.unsay(BridgeDown, entity, "")
		return
	}
	c := s.active(BridgeDown, entity)
	if n.agentOf.vswitchOrdered(down) && s.now-down < vswitchOrder {
		if c != nil && !c.open {
			s.over(c, "")
		}
		n.next = min(n.next, down+vswitchOrder)
		return
	}
	if c != nil && c.clearing == 0 {
		return
	}
	s.raise(n, &finding{
		kind: BridgeDown, entity: entity, subject: n.subject(TypeBridge, "Open vSwitch"), severity: detect.Critical, onset: down, good: down,
		witness: Agent, sure: 0.99, above: n.above(), hold: second, wait: vswitchGrace, summary: "ovs-vswitchd does not run: no bridge of it forwards new flows",
		facts: []Noted{{At: at(down), Group: "bridge", From: "weir-agent", What: "ovs-vswitchd", Before: "up", After: "down"}},
	})
}

func (s *Site) bridgeOf(n *node, name string) *bridge {
	b := n.bridges[name]
	if b == nil {
		b = &bridge{node: n, name: name, ports: map[uint32]*port{}}
		if len(n.bridges) < maxPerNode {
			n.bridges[name] = b
		}
	}
	return b
}

// bridgeSaid takes the state of a bridge.
func (s *Site) bridgeSaid(n *node, f *fact.Fact) {
	d := f.Detail
	if p := n.byName[d.Entity]; p != nil && p.stale(f.At) {
		return
	}
	b := s.bridgeOf(n, d.Entity)
	x := b.said
	if x == nil {
		x = &bridgeSaid{}
		b.said = x
	}
	b.linux = d.Text(witness.Kind) == "linux"
	get := func(name string) uint64 {
		v, _ := d.Uint(name)
		return v
	}
	x.at = f.At
	if x.instances > 0 && get(witness.InstancePorts) == 0 {
		x.vacant = f.At
	}
	x.forwarding, x.oper, x.admin = d.Text(witness.Forwarding), d.Text(witness.Oper), d.Text(witness.Admin)
	x.instances, x.uplinks, x.carriers, x.ports = get(witness.InstancePorts), get(witness.Uplinks), get(witness.CarrierPorts), get(witness.Ports)
	x.flows = get(witness.Flows)
	x.mattered = x.mattered || x.instances > 0 || x.uplinks > 0 && !b.linux
	if x.carriers > 0 {
		x.hadCarrier = true
	}
	if after, err := strconv.ParseUint(x.after, 10, 64); x.emptied != 0 && x.flows > after && err == nil {
		x.emptied = 0 // it is filled again
	}
	s.judgeSaidBridge(b)
}

// ovsSaid takes what the database of Open vSwitch says of a bridge.
func (s *Site) ovsSaid(n *node, f *fact.Fact) {
	d := f.Detail
	b := s.bridgeOf(n, d.Entity)
	switch d.Text(witness.VSwitchd) {
	case "down":
		if n.agentOf.vswitch == 0 {
			n.agentOf.vswitch = f.At
		}
	case "up":
		n.agentOf.vswitch = 0
	}
	s.sflowSaid(b, d.Text(witness.SFlow), f.At)
}

// sflowSaid takes the sFlow settings of a bridge: switching them off blinds us.
func (s *Site) sflowSaid(b *bridge, text string, ns int64) {
	was := b.sflow
	if text != "" {
		b.sflow = text
		s.unsay(TelemetryTampered, b.entity(), "")
		return
	}
	if was == "" {
		return
	}
	s.raise(b.node, &finding{
		kind: TelemetryTampered, entity: b.entity(), subject: b.node.subject(TypeBridge, b.name), severity: detect.Critical, onset: ns, witness: Agent,
		sure: 0.999, above: b.node.above(), hold: second, summary: "its sFlow was switched off",
		facts: []Noted{{At: at(ns), Group: "telemetry", From: "weir-agent", What: "sFlow of the bridge", Before: was, After: "none"}},
	})
}
