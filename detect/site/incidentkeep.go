package site

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"weir/detect"
)

// What is shown of an incident is kept over a restart, so that whoever looks into it
// the day after sees its timeline. Whoever keeps it asks for what has changed; an
// incident that was open goes on with what was kept of it.

// KeptIncident is an incident to be kept, as it is shown, and what it tells of
// projects.
type KeptIncident struct {
	Incident Incident
	Parts    []Part              // in their order
	Owned    map[string][]string // those of its addresses that are a project's
}

// Part is what a change of an alert tells of a project.
type Part struct {
	Project string `json:"project"`
	When    string `json:"when"` // and what changed: "15:04:05.000 start"
	Line    string `json:"line"`
	Steps   []Step `json:"steps,omitempty"` // where the alert is about an instance of it
}

// Bounds and rhythm of what is kept.
const (
	keptSteps  = 4000 // of an incident; what is between its beginning and its end goes first
	keptParts  = 4000
	keptAlerts = 2 * maxAlertsKept // lines, with those of before a restart

	keepSoon  = 60 * second  // an open incident of which something was told
	keepLater = 300 * second // an open incident otherwise: its nodes may tell more
)

// keeping is how far a record is kept.
type keeping struct {
	changed bool  // since it was handed out
	handed  int64 // last; 0 never
	whole   bool  // it is over, and has what came soon after

	earlier *KeptIncident // what is known of it from before a restart
	keys    []string      // of its nodes, once they are no more
	owned   []owned       // once it is over
}

// owned is an address of an instance.
type owned struct{ project, address string }

// KeptIncidents returns incidents that are to be kept, or kept anew, until they have
// about so many steps together: those that began or ended, those that have ended a
// while ago, with what came until then, and those that go on, now and then. With
// last it returns all that have not been kept as they are now. Call it from the
// Site's goroutine.
func (s *Site) KeptIncidents(steps int, last bool) (all []KeptIncident) {
	for _, id := range s.recent {
		r := s.incident[id]
		if steps <= 0 {
			break
		}
		if !s.isDue(r, last) {
			continue
		}
		if r.ended != 0 && (s.now-r.ended >= incidentAfter || s.now < r.ended || last) && !r.whole {
			r.whole, r.kept = true, r.steps(s)
		}
		k := s.kept(r)
		steps -= 16 + len(k.Incident.Steps) + len(k.Parts)
		all = append(all, k)
		r.changed, r.handed = false, s.now
	}
	return all
}

// isDue reports whether an incident is to be kept now.
func (s *Site) isDue(r *record, last bool) bool {
	since := s.now - r.handed
	switch {
	case r.ended != 0 && !r.whole:
		return r.changed || last || s.now-r.ended >= incidentAfter || s.now < r.ended
	case r.ended != 0 || r.handed == 0:
		return r.changed
	case last:
		return since > 0 || r.changed
	case r.changed:
		return since >= keepSoon || since < 0
	}
	return since >= keepLater || since < 0
}

// kept is the incident as it is kept.
func (s *Site) kept(r *record) KeptIncident {
	k := KeptIncident{Incident: s.whole(r), Parts: r.parts(func(project string) bool { return project != "" })}
	for _, o := range s.owners(r) {
		if o.project == "" {
			continue
		}
		if k.Owned == nil {
			k.Owned = map[string][]string{}
		}
		k.Owned[o.project] = append(k.Owned[o.project], o.address)
	}
	return k
}

// Close ends an incident of which nobody will tell more: it was open at a time, and
// what came then is not known.
func (k *KeptIncident) Close(when time.Time) {
	i := &k.Incident
	i.Ended, i.State = detect.Time(when.UTC()), detect.Resolved
	i.Steps = append(i.Steps, Step{At: i.Ended, Entity: collectorEntity, What: "weir did not run from then on, and how it ended is not known"})
}

