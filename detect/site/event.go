package site

import (
	"slices"
	"strings"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// How long what was announced may take.
const (
	graceService  = 120 * second     // systemd or a package manager starts the agent again
	graceShutdown = 15 * 60 * second // the host comes back
	graceSignal   = 10 * second      // somebody sent a signal: he may start it again
)

// event takes an event of a host agent.
func (s *Site) event(n *node, f *fact.Fact) {
	d, a := f.Detail, n.agentOf
	name, subject := d.Entity, d.Text(witness.Subject)
	ns := f.At
	if v, ok := d.Uint(witness.At); ok {
		// The node's clock tells the order of its own events; ours tells the time.
		a.skew = int64(v) - f.At
	}
	n.note(ns, n.entity("event", name), eventText(d), d.Text(witness.Before), d.Text(witness.After), Agent)
	switch name {
	case witness.AgentStopping:
		s.stopping(n, d, ns)
	case witness.AgentStarted:
		n.stopping = min(n.stopping, ns+graceSignal)
		if d.Text(witness.Cause) == "boot" {
			n.bootedAt = ns
		}
	case witness.LinkUp, witness.LinkDown, witness.LinkRemoved, witness.LinkAdded, witness.LinkRenamed, witness.LinkChanged:
		s.linkEvent(n, f, name, subject)
	case witness.BridgePortRemoved, witness.BridgePortAdded:
		s.bridgePort(n, f, subject, name == witness.BridgePortAdded)
	case witness.OVSBridgeRemoved:
		s.bridgeRemoved(n, subject, ns)
	case witness.OVSBridgeAdded:
		if b := n.bridges[subject]; b != nil {
			b.removed = false
			s.unsay(BridgeDown, b.entity(), "")
		}
	case witness.OVSPortRemoved:
		delete(a.strays, d.Text(witness.Port))
	case witness.OVSSFlowChanged:
		s.sflowSaid(s.bridgeOf(n, subject), d.Text(witness.After), ns)
	case witness.OVSDown:
		if strings.Contains(subject, "vswitchd") && a.vswitch == 0 {
			a.vswitch = ns
		}
	case witness.OVSUp:
		if strings.Contains(subject, "vswitchd") {
			a.vswitch = 0
		}
	case witness.OVSFlowsEmptied:
		b := s.bridgeOf(n, subject)
		if b.said == nil {
			b.said = &bridgeSaid{}
		}
		b.said.emptied, b.said.before, b.said.after = ns, d.Text(witness.Before), d.Text(witness.After)
	case witness.RulesFlushed, witness.RulesChanged:
		s.rulesEvent(n, f, name == witness.RulesFlushed, subject)
	case witness.ServiceStarted, witness.ServiceStopped, witness.ServiceFailed:
		s.serviceEvent(n, f, name, subject)
	case witness.Login, witness.LoginFailed:
		s.loginEvent(n, f, name == witness.LoginFailed, subject)
	case witness.LogTruncated, witness.LogLevelChanged:
		s.logEvent(n, f, name, subject)
	case witness.DHCPRequest, witness.DHCPAnswered:
		s.dhcpEvent(n, f, name == witness.DHCPAnswered, subject)
	case witness.ARPUnanswered:
		s.arpUnanswered(n, f)
	default:
		if strings.HasPrefix(name, "instance_") {
			s.instanceEvent(n, f, name, subject)
		}
	}
}

// eventText is an event in words: "link_down eth1 (signal, pid 12 kill)".
func eventText(d *fact.Detail) string {
	t := d.Entity
	if v := d.Text(witness.Subject); v != "" {
		t += " " + v
	}
	for _, k := range [...]string{witness.Port, witness.Cause, witness.Reason, witness.Command, witness.Signal, "from"} {
		if v := d.Text(k); v != "" {
			t += ", " + k + " " + v
		}
	}
	if v, ok := d.Uint(witness.PID); ok && v != 0 {
		t += ", pid " + itoa(v)
	}
	return t
}

// stopping notes that the agent has said that it stops, and why.
func (s *Site) stopping(n *node, d *fact.Detail, ns int64) {
	cause := d.Text(witness.Cause)
	n.why = cause
	grace := graceService
	switch cause {
	case "shutdown", "reboot":
		grace = graceShutdown
	case "signal", "exit":
		grace = graceSignal
		if c := d.Text(witness.Command); c != "" {
			n.why += " from " + c
		}
	}
	n.stopping = ns + grace
}

// bridgePort takes that a port has left or entered a Linux bridge.
func (s *Site) bridgePort(n *node, f *fact.Fact, name string, added bool) {
	p := n.byName[f.Detail.Text(witness.Port)]
	switch {
	case p == nil || name == "":
	case added:
		if b := s.bridgeOf(n, name); p.bridge != b && p != b.local {
			b.linux = true
			s.enter(p, b)
		}
	case p.bridge != nil && p.bridge.name == name:
		b := p.bridge
		b.left = slices.DeleteFunc(b.left, func(l leaver) bool { return f.At-l.at > leftFor })
		b.left = append(b.left, leaver{p, f.At})
		delete(b.ports, p.index)
		p.bridge = nil
		if b.said != nil && b.said.ports > 0 {
			b.said.ports-- // the next statement says it again
			b.said.at = f.At
			s.judgeSaidBridge(b)
		}
	}
}

// linkEvent takes a change of a link as it happens.
func (s *Site) linkEvent(n *node, f *fact.Fact, name, subject string) {
	d := f.Detail
	p := n.byName[subject]
	if index, ok := d.Uint(witness.IfIndex); ok && p == nil && name != witness.LinkRemoved {
		p = s.saidPort(n, f, uint32(index), subject)
	}
	if p == nil {
		return
	}
	switch name {
	case witness.LinkRemoved:
		p.gone, p.goneAt, p.removed = true, f.At, f.At
		if b := n.bridges[subject]; b != nil && b.linux {
			s.bridgeRemoved(n, subject, f.At)
			delete(n.bridges, subject)
		}
		return
	case witness.LinkDown, witness.LinkUp, witness.LinkChanged:
		admin, oper, carrier := d.Text(witness.Admin), d.Text(witness.Oper), d.Text(witness.Carrier)
		if oper == "" {
			oper = d.Text(witness.After)
		}
		if oper != "" || admin != "" {
			s.portStatus(p, status3(admin, oper, carrier), f.At)
		}
	}
	p.said = f.At
	s.recount(p, f.At)
	if b := n.bridges[subject]; b != nil && b.linux {
		if b.said == nil {
			b.said = &bridgeSaid{}
		}
		if p.status == 0 {
			b.said.admin = "down"
		} else {
			b.said.admin = "up"
		}
		b.said.oper, b.said.at = d.Text(witness.After), f.At
		s.judgeSaidBridge(b)
	}
}

// bridgeRemoved takes that a bridge was deleted. With instances on it that is
// the loss of their network; without, it is housekeeping.
func (s *Site) bridgeRemoved(n *node, name string, ns int64) {
	b := n.bridges[name]
	if b == nil {
		return
	}
	b.removed = true
	carried, known := b.carried(ns)
	if carried == 0 && (known > 0 || !b.said.carried(ns)) {
		s.drop(BridgeDown, b.entity(), ReasonGone)
		s.reachable(b)
		return
	}
	s.unreachable(b, &finding{
		kind: BridgeDown, entity: b.entity(), subject: n.subject(TypeBridge, name), severity: detect.Critical, onset: ns, good: ns, witness: Agent,
		sure: 0.999, above: b.above(), hold: second, summary: "deleted with instances on it",
		facts: []Noted{{At: at(ns), Group: "bridge", From: "weir-agent", What: "the bridge was deleted"}},
	})
}
