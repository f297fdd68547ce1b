package site

import (
	"fmt"

	"weir/detect"
	"weir/detect/site/fact"
)

// slow is an interface that is polled far less often than ever.
type slow struct {
	since, good int64 // when that was proven, and when it was last polled as usual
	gap, usual  int64
	none        bool // it was not polled again yet
}

// every says how often it is polled now.
func (x *slow) every() string {
	if x.none {
		return "not for " + roundly(x.gap)
	}
	return "every " + roundly(x.gap)
}

// polled takes that an interface is polled far less often, or as usual again.
func (s *Site) polled(n *node, f *fact.Fact) {
	st := s.stream(n, f.Agent, f.Sub)
	n.dirty = true
	if f.B == 0 {
		if x, ok := st.slow[f.Index]; ok {
			delete(st.slow, f.Index)
			st.adopt = min(x.usual, int64(f.A))
		}
		return
	}
	if st.slow == nil {
		st.slow = map[uint32]slow{}
	}
	if len(st.slow) < maxPerNode {
		x := slow{since: f.At, good: int64(f.C), gap: int64(f.A &^ fact.NoPoll), usual: int64(f.B), none: f.A&fact.NoPoll != 0}
		if !x.none {
			st.adopt = x.gap
		}
		if old, ok := st.slow[f.Index]; ok {
			x.good = old.good
		}
		st.slow[f.Index] = x
	}
}

// unpolled takes that an interface is gone: what is polled no more is not polled
// too seldom, and gives no samples.
func (s *Site) unpolled(n *node, f *fact.Fact) {
	st := s.stream(n, f.Agent, f.Sub)
	delete(st.slow, f.Index)
	if p := st.points[f.Index]; p != nil {
		p.mute = mute{}
	}
}

// unhurried takes the time from one beat of a stream to the next, before its pace
// does. whole says that none of its datagrams was lost meanwhile: then it lives,
// and has sent nothing, so that it may take its time again.
func (st *stream) unhurried(beat int64, whole bool) {
	gap, period := beat-st.pace.Last(), st.pace.Period()
	if st.pace.Last() == 0 || period == 0 || gap < period/2 {
		return
	}
	if st.adopt != 0 {
		// Its interfaces are polled that far apart now, and so does it beat.
		if d := gap - st.adopt; whole && d < gap/4 && d > -gap/4 && (gap > 2*period || period > 2*gap) {
			st.pace.Adopt(gap)
			st.patience = 0
		}
		st.adopt = 0
		return
	}
	switch {
	case whole && st.deadline > 0 && gap > min(st.deadline, 4*period):
		st.patience = gap * 3 / 2
	case gap < st.patience/3:
		st.patience = 0
	}
}

// polledAnew is for how long before polls became rare a restart is their cause.
const polledAnew = 60 * second

// judgePolling tells of interfaces that are polled far less often than ever.
func (s *Site) judgePolling(n *node) {
	entity := n.entity("polling", "")
	f := &finding{
		kind: TelemetryTampered, entity: entity, subject: n.subject(TypeNode, "polling"), severity: detect.Warning, witness: Passive, sure: 0.99,
		above: n.above(), hold: second, cause: "its configuration was changed",
	}
	ports := 0
	for _, st := range n.streams {
		if st.retired || len(st.slow) == 0 {
			continue
		}
		first := slow{}
		for _, index := range sortedKeys(st.slow) {
			x := st.slow[index]
			if first.since == 0 || x.good < first.good {
				first = x
			}
		}
		ports += len(st.slow)
		f.facts = append(f.facts, Noted{
			At: at(first.good + first.usual), LastGood: at(first.good), Group: "telemetry", From: n.label(),
			What: "counters of interfaces told by " + st.label(), Of: ofPolls, Before: "every " + roundly(first.usual), After: first.every(),
		})
		if f.onset == 0 || first.good < f.good {
			f.onset, f.good = first.good+first.usual, first.good
			f.summary = fmt.Sprintf("polls its counters less often than ever before: %s, in place of every %s", first.every(), roundly(first.usual))
		}
	}
	if ports == 0 {
		s.clear(TelemetryTampered, entity, "")
		return
	}
	if c := s.active(f.kind, entity); c != nil {
		f.cause, f.severity = c.cause, c.severity
		for _, x := range c.facts { // what came before goes on to be why
			if x.Of != ofPolls {
				f.facts = append(f.facts, x)
			}
		}
	} else {
		s.reconfigured(n, f)
		n.noteSince(f.good, f.onset, n.self(), "polls of "+many(ports, "interface"), f.facts[0].Before, f.facts[0].After, Passive)
	}
	s.raise(n, f)
}

// reconfigured says what came before: that its agent was started anew, or another
// configuration that it tells of.
func (s *Site) reconfigured(n *node, f *finding) {
	from := f.good - polledAnew
	if a := n.agentOf; a != nil && a.digestAt > from {
		f.severity, f.cause = detect.Critical, "weir-agent has another configuration"
		f.facts = append(f.facts, Noted{At: at(a.digestAt), Group: "telemetry", From: "weir-agent", What: "digest of its configuration", Before: a.digestWas, After: a.digest})
	}
	for _, st := range n.streams {
		if st.born > from {
			f.cause = "it was started anew " + brief(max(f.onset-st.born, 0)) + " before, with another configuration"
			f.facts = append(f.facts, Noted{At: at(st.born), Group: "telemetry", From: n.label(), What: st.label() + " was started anew"})
			break
		}
	}
}

// roundly writes how far apart polls are.
func roundly(ns int64) string {
	if ns > 10*second || ns > second && ns%second > second*19/20 || ns > second && ns%second < second/20 {
		return brief((ns + second/2) / second * second)
	}
	return brief(ns)
}
