package site

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"strings"

	"weir/detect"
	"weir/detect/site/fact"
)

// Health is the state of a thing in one word, for a picture.
type Health string

// Healths, from good to bad. Unseen is neither: nobody could tell.
const (
	HealthGood     Health = "good"
	HealthOff      Health = "off" // stopped, or told of no more, without an alert
	HealthUnseen   Health = "unseen"
	HealthInfo     Health = "info"
	HealthWarning  Health = "warning"
	HealthCritical Health = "critical"
)

// letters are how a string of healths is written, one each.
var letters = map[Health]byte{HealthGood: 'g', HealthOff: 'o', HealthUnseen: 'u', HealthInfo: 'i', HealthWarning: 'w', HealthCritical: 'c'}

// Overview is the whole site in short.
type Overview struct {
	At        detect.Time `json:"at"`
	Nodes     []NodeView  `json:"nodes"` // by key
	Bridges   int         `json:"bridges"`
	Instances int         `json:"instances"`
	Unseen    int         `json:"unseen"` // instances that nobody could miss
	Bad       int         `json:"bad"`    // instances with a warning or worse
}

// NodeView is a node in short.
type NodeView struct {
	Key       string       `json:"key"` // its address
	Name      string       `json:"name,omitempty"`
	Kind      string       `json:"kind"`            // hypervisor, host or switch
	Under     string       `json:"under,omitempty"` // key of the switch that it is attached to
	Port      string       `json:"port,omitempty"`  // of that switch
	Health    Health       `json:"health"`          // the worst of it and its parts
	Self      Health       `json:"self"`            // its own
	LastHeard detect.Time  `json:"last_heard,omitzero"`
	Ports     int          `json:"ports"`
	PortsDown int          `json:"ports_down"`
	Instances int          `json:"instances"`
	Unseen    int          `json:"unseen"`
	Bad       int          `json:"bad"`
	Bridges   []BridgeView `json:"bridges,omitempty"` // by name; that without a name has what is on no bridge
}

// BridgeView is a bridge in short. Each letter of Instances is one of them: g
// good, o off, u not observable, i information, w warning, c critical.
type BridgeView struct {
	Name      string `json:"name"`
	Health    Health `json:"health"`
	Ports     int    `json:"ports"`
	Instances string `json:"instances"`
}

// Branch is a node with all of its parts.
type Branch struct {
	NodeView
	Speakers []string       `json:"speakers"` // who speaks for it
	Version  string         `json:"version,omitempty"`
	Parts    []BridgeBranch `json:"parts"`
	Links    []PortView     `json:"links"` // ports on no bridge
	Cut      bool           `json:"cut,omitempty"`
}

// BridgeBranch is a bridge with its instances and other ports.
type BridgeBranch struct {
	Name      string         `json:"name"`
	Health    Health         `json:"health"`
	Instances []InstanceView `json:"instances"` // in the order of BridgeView.Instances
	Ports     []PortView     `json:"ports"`
}

// InstanceView is an instance.
type InstanceView struct {
	UUID      string   `json:"uuid,omitempty"`
	Name      string   `json:"name"`
	Project   string   `json:"project,omitempty"`
	State     string   `json:"state,omitempty"`
	Health    Health   `json:"health"`
	Observed  []string `json:"observed"` // by agent, counters and samples; by nobody where empty
	Port      string   `json:"port,omitempty"`
	MACs      []string `json:"macs,omitempty"`
	Addresses []string `json:"addresses,omitempty"`
}

// PortView is an interface.
type PortView struct {
	Name     string   `json:"name"`
	Index    uint32   `json:"index"`
	Status   string   `json:"status"`
	Health   Health   `json:"health"`
	Attached []string `json:"attached,omitempty"` // keys of the nodes behind it
}

// Found is a part of the site that a search came upon.
type Found struct {
	Node   string `json:"node"` // key
	Label  string `json:"label"`
	Type   string `json:"type"`
	Name   string `json:"name"`
	Detail string `json:"detail,omitempty"` // what matched, where that is not the name
	Bridge string `json:"bridge,omitempty"`
	Health Health `json:"health"`
}

