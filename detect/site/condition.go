package site

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"weir/detect"
	"weir/detect/site/incident"
)

// finding is what a judge found to be true.
type finding struct {
	kind     detect.Kind
	entity   string
	subject  Subject
	severity detect.Severity
	onset    int64 // the earliest that is certain to be bad, ns
	good     int64 // last seen good before; 0 unknown
	summary  string
	cause    string
	witness  string
	blind    string
	sure     float64 // probability
	facts    []Noted
	above    []string
	taken    int // nodes that a switch took with it when it fell, and it; 0 of anything else

	wait    int64 // how long it waits for its cause, ns
	confirm int64 // how long it is suspected only, ns
	hold    int64 // for how long it must be over before it is, ns
	event   bool  // over as soon as it is told

	follows bool // from its cause alone: it is no evidence of that
}

// condition is a finding with its life.
type condition struct {
	finding
	node     *node
	by       uint8      // witnesses that say so: bits of byPassive, byAgent
	told2    [2][]Noted // the facts of each
	raised   int64
	clearing int64 // since when it is no longer true; 0 it is
	seen     int64 // last found to be true
	why      string

	open    bool // told
	state   detect.State
	alertID string
	seq     uint64
	told    int64 // last change
	worst   worst // of what was told
	stale   bool  // something was not told yet
	listed  int   // effects, when it was told last
	flaps   int
	calm    int64 // for how long a flapping condition must be over
}

// Bits of condition.by.
const (
	byPassive = 1
	byAgent   = 2
)

func (f *finding) by() uint8 {
	if f.witness == Agent {
		return byAgent
	}
	return byPassive
}

func conditionKey(kind detect.Kind, entity string) string { return string(kind) + " " + entity }

// active returns the condition of a kind about an entity, nil where it is not
// true.
func (s *Site) active(kind detect.Kind, entity string) *condition {
	if it := s.board.Find(conditionKey(kind, entity)); it != nil {
		return it.Value
	}
	return nil
}

// raise says that f is true as of now.
func (s *Site) raise(n *node, f *finding) *condition {
	if c := s.active(f.kind, f.entity); c != nil {
		if c.clearing != 0 && c.flaps > 0 {
			c.flaps++
			c.stale = true
		}
		c.clearing, c.seen = 0, s.now
		c.refresh(f)
		return c
	}
	s.since(f)
	c := &condition{finding: *f, node: n, seen: s.now, raised: s.now, state: detect.Suspected, by: f.by()}
	c.told2[f.by()-1] = f.facts
	if n != nil {
		good, bad := f.good, f.onset
		switch {
		case good != bad:
		case f.witness == Agent: // who saw it happen
			good = 0
		default: // it was found to be so now
			bad = max(s.now, good)
		}
		n.noteSince(good, bad, f.entity, string(f.kind)+": "+f.summary, "", "", f.witness)
	}
	s.damp(c)
	it := &incident.Item[*condition]{
		Key: conditionKey(f.kind, f.entity), Kind: string(f.kind), Entity: f.entity, Above: f.above, Onset: f.onset, Wait: f.wait, Value: c,
	}
	s.board.Raise(s.now, it)
	return c
}

// refresh takes what is new of a condition that goes on.
func (c *condition) refresh(f *finding) {
	was := c.finding
	by := c.by | f.by()
	c.told2[f.by()-1] = f.facts
	// Of two witnesses the one on the node knows the cause.
	if by == byPassive|byAgent && f.by() == byPassive {
		c.witness = Both
		c.good = cmp.Or(c.good, f.good)
	} else {
		c.finding = *f
		c.follows = was.follows && f.follows
		c.onset, c.good = was.onset, cmp.Or(was.good, f.good)
		if by == byPassive|byAgent {
			c.witness = Both
		}
	}
	c.facts = append(slices.Clone(c.told2[byAgent-1]), c.told2[byPassive-1]...)
	c.stale = c.stale || c.severity != was.severity || c.summary != was.summary || c.cause != was.cause || c.witness != was.witness || len(c.facts) != len(was.facts)
	c.by = by
}

