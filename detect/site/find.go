package site

import (
	"cmp"
	"strings"
)

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
		if f, ok := in(n.given, n.name, n.key); ok {
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
					found.Type, found.Name, found.Detail, found.Bridge, found.Health = TypeInterface, p.label(), f, part.name, cmp.Or(v.worst[p.entity()], p.node.unnoticed())
					all = append(all, found)
				}
			}
		}
	}
	return all[:min(len(all), maxFind)], len(all) > maxFind
}
