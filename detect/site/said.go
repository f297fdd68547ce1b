package site

import (
	"slices"
	"strconv"
	"strings"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// agent is what the host agent of a node says.
type agent struct {
	stream  *stream
	keyed   bool // it has signed: from then on nothing unsigned is believed
	bootID  string
	boot    int64 // ns
	started uint64
	seq     uint64
	at      int64 // last heartbeat
	version string
	digest  string
	rates   map[string]uint64 // sampling by interface, the last; the coarsest where it adapts to a budget
	budget  uint64            // samples a second that rates adapt to; 0 they are fixed
	header  uint64
	modules string
	samples bool  // it has taken packet samples
	skew    int64 // its clock less ours, ns
	forged  int64
	signed  int64 // last heartbeat that was signed; 0 never

	filters  map[string]*filterSaid
	services map[string]*serviceSaid
	logs     map[string]*logSaid
	logins   loginSaid
	asks     map[string]*asksSaid // DHCP, by MAC address
	vswitch  int64                // since when ovs-vswitchd is down; 0 it is up
}

func newAgent() *agent {
	return &agent{
		rates: map[string]uint64{}, filters: map[string]*filterSaid{}, services: map[string]*serviceSaid{}, logs: map[string]*logSaid{},
		asks: map[string]*asksSaid{},
	}
}

// Bounds of what is kept of one host agent.
const maxSaid = 4096

// agentSpeaks reports whether the node's host agent is heard.
func (n *node) agentSpeaks(now int64) bool {
	return n.agentOf != nil && n.agentOf.stream != nil && !n.agentOf.stream.silent && now-n.agentOf.at < 60*second
}

// said takes a statement of a host agent.
func (s *Site) said(n *node, f *fact.Fact) {
	d := f.Detail
	a := n.agentOf
	if a == nil {
		a = newAgent()
		n.agentOf = a
	}
	if a.keyed = a.keyed || d.Trusted; a.keyed && !d.Trusted {
		s.forged(n, f)
		return
	}
	n.dirty = true
	switch d.Topic {
	case witness.ClassEvent:
		s.event(n, f)
	case witness.ClassHeartbeat:
		s.heartbeat(n, f)
	case witness.ClassLink:
		s.linkSaid(n, f)
	case witness.ClassBridge:
		s.bridgeSaid(n, f)
	case witness.ClassOVS:
		s.ovsSaid(n, f)
	case witness.ClassOVSPort:
		s.ovsPortSaid(n, f)
	case witness.ClassInstance:
		s.instanceSaid(n, f)
	case witness.ClassFilter:
		s.filterSaid(n, f)
	case witness.ClassConntrack:
		s.conntrackSaid(n, f)
	case witness.ClassService:
		s.serviceSaid(n, f)
	case witness.ClassLog:
		s.logSaid(n, f)
	case witness.ClassLLDP:
		s.lldpSaid(n, f)
	case witness.ClassNeighbour:
		s.neighbourSaid(n, f)
	}
}

// forged tells that somebody without the node's key speaks in its name.
func (s *Site) forged(n *node, f *fact.Fact) {
	a := n.agentOf
	a.forged = f.At
	s.raise(n, &finding{
		kind: TelemetryTampered, entity: n.entity("forged", ""), subject: n.subject(TypeNode, "unsigned"), severity: detect.Critical, onset: f.At,
		witness: Agent, sure: 0.99, above: n.above(), hold: 60 * second,
		summary: "a statement in the name of its agent is not signed with its key", cause: "forged, or the agent has lost its key",
		facts: []Noted{{At: at(f.At), Group: "telemetry", From: n.label(), What: f.Detail.Topic + "/" + f.Detail.Entity + " without a signature that fits"}},
	})
}

// heartbeat takes what the agent says of itself every second.
func (s *Site) heartbeat(n *node, f *fact.Fact) {
	d, a := f.Detail, n.agentOf
	st := s.stream(n, f.Agent, f.Sub)
	st.speaks = hostAgent
	a.stream = st
	if n.name == "" || n.name != d.Entity {
		n.name = d.Entity
	}
	if a.keyed && !s.fresh(n, st, f) {
		return
	}
	boot, _ := d.Uint(witness.BootTime)
	started, _ := d.Uint(witness.Started)
	seq, _ := d.Uint(witness.Sequence)
	id := d.Text(witness.BootID)
	switch {
	case a.bootID != "" && id != "" && id != a.bootID:
		s.rebooted(n, f.At, max(f.At/second-int64(boot), 0), "its boot id changed", a.bootID, id, Agent)
		n.stopping = 0
	case a.started != 0 && started > a.started:
		n.note(f.At, n.self(), "weir-agent was started anew", itoa(a.started), itoa(started), Agent)
	case a.seq != 0 && seq > a.seq+5 && f.At-a.at > 5*second:
		n.note(f.At, n.self(), itoa(seq-a.seq-1)+" heartbeats of weir-agent did not arrive, while it went on", "", "", Agent)
	}
	if n.stopping > f.At && a.started != 0 && started > a.started {
		n.stopping = 0
	}
	a.at, a.bootID, a.boot, a.started, a.seq = f.At, id, int64(boot)*second, started, seq
	s.agentConfig(n, f)
	if v := d.Text(witness.Version); v != a.version {
		if a.version != "" {
			n.note(f.At, n.self(), "version of weir-agent", a.version, v, Agent)
		}
		a.version = v
	}
	if m := d.Text(witness.Modules); m != a.modules {
		if a.modules != "" {
			n.note(f.At, n.self(), "modules of weir-agent", a.modules, m, Agent)
		}
		a.modules = m
	}
}

// agentConfig looks for a heartbeat that tells of less telemetry than before.
func (s *Site) agentConfig(n *node, f *fact.Fact) {
	d, a := f.Detail, n.agentOf
	if v := d.Text(witness.ConfigDigest); v != a.digest {
		if a.digest != "" {
			n.note(f.At, n.self(), "configuration of weir-agent", a.digest, v, Agent)
		}
		a.digest = v
	}
	var facts []Noted
	budget, _ := d.Uint(witness.SamplingBudget)
	if a.budget > 0 && budget > 0 && budget*turnedDown <= a.budget {
		facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "packet samples a second", Before: itoa(a.budget), After: itoa(budget)})
	} else {
		a.budget = budget
	}
	for part := range strings.SplitSeq(d.Text(witness.Sampling), ",") {
		name, text, ok := strings.Cut(part, "=")
		rate, err := strconv.ParseUint(text, 10, 32)
		if !ok || err != nil || rate == 0 {
			continue
		}
		was := a.rates[name]
		switch {
		case budget > 0: // a rate that adapts says nothing of what is wanted
			if rate > was && (was != 0 || len(a.rates) < maxSaid) {
				a.rates[name] = rate
			}
		case was != 0 && rate >= turnedDown*was:
			facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "sampling rate of " + name, Before: "1:" + itoa(was), After: "1:" + itoa(rate)})
		case len(a.rates) < maxSaid && (was == 0 || rate > was || rate < was):
			a.rates[name] = rate
		}
	}
	if h, ok := d.Uint(witness.HeaderBytes); ok {
		if a.header != 0 && h*2 <= a.header && h < 64 {
			facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "octets of headers", Before: itoa(a.header), After: itoa(h)})
		} else {
			a.header = h
		}
	}
	if off := a.samplingOff(d.Text(witness.Modules)); off {
		facts = append(facts, Noted{At: at(f.At), Group: "telemetry", From: "weir-agent", What: "packet samples", Before: "on", After: "off"})
	}
	entity := n.entity("sampling", "")
	if len(facts) == 0 {
		s.unsay(TelemetryTampered, entity, "")
		return
	}
	s.raise(n, &finding{
		kind: TelemetryTampered, entity: entity, subject: n.subject(TypeNode, "sampling"), severity: detect.Critical, onset: f.At, witness: Agent,
		sure: 0.999, above: n.above(), hold: second, facts: facts, cause: "its configuration was changed",
		summary: "shows less than ever before: " + facts[0].What + " " + facts[0].After + " in place of " + facts[0].Before,
	})
}

