package site

import (
	"slices"
	"strings"
	"time"

	"weir/detect"
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
	i := Incident{ID: r.ID, Began: at(r.from), Ended: at(r.ended), Steps: []Step{}}
	tell := func(a *detect.Alert, line string) {
		if i.Line == "" {
			i.Line = line
		}
		i.Alerts = append(i.Alerts, a.At.UTC().Format("15:04:05.000")+" "+string(a.Change)+" "+line)
	}
	for _, a := range r.Alerts {
		sub, _ := a.Subject.(*Subject)
		e, _ := a.Evidence.(*Evidence)
		if sub != nil && sees(sub.Project) {
			tell(a, a.Line())
			i.Steps = e.steps(i.Steps, sub)
			continue
		}
		if e == nil {
			continue
		}
		for k := range e.Children {
			if c := &e.Children[k]; sees(c.Subject.Project) {
				tell(a, c.Line)
			}
		}
	}
	slices.SortStableFunc(i.Steps, func(a, b Step) int { return int(min(max(a.ns-b.ns, -1), 1)) })
	i.Steps = slices.CompactFunc(i.Steps, func(a, b Step) bool { return a == b })
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