// OpenIncidents returns the identities of the incidents that a state says are open.
func (st *State) OpenIncidents() []string {
	var all []string
	for i := range st.Open {
		if id := st.Open[i].Incident; id != "" && !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

// RecallIncidents takes incidents that are open, as KeptIncidents has returned them.
// Call it after Restore, before the first Tick.
func (s *Site) RecallIncidents(all []KeptIncident) {
	for i := range all {
		k := &all[i]
		if k.Incident.ID == "" || s.incident[k.Incident.ID] != nil || len(s.recent) >= maxIncidents {
			continue
		}
		inTime(k.Incident.Steps)
		for p := range k.Parts {
			inTime(k.Parts[p].Steps)
		}
		r := &record{
			ID: k.Incident.ID, from: time.Time(k.Incident.Began).UnixNano(), children: k.Incident.Children, affected: k.Incident.Affected,
			keeping: keeping{earlier: k, handed: s.now, keys: k.Incident.Nodes},
		}
		for project, addresses := range k.Owned {
			for _, a := range addresses {
				r.owned = append(r.owned, owned{project, a})
			}
		}
		s.incident[r.ID] = r
		s.recent = append(s.recent, r.ID)
	}
}

// inTime fills the times by which steps are sorted, which are not kept.
func inTime(all []Step) {
	for i := range all {
		all[i].order()
	}
}

// order finds the earliest possible time of a step that was read.
func (st *Step) order() {
	st.ns = time.Time(st.At).UnixNano()
	if before := time.Time(st.Before); !before.IsZero() {
		st.ns = min(st.ns, before.UnixNano())
	}
}

// stepID is what tells steps apart: two with the same tell the same.
type stepID struct {
	at                                int64
	node, entity, what, was, is, from string
}

func (st *Step) id() stepID {
	return stepID{time.Time(st.At).UnixNano(), st.Node, st.Entity, st.What, st.Was, st.Is, st.From}
}

// inOrder sorts steps by the earliest possible time, each once.
func inOrder(all []Step) []Step {
	slices.SortStableFunc(all, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.ns, b.ns), time.Time(a.At).Compare(time.Time(b.At)), cmp.Compare(a.Entity, b.Entity))
	})
	told := make(map[stepID]bool, len(all))
	return slices.DeleteFunc(all, func(st Step) bool {
		id := st.id()
		again := told[id]
		told[id] = true
		return again
	})
}

// ends leaves the beginning and the end of a list that is too long.
func ends[T any](all []T, most int) (_ []T, cut bool) {
	if len(all) <= most {
		return all, false
	}
	return slices.Delete(all, most/2, len(all)-most+most/2), true
}

// headed fills what is told by the incident's root.
func (r *record) headed(i *Incident) {
	if r.Root == nil || r.toldLess() {
		e := &r.earlier.Incident
		i.Line, i.Kind, i.State, i.Severity, i.Root = e.Line, e.Kind, e.State, e.Severity, e.Root
		return
	}
	i.Line, i.Kind, i.State, i.Severity = r.Root.Line(), r.Root.Kind, r.Root.State, r.Root.Severity
	i.Root, _ = json.Marshal(r.Root) // "" where it is beyond JSON
}

// toldLess reports that an incident that goes on was told better before a restart:
// since, none of its effects has been found again.
func (r *record) toldLess() bool {
	if r.earlier == nil || r.ended != 0 || r.Root.Kind != r.earlier.Incident.Kind {
		return false
	}
	e, ok := r.Root.Evidence.(*Evidence)
	return ok && e.Affected == 0 && r.earlier.Incident.Affected > 0
}

// lines are the changes of its alerts.
func (r *record) lines() (all []string) {
	if r.earlier != nil {
		all = append(all, r.earlier.Incident.Alerts...)
	}
	for _, a := range r.Alerts {
		all = append(all, told(a)+" "+a.Line())
	}
	all, _ = ends(all, keptAlerts)
	return all
}

// told is when an alert changed, and how.
func told(a *detect.Alert) string {
	return a.At.UTC().Format("15:04:05.000") + " " + string(a.Change)
}

// parts are what its alerts tell of the projects that sees wants.
func (r *record) parts(sees func(project string) bool) (all []Part) {
	if r.earlier != nil {
		for i := range r.earlier.Parts {
			if p := &r.earlier.Parts[i]; sees(p.Project) {
				all = append(all, *p)
			}
		}
	}
	for _, a := range r.Alerts {
		sub, _ := a.Subject.(*Subject)
		e, _ := a.Evidence.(*Evidence)
		if sub != nil && sees(sub.Project) {
			all = append(all, Part{sub.Project, told(a), a.Line(), e.steps(nil, sub)})
			continue
		}
		if e == nil {
			continue
		}
		for k := range e.Children {
			if c := &e.Children[k]; sees(c.Subject.Project) {
				all = append(all, Part{c.Subject.Project, told(a), c.Subject.Line() + ": " + c.Line, nil}) // many share the words
			}
		}
	}
	all, _ = ends(all, keptParts)
	return all
}

// detach keeps what is shown of incidents when the model that they are of is
// forgotten. All have ended.
func (s *Site) detach() {
	for _, r := range s.incident {
		r.keys, r.nodes, r.whole = r.nodeKeys(), nil, true
	}
}

// nodeKeys are the keys of its nodes.
func (r *record) nodeKeys() []string {
	all := slices.Clone(r.keys)
	for _, n := range r.nodes {
		if !slices.Contains(all, n.key) {
			all = append(all, n.key)
		}
	}
	return all
}
