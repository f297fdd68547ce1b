package site

import (
	"fmt"

	"weir/detect"
	"weir/detect/site/fact"
)

// mute is a data source of flow samples that gives none any more.
type mute struct {
	at, last int64 // when that was found, and its last sample
	missing  uint64
	rate     uint64
}

// unsampled takes that a data source gives no samples of what its interface's
// counters count, or does again.
func (s *Site) unsampled(n *node, f *fact.Fact) {
	p := s.stream(n, f.Agent, f.Sub).point(f.Index)
	p.mute = mute{}
	if f.A > 0 {
		p.mute = mute{at: f.At, last: int64(f.C), missing: f.A, rate: f.B}
	}
	n.dirty = true
}

// sourcesListed are the data sources that an alert lists as facts.
const sourcesListed = 16

// turnedWait is how long samples of a bridge that have stopped wait for one that
// shows that they were turned down.
const turnedWait = 3 * second

// judgeSources tells of data sources whose samples have stopped though packets
// pass them.
func (s *Site) judgeSources(n *node) {
	f := &finding{
		kind: TelemetrySilent, entity: n.entity("sources", ""), subject: n.subject(TypeWitness, "samples"), severity: detect.Warning, witness: Passive,
		sure: 0.999, above: n.above(), hold: second, cause: "sampling was switched off there, or what samples it has failed",
	}
	mutes, others, named := 0, 0, ""
	var first mute
	for _, st := range n.streams {
		if st.retired {
			continue
		}
		for _, index := range sortedKeys(st.points) {
			p := st.points[index]
			if p.mute.at == 0 {
				if s.now-p.at < 60*second && p.at != 0 {
					others++
				}
				continue
			}
			if b := st.bridge; b != nil && s.active(BridgeDown, b.entity()) != nil {
				continue // it forwards nothing that could be sampled
			}
			mutes++
			name := "source " + itoa(uint64(index)) + " of " + st.label()
			if port := n.ports[index]; port != nil && port.name != "" {
				name = port.label()
			} else if st.bridge != nil {
				name = "bridge " + st.bridge.name
				f.wait = turnedWait
			}
			if first.at == 0 || p.mute.last < first.last {
				first, named = p.mute, name
			}
			if len(f.facts) < sourcesListed {
				f.facts = append(f.facts, Noted{
					At: at(p.mute.at), LastGood: at(p.mute.last), Group: "telemetry", From: n.label(), What: "samples of " + name + ", by its counters and 1:" + itoa(p.mute.rate),
					Before: fmt.Sprintf("%d expected", p.mute.missing), After: "0",
				})
			}
		}
	}
	if mutes == 0 {
		s.clear(f.kind, f.entity, "")
		return
	}
	f.onset, f.good = first.last, first.last
	f.summary = fmt.Sprintf("no samples of %s any more while its counters go on: %d were to be expected", named, first.missing)
	if mutes > 1 {
		f.summary += fmt.Sprintf("; so of %d more", mutes-1)
	}
	if others > 0 {
		f.facts = append(f.facts, Noted{At: at(s.now), Group: "telemetry", From: n.label(), What: "other sources sample on", After: itoa(uint64(others))})
		if c := s.active(f.kind, f.entity); c != nil { // as it was found
			f.facts[len(f.facts)-1].At = c.facts[len(c.facts)-1].At
		}
	}
	s.raise(n, f)
}
