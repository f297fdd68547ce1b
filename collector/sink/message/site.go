package message

import (
	"weir/detect"
	"weir/detect/site"
)

// place is where a condition of the site is, beyond what its line says.
func place(a *detect.Alert) string {
	s, ok := a.Subject.(*site.Subject)
	if !ok {
		return ""
	}
	at := s.Node
	if s.Agent.IsValid() && s.Node != s.Agent.String() {
		at += " (" + s.Agent.String() + ")"
	}
	if e, ok := a.Evidence.(*site.Evidence); ok && e.Part != "" {
		at += ", " + e.Part
	}
	return at
}

// certainty is how sure evidence is, from 0 to 1; 0 where it does not say.
func certainty(e detect.Evidence) float64 {
	switch e := e.(type) {
	case Sure:
		return e.Confidence()
	case *site.Evidence:
		return e.Confidence
	}
	return 0
}

// reach is how many instances and projects an alert affects.
func reach(e detect.Evidence) (instances, projects int) {
	switch e := e.(type) {
	case Wide:
		return e.Affected()
	case *site.Evidence:
		seen := map[string]bool{}
		others := 0
		for i := range e.Children {
			c := &e.Children[i]
			if c.Subject.Type != site.TypeInstance {
				others++
				continue
			}
			instances++
			if c.Subject.Project != "" {
				seen[c.Subject.Project] = true
			}
		}
		if others == 0 { // those that are not listed are instances too
			instances = max(instances, e.Affected)
		}
		return instances, len(seen)
	}
	return 0, 0
}

// PublicLine is what outside services may be told of a subject: the names of the
// operator's own things, and not those of tenants. "" is nothing.
func PublicLine(s detect.Subject) string {
	switch s := s.(type) {
	case Public:
		return s.PublicLine()
	case *site.Subject:
		switch s.Type {
		case site.TypeNode, site.TypeWitness, site.TypeBridge, site.TypeFilter, site.TypeService, site.TypeLog, site.TypeGroup, site.TypeCollector, site.TypeVLAN, site.TypeLAG:
			return s.Line()
		}
	}
	return ""
}