// Bounds of what is shown.
const (
	maxBranch  = 2000   // instances, and as many ports, of a branch
	maxFind    = 200    // places a search comes upon
	maxVisited = 250000 // parts that a search looks at
)

// viewer shows the model at one moment.
type viewer struct {
	s      *Site
	worst  map[string]Health // by entity
	within map[*node]Health
}

func (s *Site) viewer() *viewer {
	v := &viewer{s, map[string]Health{}, map[*node]Health{}}
	for _, it := range s.board.All() {
		c := it.Value
		if c.clearing != 0 || c.event || !c.open && it.Parent() == nil {
			continue
		}
		h := healthOf(c.severity)
		v.worst[c.entity] = worse(v.worst[c.entity], h)
		if c.node != nil {
			v.within[c.node] = worse(v.within[c.node], h)
		}
	}
	return v
}

func healthOf(s detect.Severity) Health {
	switch s {
	case detect.Critical:
		return HealthCritical
	case detect.Warning:
		return HealthWarning
	}
	return HealthInfo
}

// worse returns the worse of two, "" being the best.
func worse(a, b Health) Health {
	order := []Health{"", HealthGood, HealthOff, HealthUnseen, HealthInfo, HealthWarning, HealthCritical}
	if slices.Index(order, a) > slices.Index(order, b) {
		return a
	}
	return b
}

// Overview returns the site in short. Call it from the Site's goroutine.
func (s *Site) Overview() Overview {
	v := s.viewer()
	o := Overview{At: at(s.now), Nodes: make([]NodeView, 0, len(s.order))}
	for _, n := range s.order {
		x := v.node(n)
		for i := range x.Bridges {
			if x.Bridges[i].Name != "" {
				o.Bridges++
			}
		}
		o.Instances, o.Unseen, o.Bad = o.Instances+x.Instances, o.Unseen+x.Unseen, o.Bad+x.Bad
		o.Nodes = append(o.Nodes, x)
	}
	return o
}

func (v *viewer) node(n *node) NodeView {
	x := NodeView{
		Key: n.key, Name: n.name, Kind: n.kindOf(), LastHeard: at(n.lastHeard()),
		Self: cmp.Or(v.worst[n.self()], HealthGood), Ports: len(n.ports),
	}
	if !n.heard {
		x.Self = worse(x.Self, HealthUnseen)
	}
	x.Health = worse(x.Self, v.within[n])
	if p := n.switchPort; p != nil && p.node != n {
		x.Under, x.Port = p.node.key, p.label()
	}
	for _, p := range n.ports {
		if p.counted && !p.up() && !p.gone {
			x.PortsDown++
		}
	}
	for _, part := range n.parts() {
		if part.bridge == nil && len(part.guests) == 0 {
			continue
		}
		b := BridgeView{Name: part.name, Health: HealthGood}
		if part.bridge != nil {
			b.Ports, b.Health = len(part.bridge.ports), v.bridge(part.bridge)
		}
		var dots strings.Builder
		for _, p := range part.guests {
			h := v.guest(p)
			dots.WriteByte(letters[h])
			x.Instances++
			switch h {
			case HealthUnseen:
				x.Unseen++
			case HealthWarning, HealthCritical:
				x.Bad++
			}
		}
		b.Instances = dots.String()
		x.Bridges = append(x.Bridges, b)
	}
	return x
}

// kindOf says what a node seems to be.
func (n *node) kindOf() string {
	if len(n.insts) > 0 || len(n.bridges) > 0 {
		return "hypervisor"
	}
	for _, p := range n.ports {
		if p.instance {
			return "hypervisor"
		}
		if len(p.attached) > 0 {
			return "switch"
		}
	}
	if n.agentOf != nil || len(n.hosts) > 0 {
		return "host"
	}
	return "switch"
}

