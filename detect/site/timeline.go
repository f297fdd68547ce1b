package site

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/detect"
	"weir/detect/site/incident"
)

// Step is one fact of a timeline.
type Step struct {
	At     detect.Time `json:"at"`              // first seen so
	Before detect.Time `json:"before,omitzero"` // last seen otherwise
	Until  detect.Time `json:"until,omitzero"`  // where it is a time of which the end is known
	Node   string      `json:"node,omitempty"`
	Entity string      `json:"entity,omitempty"`
	What   string      `json:"what"`
	From   string      `json:"from,omitempty"`
	Was    string      `json:"was,omitempty"`
	Is     string      `json:"is,omitempty"`
	Skew   string      `json:"skew,omitempty"` // of the node's clock against ours, network included
	ns     int64
}

// timelineSteps is how many facts are kept of each node.
const timelineSteps = 256

// timeline keeps the last facts of a node.
type timeline struct {
	steps []Step
	next  int
}

func (t *timeline) add(s Step) {
	if len(t.steps) < timelineSteps {
		t.steps = append(t.steps, s)
		return
	}
	t.steps[t.next] = s
	t.next = (t.next + 1) % timelineSteps
}

// note keeps a fact about a part of the node.
func (n *node) note(ns int64, entity, what, was, is, from string) {
	n.noteSince(0, ns, entity, what, was, is, from)
}

// noteSince is note for a fact that may have become true at any time after good.
func (n *node) noteSince(good, ns int64, entity, what, was, is, from string) {
	st := Step{At: at(ns), Before: at(good), Node: n.label(), Entity: entity, What: what, From: from, Was: was, Is: is, ns: ns}
	if good != 0 {
		st.ns = min(good, ns) // the earliest possible time
	}
	if from == Agent && n.agentOf != nil {
		st.Skew = time.Duration(n.agentOf.skew).Round(time.Millisecond).String()
	}
	n.timeline.add(st)
}

// Incident is an incident to be shown.
type Incident struct {
	ID    string      `json:"id"`
	Line  string      `json:"line"` // of its root, as last told
	Began detect.Time `json:"began"`
	Ended detect.Time `json:"ended,omitzero"`

	Kind     detect.Kind     `json:"kind"` // of its root, as all to Nodes
	State    detect.State    `json:"state"`
	Severity detect.Severity `json:"severity"`
	Affected int             `json:"affected"` // at most at one time
	Nodes    []string        `json:"nodes"`    // keys of those it has befallen, in the model

	Alerts []string `json:"alerts"`        // their changes, as lines
	Steps  []Step   `json:"steps"`         // by the earliest possible time
	Cut    bool     `json:"cut,omitempty"` // there were more facts than are kept

	Root      json.RawMessage `json:"root,omitempty"`      // the alert that it is told by, as last told
	Children  []Child         `json:"children,omitempty"`  // effects, when they were most
	Addresses []string        `json:"addresses,omitempty"` // of the instances among them, and of what it is about
}

// Incidents returns all incidents that are kept, the newest last, without their
// steps. Call it from the Site's goroutine.
func (s *Site) Incidents() []Incident {
	var all []Incident
	for _, id := range s.recent {
		all = append(all, s.incident[id].info())
	}
	return all
}

// Incident returns the incident whose id is text, or the only open one that begins
// so, else the only one; ok is false where there is none such. A condition that
// returns has the same beginning each time. Call it from the Site's goroutine.
func (s *Site) Incident(text string) (i Incident, ok bool) {
	var open, all []*record
	for _, id := range s.recent {
		r := s.incident[id]
		if id == text {
			return s.whole(r), true
		}
		if !strings.HasPrefix(id, text) || text == "" {
			continue
		}
		if all = append(all, r); r.ended == 0 {
			open = append(open, r)
		}
	}
	if len(open) > 0 {
		all = open
	}
	if len(all) != 1 {
		return Incident{}, false
	}
	return s.whole(all[0]), true
}

