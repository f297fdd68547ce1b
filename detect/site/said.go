package site

import (
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// agent is what the host agent of a node says.
type agent struct {
	stream    *stream
	keyed     bool // it has signed: from then on nothing unsigned is believed
	bootID    string
	boot      int64 // ns
	started   uint64
	seq       uint64
	at        int64 // last heartbeat
	version   string
	digest    string
	digestAt  int64 // when that was told to be another; 0 never
	digestWas string
	rates     map[string]uint64 // sampling by interface, the last; the coarsest where it adapts to a budget
	budget    uint64            // samples a second that rates adapt to; 0 they are fixed
	header    uint64
	modules   string
	samples   bool  // it has taken packet samples
	skew      int64 // its clock less ours, ns
	forged    int64
	signed    int64 // last heartbeat that was signed; 0 never
	saidAt    int64 // newest time, by its own clock, at which it said something signed

	filters  map[string]*filterSaid
	services map[string]*serviceSaid
	logs     map[string]*logSaid
	logins   loginSaid
	asks     map[string]*asksSaid // DHCP, by MAC address
	strays   map[string]*stray    // ports of Open vSwitch without a device
	vswitch  int64                // since when ovs-vswitchd is down; 0 it is up
}

func newAgent() *agent {
	return &agent{
		rates: map[string]uint64{}, filters: map[string]*filterSaid{}, services: map[string]*serviceSaid{}, logs: map[string]*logSaid{},
		asks: map[string]*asksSaid{}, strays: map[string]*stray{},
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
	if a.keyed && s.again(n, f) {
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