// part is a bridge with its instances, or what is on none.
type part struct {
	name   string
	bridge *bridge
	guests []*port
	others []*port
}

// parts are the node's bridges by name, then what is on none. An instance with
// several ports is where its first is.
func (n *node) parts() []part {
	var all []part
	seen := map[*instance]bool{}
	take := func(x *part, p *port) {
		switch {
		case !p.instance || p.gone:
			if !p.gone {
				x.others = append(x.others, p)
			}
			return
		case p.inst != nil && seen[p.inst]:
			return
		case p.inst != nil:
			seen[p.inst] = true
		}
		x.guests = append(x.guests, p)
	}
	for _, name := range sortedKeys(n.bridges) {
		x := part{name: name, bridge: n.bridges[name]}
		for _, index := range sortedKeys(x.bridge.ports) {
			if p := x.bridge.ports[index]; !p.local {
				take(&x, p)
			}
		}
		all = append(all, x)
	}
	rest := part{}
	for _, index := range sortedKeys(n.ports) {
		if p := n.ports[index]; p.bridge == nil && !p.local {
			take(&rest, p)
		}
	}
	for _, uuid := range sortedKeys(n.insts) { // without any port that is known
		if i := n.insts[uuid]; !seen[i] && i.node == n && len(i.ports) == 0 {
			rest.guests = append(rest.guests, &port{node: n, inst: i, instance: true, macs: i.macs})
		}
	}
	if len(rest.guests)+len(rest.others) > 0 {
		all = append(all, rest)
	}
	return all
}

func (v *viewer) bridge(b *bridge) Health {
	h := worse(v.worst[b.entity()], v.worst[b.node.entity("vswitch", "")])
	if h == "" && b.gone {
		return HealthOff
	}
	return cmp.Or(h, HealthGood)
}

// guest is the health of the instance behind a port.
func (v *viewer) guest(p *port) Health {
	h := v.worst[p.instanceEntity()]
	if h != "" && h != HealthInfo {
		return h
	}
	switch {
	case p.inst != nil && p.inst.state != "" && !p.inst.runs():
		return HealthOff
	case len(v.observed(p)) == 0:
		return HealthUnseen
	}
	return cmp.Or(h, HealthGood)
}

// observed is who would notice that the instance behind a port is gone.
func (v *viewer) observed(p *port) []string {
	var by []string
	n := p.node
	if n.agentSpeaks(v.s.now) && (p.said != 0 || p.inst != nil && p.inst.saidAt != 0) {
		by = append(by, "agent")
	}
	polled := p.counted && !p.unknown && p.number != 0 && p.number != n.agentNumber()
	if !n.silent && (polled || p.inst != nil && p.inst.host != nil && !p.inst.host.gone) {
		by = append(by, "counters")
	}
	if p.act.firstAt != 0 {
		return append(by, "samples")
	}
	for _, m := range p.macs {
		if a := v.s.macs[m]; a != nil && len(a.seen) > 0 {
			return append(by, "samples")
		}
	}
	return by
}

// agentNumber is that of the host agent, whose word on ports is no counter; 0
// without one.
func (n *node) agentNumber() uint32 {
	if n.agentOf == nil || n.agentOf.stream == nil {
		return 0
	}
	return n.agentOf.stream.number
}

// Branch returns a node with its parts; ok is false where there is no such node.
// Call it from the Site's goroutine.
func (s *Site) Branch(key string) (b Branch, ok bool) {
	n := s.nodes[key]
	if n == nil {
		return b, false
	}
	v := s.viewer()
	b = Branch{NodeView: v.node(n), Speakers: []string{}, Parts: []BridgeBranch{}, Links: []PortView{}}
	for _, st := range n.streams {
		if who := cmp.Or(st.speaks, "sFlow agent"); !st.retired && !slices.Contains(b.Speakers, who) {
			b.Speakers = append(b.Speakers, who)
		}
	}
	if n.agentOf != nil {
		b.Version = n.agentOf.version
	}
	left := maxBranch
	for _, x := range n.parts() {
		y := BridgeBranch{Name: x.name, Health: HealthGood, Instances: []InstanceView{}, Ports: []PortView{}}
		if x.bridge != nil {
			y.Health = v.bridge(x.bridge)
		}
		for _, p := range x.guests {
			if left--; left < 0 {
				b.Cut = true
				break
			}
			y.Instances = append(y.Instances, v.instance(p))
		}
		for i, p := range x.others {
			if i == maxBranch {
				b.Cut = true
				break
			}
			y.Ports = append(y.Ports, v.port(p))
		}
		if x.bridge == nil {
			b.Links, y.Ports = y.Ports, []PortView{}
		}
		b.Parts = append(b.Parts, y)
	}
	return b, true
}

