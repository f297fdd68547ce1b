package site

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"weir/detect"
	"weir/detect/site/incident"
	"weir/detect/site/silence"
)

// State is what a Site keeps over a restart, to be written as JSON.
type State struct {
	Nodes []NodeState `json:"nodes"`
	Open  []OpenState `json:"open"`

	Losses [3]float64    `json:"losses"`                // of datagrams, see silence.Losses
	Missed [4][2]float64 `json:"missed_beats,omitzero"` // of beats
}

// NodeState is what is kept of a node.
type NodeState struct {
	Agent    netip.Addr   `json:"agent"`
	Source   netip.Addr   `json:"source,omitzero"`
	Name     string       `json:"name,omitempty"`
	First    time.Time    `json:"first"`
	Heard    time.Time    `json:"heard,omitzero"`    // last, by the hour
	Stopping time.Time    `json:"stopping,omitzero"` // until when its silence is announced
	Why      string       `json:"why,omitempty"`
	Sampling []PointState `json:"sampling,omitempty"`
	Bridges  []string     `json:"bridges,omitempty"`
	BootID   string       `json:"boot_id,omitempty"`
	Keyed    bool         `json:"keyed,omitempty"`   // its agent signs what it says
	Plural   []uint32     `json:"plural,omitempty"`  // sub-agents whose name several have, as they ever had
	Samples  bool         `json:"samples,omitempty"` // its agent takes packet samples
}

// PointState is what a data source of flow samples does as a rule.
type PointState struct {
	Sub    uint32 `json:"sub"`
	Index  uint32 `json:"index"`
	Rate   uint64 `json:"rate"`
	Header uint64 `json:"header,omitempty"`
}

// OpenState is an alert that is open.
type OpenState struct {
	ID         string          `json:"id"`
	Incident   string          `json:"incident"`
	Seq        uint64          `json:"seq"`
	Kind       detect.Kind     `json:"kind"`
	Severity   detect.Severity `json:"severity"`
	State      detect.State    `json:"state"`
	Entity     string          `json:"entity"`
	Above      []string        `json:"above,omitempty"`
	Node       string          `json:"node,omitempty"`
	Subject    Subject         `json:"subject"`
	Onset      time.Time       `json:"onset"`
	Good       time.Time       `json:"good,omitzero"`
	Hold       time.Duration   `json:"hold"`
	Summary    string          `json:"summary"`
	Cause      string          `json:"cause,omitempty"`
	Witness    string          `json:"witness"`
	By         uint8           `json:"by"`
	Confidence float64         `json:"confidence"`

	// What weighed most of what was told, where that is no longer so.
	Worst        detect.Severity `json:"worst,omitempty"`
	WorstSummary string          `json:"worst_summary,omitempty"`
}

// Save returns what is to be kept. Call it from the Site's goroutine.
func (s *Site) Save() State {
	kept := s.losses.Kept()
	st := State{Losses: kept.Datagrams, Missed: kept.Beats}
	for _, n := range s.order {
		x := NodeState{Agent: n.addr, Source: n.source, Name: n.name, First: time.Unix(0, n.first).UTC(), Why: n.why, Bridges: sortedKeys(n.bridges)}
		if h := cmp.Or(n.lastHeard(), n.heardBefore); h != 0 {
			x.Heard = time.Unix(0, h).UTC().Truncate(time.Hour)
		}
		if n.stopping > s.now {
			x.Stopping = time.Unix(0, n.stopping).UTC()
		}
		if n.agentOf != nil {
			x.BootID, x.Keyed, x.Samples = n.agentOf.bootID, n.agentOf.keyed, n.agentOf.samples
		}
		x.Plural = slices.Clone(n.plural)
		for _, sm := range n.streams {
			for _, index := range sortedKeys(sm.points) {
				if p := sm.points[index]; p.rates[len(p.rates)-1] != 0 && len(x.Sampling) < 256 {
					x.Sampling = append(x.Sampling, PointState{Sub: sm.sub, Index: index, Rate: p.rates[len(p.rates)-1], Header: p.header})
				}
			}
		}
		if len(n.streams) == 0 {
			x.Sampling = n.usual
		}
		st.Nodes = append(st.Nodes, x)
	}
	for _, it := range s.board.All() {
		c := it.Value
		if !c.open || c.seq == 0 || c.event {
			continue
		}
		o := OpenState{
			ID: c.alertID, Incident: it.Incident, Seq: c.seq, Kind: c.kind, Severity: c.severity, State: c.state, Entity: c.entity, Above: c.above,
			Subject: c.subject, Onset: time.Unix(0, c.onset).UTC(), Hold: time.Duration(c.hold), Summary: c.summary, Cause: c.cause,
			Witness: c.witness, By: c.by, Confidence: c.sure,
		}
		if c.worst.severity != c.severity || c.worst.summary != c.summary {
			o.Worst, o.WorstSummary = c.worst.severity, c.worst.summary
		}
		if c.good != 0 {
			o.Good = time.Unix(0, c.good).UTC()
		}
		if c.node != nil {
			o.Node = c.node.key
		}
		st.Open = append(st.Open, o)
	}
	return st
}

