package site

import (
	"fmt"
	"math"

	"weir/detect"
)

// Without a host agent an emptied packet filter shows in what comes through it:
// instances refuse (RST, port unreachable) what used to be dropped before it
// reached them. Of one instance that is its security group; of several on one
// node at once it is the node's filter.

// refusals is how an instance answers what knocks at ports that it does not serve.
type refusals struct {
	probes, refused float64 // as a rule, halved now and then
	at              int64   // since when it refuses more than ever; 0 it does not
	now, knocks     float64 // since then
}

// Bounds of refusals.
const (
	knownProbes = 20          // from which on it is known how it answers
	openedFor   = 60 * second // in which several instances must begin to refuse
	openedTold  = 600 * second
	openedNats  = 9.0
)

// add takes what knocked and what was refused, of samples until a time.
func (r *refusals) add(at int64, probes, refused float64) {
	if r.at != 0 && at-r.at > openedTold { // that is how it is now
		r.probes, r.refused = r.probes+r.knocks, r.refused+r.now
		r.at = 0
	}
	switch {
	case r.at != 0:
		r.now, r.knocks = r.now+refused, r.knocks+probes
		return
	case refused > 0 && r.probes >= knownProbes && r.share() < 0.05:
		r.at, r.now, r.knocks = at, refused, probes
		return
	}
	r.probes, r.refused = r.probes+probes, r.refused+refused
	if r.probes > 512 {
		r.probes, r.refused = r.probes/2, r.refused/2
	}
}

func (r *refusals) share() float64 { return (r.refused + 0.5) / (r.probes + 1) }

// nats is how unlikely what it refuses now is by what it used to.
func (r *refusals) nats(now int64) float64 {
	if r.at == 0 || now-r.at > openedTold {
		return 0
	}
	return r.now * -math.Log(r.share())
}

// judgeOpened tells of a node whose instances refuse what used to be dropped.
func (s *Site) judgeOpened(n *node) {
	entity := n.entity("filter", "")
	opened, known, first, last := 0, 0, int64(0), int64(0)
	for _, p := range n.portList() {
		r := &p.act.refusals
		if p.gone || r.probes < knownProbes {
			continue
		}
		known++
		if r.nats(s.now) < openedNats {
			continue
		}
		if opened++; first == 0 || r.at < first {
			first = r.at
		}
		last = max(last, r.at)
	}
	c := s.active(RulesFlushed, entity)
	switch {
	case c != nil && opened == 0:
		s.clear(RulesFlushed, entity, "")
		return
	case c != nil, opened < 2, 2*opened < known, last-first > openedFor, n.agentSpeaks(s.now):
		return
	}
	s.raise(n, &finding{
		kind: RulesFlushed, entity: entity, subject: n.subject(TypeFilter, "packet filter"), severity: detect.Warning, onset: first, witness: Passive, sure: 0.9,
		above: n.above(), hold: second, summary: fmt.Sprintf("%d of %d instances refuse what used to be dropped before it reached them", opened, known),
		cause: "the packet filter was emptied, or lets more through than before", blind: "a change of a security group that they share looks the same",
		facts: []Noted{{At: at(first), Group: "handshake", From: n.label(), What: fmt.Sprintf("RST and port unreachable from %d instances that sent none", opened), Weight: openedNats}},
	})
}