// whole is all that is shown of an incident.
func (s *Site) whole(r *record) Incident {
	i := r.info()
	if i.Steps = slices.Clone(r.kept); r.ended == 0 {
		i.Steps = r.steps(s)
	}
	i.Steps, i.Cut = ends(i.Steps, keptSteps)
	i.Children = r.children
	r.headed(&i)
	for _, o := range s.owners(r) {
		i.Addresses = append(i.Addresses, o.address)
	}
	i.Cut = i.Cut || r.earlier != nil && r.earlier.Incident.Cut
	for _, n := range r.nodes {
		i.Cut = i.Cut || len(n.timeline.steps) >= timelineSteps && n.timeline.steps[n.timeline.next].ns > r.from-incidentBefore
	}
	return i
}

func (r *record) info() Incident {
	i := Incident{ID: r.ID, Began: at(r.from), Ended: at(r.ended), Affected: r.affected, Nodes: r.nodeKeys(), Alerts: r.lines()}
	if i.Nodes == nil {
		i.Nodes = []string{}
	}
	r.headed(&i)
	i.Root = nil
	return i
}

// record is an incident to be shown.
type record struct {
	ID     string
	Root   *detect.Alert // its last change
	Alerts []*detect.Alert
	nodes  []*node
	from   int64
	ended  int64
	kept   []Step // once it is over

	children []Child // when they were most
	affected int

	keeping
}

// Bounds of incidents kept.
const (
	maxIncidents   = 1000
	maxAlertsKept  = 200
	incidentBefore = 60 * second // that a timeline reaches back
	incidentAfter  = 10 * second
)

// remember keeps a change of an alert under its incident.
func (s *Site) remember(it *incident.Item[*condition], a *detect.Alert) {
	r := s.incident[a.Incident]
	if r == nil {
		r = &record{ID: a.Incident, from: it.Value.onset}
		s.incident[a.Incident] = r
		s.recent = append(s.recent, a.Incident)
		for len(s.recent) > maxIncidents {
			if x := s.incident[s.recent[0]]; x.changed {
				s.unkept++
			}
			delete(s.incident, s.recent[0])
			s.recent = s.recent[1:]
		}
	}
	r.from = min(r.from, it.Value.onset)
	r.Root = a
	if e, ok := a.Evidence.(*Evidence); ok && e.Affected >= r.affected {
		r.children, r.affected = e.Children, e.Affected
	}
	if len(r.Alerts) < maxAlertsKept {
		r.Alerts = append(r.Alerts, a)
	} else {
		r.Alerts[maxAlertsKept-1] = a
	}
	add := func(n *node) {
		if n != nil && len(r.nodes) < 64 && !slices.Contains(r.nodes, n) {
			r.nodes = append(r.nodes, n)
		}
	}
	add(it.Value.node)
	for _, k := range it.Children() {
		add(k.Value.node)
	}
	r.ended, r.changed, r.whole = 0, true, false
	if a.Change == detect.End {
		r.ended = s.now
		r.kept, r.owned = r.steps(s), s.owners(r)
	}
}

// maxAddresses bounds the addresses told of an incident.
const maxAddresses = 64

// owners returns the addresses of the instances of an incident, as samples have
// shown them.
func (s *Site) owners(r *record) []owned {
	all := slices.Clone(r.owned)
	take := func(sub *Subject) {
		m, ok := parseMAC(sub.MAC)
		if a := s.macs[m]; ok && a != nil && !a.many {
			for _, ip := range a.ips {
				text := ipText(ip)
				if len(all) < maxAddresses && !slices.ContainsFunc(all, func(o owned) bool { return o.address == text }) {
					all = append(all, owned{sub.Project, text})
				}
			}
		}
	}
	if r.Root != nil {
		if sub, ok := r.Root.Subject.(*Subject); ok {
			take(sub)
		}
	}
	for i := range r.children {
		take(&r.children[i].Subject)
	}
	return all
}

// steps returns the facts of the incident's nodes until now, or until soon after it
// ended, and when this collector could not hear.
func (r *record) steps(s *Site) []Step {
	until := s.now
	if r.ended != 0 {
		until = min(until, r.ended+incidentAfter)
	}
	var all []Step
	if r.earlier != nil {
		all = append(all, r.earlier.Incident.Steps...)
	}
	for _, n := range r.nodes {
		for _, st := range n.timeline.steps {
			if st.ns >= r.from-incidentBefore && st.ns <= until {
				all = append(all, st)
			}
		}
	}
	for _, x := range s.blindness.told(r.from-incidentBefore, until) {
		all = append(all, x.step())
	}
	return inOrder(all)
}

func itoa(v uint64) string { return strconv.FormatUint(v, 10) }