// samplingOff reports whether an agent that took packet samples is configured to
// take none any more. One whose module fails still names it.
func (a *agent) samplingOff(modules string) bool {
	if strings.Contains(","+modules, ",sampling=ok") {
		a.samples = true
	}
	return a.samples && modules != "" && len(modules) < witness.MaxText-1 && !strings.Contains(","+modules, ",sampling=")
}

// status3 is a link's state as ifStatus has it.
func status3(admin, oper, carrier string) uint8 {
	switch {
	case admin == "down":
		return 0
	case oper == "up", carrier == "up" && (oper == "unknown" || oper == ""):
		return 3
	}
	return 1
}

// linkSaid takes the state of a link.
func (s *Site) linkSaid(n *node, f *fact.Fact) {
	d := f.Detail
	index, ok := d.Uint(witness.IfIndex)
	if !ok || d.Entity == "" {
		return
	}
	if old := n.ports[uint32(index)]; old != nil && old.stale(f.At) {
		return
	}
	p := s.saidPort(n, f, uint32(index), d.Entity)
	if p == nil {
		return
	}
	kind, master := d.Text(witness.Kind), d.Text(witness.Master)
	// A bridge's own port may be a tap too; libvirt tells of other names.
	p.instance = fact.InstancePort(d.Entity) && kind != "bridge" || p.inst != nil
	s.portStatus(p, status3(d.Text(witness.Admin), d.Text(witness.Oper), d.Text(witness.Carrier)), f.At)
	if kind == "bridge" {
		b := s.bridgeOf(n, d.Entity)
		b.linux, b.local, p.local, p.bridge = true, p, true, b
		b.ports[p.index] = p
		return
	}
	if b := n.bridges[master]; master != "" && b != nil && b.linux && p.bridge != b {
		s.enter(p, b)
	} else if master == "" && p.bridge != nil && p.bridge.linux {
		delete(p.bridge.ports, p.index)
		p.bridge = nil
	}
}