// restartGrace is how long a node known from before a restart is given to be
// heard, in which nothing is concluded from its silence.
const restartGrace = 90 * second

// Restore takes what was kept. Call it on a new Site, before the first Tick.
// Alerts that are still open are told again with their next change; a restart
// tells nothing by itself.
func (s *Site) Restore(st State, now time.Time) {
	s.now = now.UnixNano()
	s.losses.Keep(silence.Kept{Datagrams: st.Losses, Beats: st.Missed})
	for i := range st.Nodes {
		x := &st.Nodes[i]
		if !x.Agent.IsValid() || st.forgotten(x, now) {
			continue
		}
		source := x.Source
		if !source.IsValid() {
			source = x.Agent
		}
		n := s.node(x.Agent, source)
		if n == nil {
			return
		}
		n.name, n.first, n.why, n.usual, n.waits, n.plural = x.Name, x.First.UnixNano(), x.Why, x.Sampling, s.now+restartGrace, x.Plural
		if !x.Heard.IsZero() {
			n.heardBefore = x.Heard.UnixNano()
		}
		if !x.Stopping.IsZero() {
			n.stopping = x.Stopping.UnixNano()
		}
		if x.BootID != "" || x.Keyed || x.Samples {
			n.agentOf = newAgent()
			n.agentOf.bootID, n.agentOf.keyed, n.agentOf.samples = x.BootID, x.Keyed, x.Samples
		}
	}
	for i := range st.Open {
		o := &st.Open[i]
		c := &condition{
			finding: finding{
				kind: o.Kind, entity: o.Entity, subject: o.Subject, severity: o.Severity, onset: o.Onset.UnixNano(), summary: o.Summary, cause: o.Cause,
				witness: o.Witness, sure: o.Confidence, above: o.Above, hold: int64(o.Hold),
				facts: []Noted{{At: at(o.Onset.UnixNano()), What: "known from before weir was started anew"}},
			},
			node: s.nodes[o.Node], raised: o.Onset.UnixNano(), open: true, state: o.State, alertID: o.ID, seq: o.Seq, by: max(o.By, byPassive), stale: true,
			worst: worst{severity: cmp.Or(o.Worst, o.Severity), summary: cmp.Or(o.WorstSummary, o.Summary)},
		}
		if o.Kind == InstanceUnreachable && isCommon(o.Entity) {
			s.restored = append(s.restored, o.Entity)
		}
		if !o.Good.IsZero() {
			c.good = o.Good.UnixNano()
		}
		s.board.Restore(&incident.Item[*condition]{
			Key: conditionKey(o.Kind, o.Entity), Kind: string(o.Kind), Entity: o.Entity, Above: o.Above, Onset: c.onset, Value: c, Incident: o.Incident,
		})
	}
}

// forgotten reports whether a node was not heard for so long that nobody misses it,
// nor tells an open alert of it.
func (st *State) forgotten(x *NodeState, now time.Time) bool {
	if x.Heard.IsZero() || now.Sub(x.Heard) <= keptFor {
		return false
	}
	key := x.Agent
	if x.Source.IsValid() {
		key = x.Source
	}
	return !slices.ContainsFunc(st.Open, func(o OpenState) bool { return o.Node == key.String() })
}

// usually takes what a data source did before a restart.
func (n *node) usually(st *stream, p *point) {
	for i := range n.usual {
		if u := &n.usual[i]; u.Sub == st.sub && u.Index == p.index {
			p.rates[len(p.rates)-1], p.header = u.Rate, u.Header
		}
	}
}

// judgeAbsent tells of nodes known from before a restart that are not heard.
func (s *Site) judgeAbsent(n *node) {
	if n.waits == 0 || s.now < n.waits || s.hearsNothing {
		return
	}
	n.waits = 0
	if n.stopping > s.now || s.active(NodeDown, n.self()) != nil || s.active(TelemetrySilent, n.self()) != nil {
		return
	}
	s.raise(n, &finding{
		kind: TelemetrySilent, entity: n.self(), subject: n.subject(TypeNode, ""), severity: detect.Warning, onset: s.now - restartGrace, witness: Passive,
		sure: 0.99, above: s.aboveSilent(n, s.now-restartGrace), hold: 2 * second, summary: "not heard since weir was started anew",
		blind: "what happened before cannot be told", facts: []Noted{{At: at(s.now - restartGrace), Group: "silence", What: "known from before, not heard for " + brief(restartGrace)}},
	})
}