// clear says that no passive witness sees the condition any more. It is over once
// no witness does, for its hold.
func (s *Site) clear(kind detect.Kind, entity, why string) {
	c := s.active(kind, entity)
	if c == nil {
		return
	}
	left := c.by &^ byPassive
	if left == byAgent && c.node != nil && !c.node.agentSpeaks(s.now) {
		left = 0 // what it said last is old
	}
	s.witnessed(c, left, why)
}

// unsay is clear for the host agent.
func (s *Site) unsay(kind detect.Kind, entity, why string) {
	if c := s.active(kind, entity); c != nil {
		s.witnessed(c, c.by&^byAgent, why)
	}
}

// witnessed takes who still sees a condition.
func (s *Site) witnessed(c *condition, left uint8, why string) {
	if left == 0 && c.clearing == 0 && !s.vouched(c) {
		return
	}
	if left != 0 || c.clearing != 0 {
		if left != 0 {
			c.by = left
		}
		return
	}
	if !c.open {
		s.over(c, why) // nobody was told
		return
	}
	c.clearing, c.why = s.now, why
}

// drop ends a condition at once.
func (s *Site) drop(kind detect.Kind, entity, why string) {
	if c := s.active(kind, entity); c != nil {
		s.over(c, why)
	}
}

// orphanWait is how long effects whose cause is over are given to be over too.
const orphanWait = 15 * second

// over removes a condition.
func (s *Site) over(c *condition, why string) {
	s.board.Clear(s.now, conditionKey(c.kind, c.entity), orphanWait)
	if c.node != nil {
		seen := max(c.seen, c.onset) // an agent's time may be later than ours
		c.node.noteSince(seen, max(cmp.Or(c.clearing, s.now), seen), c.entity, string(c.kind)+" is over", "", "", "")
	}
	s.flapped(c)
	if c.open {
		s.end(c, why)
	}
}

// updateEvery is how often an alert that changes is told again. Of one whose effects
// are still being found the list is told sooner: growEvery after it was told last,
// or a quarter of its age.
const (
	updateEvery = 10 * second
	growEvery   = second
)

// grows reports whether so many more effects are known of what was told than were
// listed, a tenth of them, that it is to be told now.
func (s *Site) grows(it *incident.Item[*condition]) bool {
	c := it.Value
	return s.now-c.told >= max(growEvery, (s.now-c.raised)/4) && s.effects(it) > c.listed+c.listed/10
}

// effects counts what is known of as caused by it.
func (s *Site) effects(it *incident.Item[*condition]) (n int) {
	for _, k := range it.Children() {
		if k.Value.clearing == 0 {
			n++
		}
		n += s.effects(k)
	}
	return n
}

// lives ends, confirms and updates conditions as time passes.
func (s *Site) lives() {
	for _, it := range s.board.All() {
		c := it.Value
		switch {
		case c.clearing != 0 && s.now-c.clearing >= max(c.hold, c.calm), c.event && c.seq > 0:
			s.over(c, c.why)
			continue
		case !c.open || c.seq == 0:
			continue
		}
		confirmed := c.state == detect.Suspected && c.clearing == 0 && s.now-c.raised >= c.confirm
		if confirmed {
			c.state = detect.Confirmed
		}
		if confirmed || c.stale && (s.now-c.told >= updateEvery || s.now-c.raised < 2*second && s.now-c.told >= second || s.grows(it)) {
			s.tell(it, detect.Update, "")
		}
	}
}

// Show implements incident.Events.
func (s *Site) Show(it *incident.Item[*condition]) {
	c := it.Value
	c.open = true
	if c.confirm <= 0 {
		c.state = detect.Confirmed
	}
	if c.seq > 0 { // it was told before its cause was, and is true still: what was told has ended
		c.seq, c.alertID, c.worst = 0, "", worst{}
	}
	s.starting = append(s.starting, it)
}

