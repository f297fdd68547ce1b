package site

import (
	"strings"
	"time"
)

// IncidentsOf returns what the incidents tell of the projects that sees wants, the
// newest last: of others' parts, and of what the cause is, it tells nothing. Call
// it from the Site's goroutine.
func (s *Site) IncidentsOf(sees func(project string) bool) []Incident {
	var all []Incident
	for _, id := range s.recent {
		if i, ok := s.incident[id].scoped(sees); ok {
			all = append(all, i)
		}
	}
	return all
}

// scoped is the part of a record that is of the projects.
func (r *record) scoped(sees func(project string) bool) (Incident, bool) {
	return scoped(Incident{ID: r.ID, Began: at(r.from), Ended: at(r.ended)}, r.parts(sees), sees)
}

// Of returns what the incident tells of the projects that sees wants; ok is false
// where that is nothing.
func (k *KeptIncident) Of(sees func(project string) bool) (i Incident, ok bool) {
	for p := range k.Parts {
		inTime(k.Parts[p].Steps)
	}
	return scoped(Incident{ID: k.Incident.ID, Began: k.Incident.Began, Ended: k.Incident.Ended}, k.Parts, sees)
}

// scoped completes an incident by those of its parts that sees wants.
func scoped(i Incident, parts []Part, sees func(project string) bool) (Incident, bool) {
	i.Steps = []Step{}
	for k := range parts {
		p := &parts[k]
		if !sees(p.Project) {
			continue
		}
		if i.Line == "" {
			i.Line = p.Line
		}
		i.Alerts = append(i.Alerts, p.When+" "+p.Line)
		i.Steps = append(i.Steps, p.Steps...)
	}
	i.Steps = inOrder(i.Steps)
	return i, len(i.Alerts) > 0
}

// steps appends the facts of the evidence as steps.
func (e *Evidence) steps(all []Step, of *Subject) []Step {
	if e == nil {
		return all
	}
	for k := range e.Facts {
		f := &e.Facts[k]
		all = append(all, Step{
			At: f.At, Before: f.LastGood, Entity: strings.TrimPrefix(of.Type+" "+of.Name, " "), What: f.What, Was: f.Before, Is: f.After,
			ns: time.Time(f.At).UnixNano(),
		})
	}
	return all
}
