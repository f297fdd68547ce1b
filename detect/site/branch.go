package site

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"weir/detect/site/fact"
)

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
	Observed  []string `json:"observed"`        // by agent, counters and samples; by nobody where empty
	Blind     string   `json:"blind,omitempty"` // what nobody would notice in time, and why
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

// named returns the only node of a name, nil where there is none or several.
func (s *Site) named(name string) (found *node) {
	for _, n := range s.order {
		if (n.name == name || n.given == name) && name != "" {
			if found != nil {
				return nil
			}
			found = n
		}
	}
	return found
}

// Branch returns a node with its parts, by its key or by a name that no other has;
// ok is false where there is no such node. Call it from the Site's goroutine.
func (s *Site) Branch(key string) (b Branch, ok bool) {
	n := s.nodes[key]
	if n == nil {
		n = s.named(key)
	}
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
	x := InstanceView{Name: p.label(), Health: v.guest(p), Observed: v.observed(p), Blind: v.s.blind(p), Port: p.name}
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

func (v *viewer) port(p *port) PortView {
	x := PortView{Name: p.label(), Index: p.index, Status: "unknown", Health: cmp.Or(v.worst[p.entity()], p.node.unnoticed())}
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

func ipText(ip uint32) string {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, ip))).String()
}
