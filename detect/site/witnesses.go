package site

import (
	"fmt"

	"weir/detect"
)

// judgeStreams looks for single witnesses of a living node that fell silent.
func (s *Site) judgeStreams(n *node) {
	for _, st := range n.streams {
		name := st.label()
		entity := n.entity("witness", name)
		if !st.silent {
			if st.deadline > 0 {
				s.clear(TelemetrySilent, entity, "")
			}
			continue
		}
		if st.speaks == openVSwitch {
			// Sub-agents are renumbered when a bridge goes: bridges tell.
			st.retired = true
			continue
		}
		if n.stopping > s.now || n.tookOver(st) || !s.punctual(n, st) || s.mostLate() {
			continue
		}
		if s.quietFor(n.wokeAt) <= st.deadline {
			n.next = min(n.next, s.now+second/4)
			continue // all of the node was silent: one is heard again before the other
		}
		f := &finding{
			kind: TelemetrySilent, entity: entity, subject: n.subject(TypeWitness, name), severity: detect.Critical,
			onset: st.last, good: st.last, witness: Passive, sure: 0.999, above: n.above(), hold: 2 * second,
			summary: fmt.Sprintf("%s is silent for %s while the node goes on", name, brief(s.now-st.last)),
			cause:   "it was stopped or blocked",
			facts:   []Noted{st.missing(), n.living(s.now)},
		}
		if c := s.active(f.kind, entity); c != nil {
			f.summary = c.summary
		}
		s.raise(n, f)
	}
}

// introduced notes who speaks from a sub-agent that was known by its number alone.
func (s *Site) introduced(st *stream, who string) {
	s.drop(TelemetrySilent, st.node.entity("witness", st.label()), "")
	st.speaks = who
}

// punctual reports whether another stream of the node is heard as it should be:
// if all are late, it may be the node.
func (s *Site) punctual(n *node, st *stream) bool {
	for _, o := range n.streams {
		if o != st && !o.silent && !o.retired && s.quietFor(o.last) < max(o.usually(), second/2)*3/2 {
			return true
		}
	}
	n.next = min(n.next, s.now+second/4)
	return s.active(TelemetrySilent, n.entity("witness", st.label())) != nil
}

// mostLate reports whether most nodes are quiet for longer than usual: then it
// may be us.
func (s *Site) mostLate() bool {
	if !s.gathered {
		s.gathered = true
		s.gather()
	}
	return s.heard >= groupLeast && 2*len(s.lates) > s.heard
}

// tookOver reports whether another sender speaks for the same sub-agent since
// this one has stopped: the agent has moved.
func (n *node) tookOver(st *stream) bool {
	for _, o := range n.streams {
		if o.number != st.number && o.sub == st.sub && o.last > st.last+second {
			return true
		}
	}
	return false
}

func (st *stream) label() string {
	if st.speaks != "" && st.speaks != openVSwitch {
		return st.speaks
	}
	return "sub-agent " + itoa(uint64(st.sub))
}

// missing is the fact that a stream is silent.
func (st *stream) missing() Noted {
	return Noted{
		At: at(st.last), LastGood: at(st.last), Group: "silence", From: st.label(), Weight: weightSilent,
		What: fmt.Sprintf("nothing since; every %s as a rule, %.2g %% lost, silent after %d in a row", brief(st.pace.Period()), 100*st.pace.Loss(), max(st.misses, 1)),
	}
}

// living is the fact that something of the node is heard.
func (n *node) living(now int64) Noted {
	last := n.lastHeard()
	return Noted{At: at(last), Group: "node", What: "other telemetry of the node is heard", From: n.label(), After: brief(now-last) + " ago"}
}