// start tells of what was shown since the last Tick, with the effects found
// meanwhile.
func (s *Site) start() {
	for _, it := range s.starting {
		if c := it.Value; c.open && c.seq == 0 {
			s.tell(it, detect.Start, "")
		}
	}
	clear(s.starting)
	s.starting = s.starting[:0]
}

// Absorbed implements incident.Events.
func (s *Site) Absorbed(it, root *incident.Item[*condition], shown bool) {
	c := it.Value
	if shown && c.open {
		if root.Incident == "" {
			root.Incident = c.alertID
		}
		it.Incident = root.Incident
		s.end(c, ReasonAbsorbed)
	}
}

// Grown implements incident.Events.
func (s *Site) Grown(root *incident.Item[*condition]) { root.Value.stale = true }

// end tells the end of a condition that is open.
func (s *Site) end(c *condition, reason string) {
	it := s.board.Find(conditionKey(c.kind, c.entity))
	if it == nil {
		it = &incident.Item[*condition]{Value: c, Incident: c.alertID}
		if r := s.incident[c.alertID]; r != nil {
			it.Incident = r.ID
		}
	}
	c.open = false
	if c.seq == 0 {
		return // it was never told
	}
	c.state = detect.Resolved
	s.tell(it, detect.End, reason)
}

// tell gathers one change of an alert.
func (s *Site) tell(it *incident.Item[*condition], change detect.Change, reason string) {
	c := it.Value
	c.seq++
	c.told, c.stale = s.now, false
	subject, e := c.subject, s.evidence(it)
	c.listed = e.Affected
	a := &detect.Alert{
		At: time.Unix(0, s.now).UTC(), Seq: c.seq, Change: change, Kind: c.kind, State: c.state, Severity: c.severity,
		Reason: reason, Subject: &subject, Flapping: c.flaps > 0, Evidence: e,
	}
	if change == detect.End {
		c.worst.tells(a, e)
	} else {
		c.worst.hears(c.severity, e)
	}
	if c.alertID == "" {
		s.called(a, c.onset)
		c.alertID = a.ID
	} else {
		a.Identify(time.Unix(0, c.onset))
	}
	a.ID = c.alertID
	if it.Incident == "" {
		it.Incident = a.ID
	}
	a.Incident = it.Incident
	s.out = append(s.out, a)
	s.remember(it, a)
}

// evidence copies what a condition rests on, with its effects.
func (s *Site) evidence(it *incident.Item[*condition]) *Evidence {
	c := it.Value
	e := &Evidence{
		Summary: c.summary, Cause: c.cause, Witness: c.witness, Confidence: round3(c.sure), Since: at(c.onset), LastGood: at(c.good),
		Facts: slices.Clone(c.facts), Blind: c.blind, Flaps: c.flaps,
	}
	for _, above := range c.above {
		if c.node != nil {
			if name, ok := strings.CutPrefix(above, c.node.entity("bridge", "")); ok {
				e.Part = name
			}
		}
	}
	s.children(it, e)
	slices.SortStableFunc(e.Children, func(a, b Child) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject.Node, b.Subject.Node), cmp.Compare(a.Subject.Name, b.Subject.Name))
	})
	if len(e.Children) > maxChildren {
		e.Children = e.Children[:maxChildren]
	}
	return e
}

func (s *Site) children(it *incident.Item[*condition], e *Evidence) {
	for _, k := range it.Children() {
		c := k.Value
		if c.clearing == 0 {
			e.Affected++
			e.Children = append(e.Children, Child{Kind: c.kind, Subject: c.subject, Since: at(c.onset), Line: c.summary})
		}
		s.children(k, e)
	}
}

func round3(v float64) float64 { return float64(int(v*1000+0.5)) / 1000 }