// saidPort returns the port that an agent speaks of, which it makes.
func (s *Site) saidPort(n *node, f *fact.Fact, index uint32, name string) *port {
	p := n.ports[index]
	if p != nil && p.name != name {
		if n.byName[p.name] == p {
			delete(n.byName, p.name)
		}
		p.name = name
		n.byName[name] = p
	}
	if p == nil {
		if len(n.ports) >= maxPerNode {
			s.refused++
			return nil
		}
		p = &port{node: n, index: index, since: f.At, name: name, number: f.Agent, sub: f.Sub}
		if old := n.byName[name]; old != nil {
			s.inherit(p, old)
		}
		n.ports[index], n.byName[name] = p, p
	}
	p.said = f.At
	if p.gone {
		p.gone, p.goneAt, p.since = false, 0, f.At
	}
	return p
}

// portStatus takes a port's status from the host agent.
func (s *Site) portStatus(p *port, status uint8, at int64) {
	s.status(p, &fact.Detail{Status: status, Counted: true}, at)
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

// instanceSaid takes the state of an instance.
func (s *Site) instanceSaid(n *node, f *fact.Fact) {
	d := f.Detail
	i := s.instance(d.Entity)
	if i == nil {
		return
	}
	s.name(i, n, d)
	i.saidAt, i.orphan = f.At, d.Text(witness.Orphan)
	i.project = cmpOr(d.Text(witness.ProjectName), cmpOr(d.Text(witness.Project), i.project))
	for part := range strings.SplitSeq(d.Text(witness.Taps), ",") {
		tap, mac, _ := strings.Cut(part, "=")
		if p := n.byName[tap]; p != nil {
			s.bind(i, p)
			if m, ok := parseMAC(mac); ok && !sharedMAC(m) {
				s.macAt(p, m, f.At)
			}
		}
		if m, ok := parseMAC(mac); ok && !slices.Contains(i.macs, m) && len(i.macs) < 16 {
			i.macs = append(i.macs, m)
		}
	}
	if st := d.Text(witness.State); st != "" {
		s.instanceState(i, st, d.Text(witness.Reason), f.At, Agent)
	}
}

// name takes how an instance is called, and where it is.
func (s *Site) name(i *instance, n *node, d *fact.Detail) {
	i.name = cmpOr(d.Text(witness.NovaName), i.name)
	i.domain = cmpOr(d.Text(witness.Name), i.domain)
	i.project = cmpOr(d.Text(witness.Project), i.project)
	switch {
	case i.node == nil || i.node == n:
	case i.state == "running" && s.now-i.saidAt < 3*second && i.leaving == 0:
		// On two nodes at once: a migration's moment, or a cloned image.
		return
	default:
		s.settled(i, n)
	}
	i.place(n)
}

// macAt notes an address at a port on the host agent's word.
func (s *Site) macAt(p *port, m uint64, at int64) {
	s.portMAC(p.node, &fact.Fact{At: at, Index: p.index, A: m})
}

// conntrackSaid takes how full a connection table is.
func (s *Site) conntrackSaid(n *node, f *fact.Fact) {
	d := f.Detail
	count, ok1 := d.Uint(witness.Count)
	most, ok2 := d.Uint(witness.Max)
	entity := n.entity("conntrack", d.Entity)
	if !ok1 || !ok2 || most == 0 {
		return
	}
	switch share := 100 * count / most; {
	case share >= 90:
		s.raise(n, &finding{
			kind: HostOverloaded, entity: entity, subject: n.subject(TypeNode, "connection table of "+d.Entity), severity: detect.Warning, onset: f.At,
			witness: Agent, sure: 0.99, above: n.above(), hold: 30 * second, summary: "its connection table is at " + itoa(share) + " %",
			facts: []Noted{{At: at(f.At), Group: "host", From: "weir-agent", What: "connections tracked", After: itoa(count) + " of " + itoa(most)}},
		})
	case share < 80:
		s.unsay(HostOverloaded, entity, "")
	}
}

// lldpSaid notes at which port of which switch a NIC is.
func (s *Site) lldpSaid(n *node, f *fact.Fact) {
	system, text := f.Detail.Text("system"), f.Detail.Text(witness.Port)
	for _, o := range s.order {
		if system == "" || o.name != system {
			continue
		}
		p := o.byName[text]
		if p == nil {
			p = o.byName[f.Detail.Text(witness.PortDesc)]
		}
		if p != nil {
			n.switchPort = p
			if !slices.Contains(p.attached, n) && len(p.attached) < 64 {
				p.attached = append(p.attached, n)
			}
		}
	}
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func parseMAC(text string) (uint64, bool) {
	parts := strings.Split(text, ":")
	if len(parts) != 6 {
		return 0, false
	}
	var m uint64
	for _, p := range parts {
		v, err := strconv.ParseUint(p, 16, 8)
		if err != nil {
			return 0, false
		}
		m = m<<8 | v
	}
	return m, true
}
