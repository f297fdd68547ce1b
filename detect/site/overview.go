package site

import (
	"cmp"
	"strings"

	"weir/detect"
)

// Overview is the whole site in short.
type Overview struct {
	At        detect.Time `json:"at"`
	Nodes     []NodeView  `json:"nodes"` // by key
	Bridges   int         `json:"bridges"`
	Instances int         `json:"instances"`
	Unseen    int         `json:"unseen"` // instances that nobody could miss
	Bad       int         `json:"bad"`    // instances with a warning or worse
	Orphans   int         `json:"orphans"`
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
	Orphans   int          `json:"orphans"` // ports and domains that belong to nobody
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
		o.Orphans += x.Orphans
		o.Nodes = append(o.Nodes, x)
	}
	return o
}

func (v *viewer) node(n *node) NodeView {
	x := NodeView{
		Key: n.key, Name: cmp.Or(n.given, n.name), Kind: n.kindOf(), LastHeard: at(n.lastHeard()),
		Self: cmp.Or(v.worst[n.self()], HealthGood), Ports: len(n.ports),
	}
	if x.Orphans = n.orphans; !n.heard {
		x.Self, x.LastHeard = worse(x.Self, HealthUnseen), at(n.heardBefore)
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
