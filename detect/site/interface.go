package site

import (
	"fmt"

	"weir/detect"
)

// judgePort tells what a port's state means.
func (s *Site) judgePort(p *port) {
	if p.gone {
		s.portLeft(p)
		return
	}
	if p.kept {
		return
	}
	if p.instance && !infrastructure(p.name) {
		s.judgeReach(p)
		return
	}
	s.judgeInterface(p)
}

// portLeft ends what was said of a port that is told of no more: by itself that
// is an event, no alert.
func (s *Site) portLeft(p *port) {
	if p.isBridge && p.removed == 0 && p.node.bridges[p.name] == nil { // else the host agent has told what its end means
		s.drop(BridgeDown, p.node.entity("bridge", p.name), ReasonGone)
	}
	if p.bridge != nil && p.bridge.gone && s.active(BridgeDown, p.bridge.entity()) != nil {
		return
	}
	s.drop(InterfaceDown, p.entity(), ReasonGone)
	s.drop(InterfaceErrors, p.entity(), ReasonGone)
	if p.inst == nil {
		s.drop(InstanceUnreachable, p.instanceEntity(), ReasonGone)
	} else if p.inst.node != nil {
		s.vanished(p.inst)
	}
}

// pollOf is how often the port's counters come, at least a second.
func (s *Site) pollOf(p *port) int64 {
	if st := s.streams[streamKey{p.number, p.sub}]; st != nil {
		return max(st.pace.Period(), second)
	}
	return second
}

// youngPort is how long an interface must have been there for its loss to mean
// something.
const youngPort = 10 * second

// saidWait is how long a port that the host agent says to be down waits for its
// cause.
const saidWait = 150 * millisecond

// staleWait is how old a status may be that an agent tells as the first thing
// after a silence: hsflowd looks at its interfaces every ten seconds.
const staleWait = 11 * second

// judgeInterface tells of interfaces that are no instance's: NICs, LAG members,
// uplinks.
func (s *Site) judgeInterface(p *port) {
	entity := p.entity()
	switch {
	case !p.counted || !p.wasUp || p.unknown:
		return
	case p.up():
		s.clear(InterfaceDown, entity, "")
		if p.isBridge && p.node.bridges[p.name] == nil {
			s.clear(BridgeDown, p.node.entity("bridge", p.name), "")
		}
		s.unsay(InterfaceDown, entity, "")
	case p.local || p.node.bridges[p.name] != nil, p.aggregates():
		return // judged with its bridge, or its members
	case !p.up() && p.downAt-p.since < youngPort && s.active(InterfaceDown, entity) == nil:
		return // it comes and goes with something
	case p.isBridge:
		s.judgeBare(p)
		return
	default:
		f := &finding{
			kind: InterfaceDown, entity: entity, subject: s.interfaceSubject(p), severity: detect.Warning,
			onset: p.downAt, good: p.goodAt, witness: Passive, sure: 0.999, above: p.interfaceAbove(), hold: 5 * second, wait: second,
			summary: statusText(p.status),
			facts:   []Noted{{At: at(p.downAt), LastGood: at(p.goodAt), Group: "counters", From: p.node.label(), What: "interface status", Before: "up", After: statusText(p.status), Weight: weightPortDown}},
		}
		f.subject.IfIndex = p.index
		if p.said != 0 && p.node.agentSpeaks(s.now) {
			f.wait = saidWait // what is above it is told as fast
		}
		if p.said == 0 && p.node.wokeAt != 0 && p.downAt-p.node.wokeAt < second {
			f.wait = staleWait + 2*s.pollOf(p)
		}
		switch {
		case p.groupUp():
			f.severity = detect.Info
			f.summary, f.wait = statusText(p.status)+", a member of "+p.node.lagLabel(p.group)+", which is up", memberWait
		case p.node.addr.IsValid() && len(p.attached) == 0 && p.act.txAt == 0:
			f.severity = detect.Info
		}
		s.raisePort(p, f)
	}
	s.judgeErrors(p)
}

// judgeBare tells of a bridge of which only its own interface is told, that it was
// switched off. One that lost its last live port is no longer up, not off: that is
// usual as instances go.
func (s *Site) judgeBare(p *port) {
	if p.status != 0 || p.before != 3 {
		return
	}
	n := p.node
	s.raise(n, &finding{
		kind: BridgeDown, entity: n.entity("bridge", p.name), subject: n.subject(TypeBridge, p.name), severity: detect.Critical,
		onset: p.downAt, good: p.goodAt, witness: Passive, sure: 0.99, above: n.above(), hold: second, wait: second / 2,
		summary: "it was switched off, with live ports", blind: "whose ports they are is not told",
		facts: []Noted{{At: at(p.downAt), LastGood: at(p.goodAt), Group: "counters", From: n.label(), What: "status of the bridge's own interface", Before: "up", After: statusText(p.status), Weight: weightPortDown}},
	})
}

// raisePort raises that a port is down. Where one node is attached to it that
// waits until the node is heard, or found to be down: then it is the cause.
func (s *Site) raisePort(p *port, f *finding) {
	n := p.leadsTo()
	if n == nil || !n.heard {
		s.raise(p.node, f)
		return
	}
	if booted := n.bootedAt > p.downAt && s.now-n.bootedAt < 2*s.pollOf(p)+5*second; (booted || n.stopping > s.now) && s.active(f.kind, f.entity) == nil {
		return // it said that it would stop, or is back, which the next poll shows
	}
	f.wait = s.bound(n) + 2*second
	c := s.raise(p.node, f)
	if it := s.board.Find(conditionKey(c.kind, c.entity)); it != nil && !c.open && n.lastHeard() > p.downAt+settle {
		s.board.Hurry(it)
	}
}

// errorRate follows the errors of an interface.
type errorRate struct {
	at, since int64
	rate      float64 // errors a second in the last poll
}

func (e *errorRate) add(at int64, errs, _, ms uint64) {
	e.rate = float64(errs) * 1000 / float64(max(ms, 1))
	switch {
	case e.rate < errorsMark:
		e.since = 0
	case e.since == 0:
		e.since = at - int64(ms)*millisecond
	}
	e.at = at
}

// judgeErrors tells of interfaces with errors.
func (s *Site) judgeErrors(p *port) {
	e := &p.errs
	entity := p.entity()
	if e.since == 0 || s.now-e.at > 3*s.pollOf(p)+sustained {
		s.clear(InterfaceErrors, entity, "")
		return
	}
	if e.at-e.since < sustained {
		return
	}
	f := &finding{
		kind: InterfaceErrors, entity: entity, subject: s.interfaceSubject(p), severity: detect.Warning, onset: e.since,
		witness: Passive, sure: 0.99, above: p.above(), hold: 30 * second, summary: "errors on every poll, more than one a second",
		facts: []Noted{{At: at(e.since), Group: "counters", From: p.node.label(), What: fmt.Sprintf("%.3g errors/s", e.rate)}},
	}
	f.subject.IfIndex = p.index
	s.raise(p.node, f)
}
