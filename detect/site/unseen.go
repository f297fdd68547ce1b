package site

import (
	"slices"

	"weir/detect"
)

// How long what is known from before a restart is given to be seen.
const (
	// keptGrace is added to the deadline of who was not heard yet: he may have
	// stopped for as long as nobody listened.
	keptGrace = 10 * second
	// portUnseen is how long a port may be unseen while its node is heard, beside
	// three of its polls, and instanceUnseen an instance without any port.
	portUnseen     = 90 * second
	instanceUnseen = 300 * second
)

// expected reports whether a node that was not heard since a restart is to be
// judged: the deadlines of all that is known to speak for it have passed since.
func (s *Site) expected(n *node) bool {
	if n.waits == 0 || s.hearsNothing || !s.recalled.heard || len(n.streams) == 0 {
		return false
	}
	s.deadlines(n)
	for _, st := range n.streams {
		if !st.silent {
			return false
		}
	}
	n.waits, n.heard = 0, true
	return true
}

// met notes that a port of before is seen, as name.
func (s *Site) met(p *port, name string) {
	if !p.kept {
		return
	}
	p.kept, p.domainAt = false, s.now // whose it is is yet to be told again
	if p.name == "" || name == "" || p.name == name {
		return
	}
	// Another has its index now.
	if i := p.inst; i != nil {
		i.ports = slices.DeleteFunc(i.ports, func(o *port) bool { return o == p })
	}
	for _, m := range p.macs {
		if a := s.macs[m]; a != nil && a.home == p {
			a.home = nil
		}
	}
	if p.bridge != nil {
		delete(p.bridge.ports, p.index)
	}
	p.inst, p.bridge, p.macs, p.wasUp, p.counted, p.neutron, p.network = nil, nil, nil, false, false, "", segment{}
}

// judgeUnseen gives up what is known from before and is not there any more: ports
// that are not told of while who told of them goes on, and instances without any.
func (s *Site) judgeUnseen(n *node) {
	if !n.recalled {
		return
	}
	if n.againAt == 0 {
		n.againAt = s.now
	}
	left := false
	for _, p := range n.portList() {
		switch {
		case !p.kept:
		case s.unseen(p):
			s.gaveUp(p)
		default:
			left = true
		}
	}
	for _, uuid := range sortedKeys(n.insts) {
		i := n.insts[uuid]
		i.kept = i.kept && i.saidAt == 0 && i.host == nil
		if !i.kept {
			continue
		}
		i.ports = slices.DeleteFunc(i.ports, func(p *port) bool { return p.gone })
		if len(i.ports) > 0 || s.quietFor(n.againAt) < instanceUnseen {
			left = true
			continue
		}
		n.note(s.now, i.entity(), "instance "+i.label()+" is told of no more", "", "", Passive)
		s.drop(InstanceUnreachable, i.entity(), ReasonGone)
		s.drop(InstanceStopped, i.entity(), ReasonGone)
		delete(n.insts, uuid)
		delete(s.insts, uuid)
	}
	n.recalled = left
}

// unseen reports whether a port of before is not told of any more.
func (s *Site) unseen(p *port) bool {
	st := s.streams[streamKey{p.number, p.sub}]
	if st != nil && st.kept && st.beats {
		return st.silent || st.retired
	}
	wait := portUnseen
	if st != nil {
		wait += 3 * s.pollOf(p)
	}
	return s.quietFor(p.node.againAt) > wait
}

// gaveUp notes that a port went while nobody listened: by itself that is no alert.
func (s *Site) gaveUp(p *port) {
	n := p.node
	p.kept, p.gone, p.goneAt, p.polled = false, true, s.started, s.pollOf(p)
	n.noteSince(n.heardBefore, s.started, p.entity(), p.label()+" is told of no more", statusText(p.status), "", Passive)
	b := p.bridge
	if b == nil || b.local != p || !b.linux || !n.agentSpeaks(s.now) {
		return
	}
	still := 0
	for _, o := range b.before {
		if !o.gone && !o.kept && o.bridge == nil && o.inst != nil && o.inst.runs() {
			still++
		}
	}
	if still == 0 {
		return
	}
	s.raise(n, &finding{
		kind: BridgeDown, entity: b.entity(), subject: n.subject(TypeBridge, b.name), severity: detect.Critical, onset: s.started, good: n.heardBefore,
		witness: Agent, sure: 0.99, above: b.above(), hold: second, summary: "deleted with " + itoa(uint64(still)) + " instances on it, while weir did not listen",
		facts: []Noted{{At: at(s.started), LastGood: at(n.heardBefore), Group: "bridge", From: "weir-agent", What: "the bridge is there no more, its instances are"}},
	})
	delete(n.bridges, b.name)
}

// unseenBridge reports whether nothing was told of a bridge of before yet.
func (b *bridge) unseenBridge() bool {
	if b.kept && b.said == nil {
		for _, p := range b.ports {
			if !p.kept {
				b.kept = false
			}
		}
		return b.kept && len(b.ports) > 0
	}
	b.kept = false
	return false
}