func (v *viewer) instance(p *port) InstanceView {
	x := InstanceView{Name: p.label(), Health: v.guest(p), Observed: v.observed(p), Port: p.name}
	if x.Observed == nil {
		x.Observed = []string{}
	}
	if i := p.inst; i != nil {
		x.UUID, x.Name, x.Project, x.State = i.uuid, i.label(), i.project, i.state
	}
	for _, m := range p.macs {
		x.MACs = append(x.MACs, fact.UnpackMAC(m).String())
		if a := v.s.macs[m]; a != nil {
			for _, ip := range a.ips {
				x.Addresses = append(x.Addresses, ipText(ip))
			}
		}
	}
	return x
}

func ipText(ip uint32) string {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, ip))).String()
}

func (v *viewer) port(p *port) PortView {
	x := PortView{Name: p.label(), Index: p.index, Status: "unknown", Health: cmp.Or(v.worst[p.entity()], HealthGood)}
	if p.counted && !p.unknown {
		x.Status = statusText(p.status)
		if !p.up() {
			x.Health = worse(x.Health, HealthOff)
		}
	}
	for _, n := range p.attached {
		x.Attached = append(x.Attached, n.key)
	}
	return x
}

// Find returns the parts of the site that text stands in: names, addresses,
// identities. cut is true where there is more. Call it from the Site's goroutine.
func (s *Site) Find(text string) (all []Found, cut bool) {
	v, visited := s.viewer(), 0
	text = strings.ToLower(strings.TrimSpace(text))
	in := func(fields ...string) (string, bool) {
		for _, f := range fields {
			if f != "" && strings.Contains(strings.ToLower(f), text) {
				return f, true
			}
		}
		return "", false
	}
	for _, n := range s.order {
		if len(all) >= maxFind || visited > maxVisited {
			return all[:min(len(all), maxFind)], true
		}
		base := Found{Node: n.key, Label: n.label()}
		if f, ok := in(n.name, n.key); ok {
			x := base
			x.Type, x.Name, x.Detail, x.Health = n.kindOf(), n.label(), f, worse(v.worst[n.self()], v.within[n])
			all = append(all, x)
		}
		for _, part := range n.parts() {
			visited += 1 + len(part.guests) + len(part.others)
			if f, ok := in(part.name); ok {
				x := base
				x.Type, x.Name, x.Detail, x.Bridge, x.Health = TypeBridge, part.name, f, part.name, v.bridge(part.bridge)
				all = append(all, x)
			}
			for _, p := range part.guests {
				x := v.instance(p)
				if f, ok := in(append(append([]string{x.Name, x.UUID, x.Project, x.Port}, x.MACs...), x.Addresses...)...); ok {
					found := base
					found.Type, found.Name, found.Detail, found.Bridge, found.Health = TypeInstance, x.Name, f, part.name, x.Health
					all = append(all, found)
				}
			}
			for _, p := range part.others {
				if f, ok := in(p.name); ok {
					found := base
					found.Type, found.Name, found.Detail, found.Bridge, found.Health = TypeInterface, p.label(), f, part.name, cmp.Or(v.worst[p.entity()], HealthGood)
					all = append(all, found)
				}
			}
		}
	}
	return all[:min(len(all), maxFind)], len(all) > maxFind
}
