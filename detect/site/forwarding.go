package site

import (
	"fmt"
	"slices"

	"weir/detect"
)

// judgeForwarding looks at a bridge that is told of: are all its ways out lost,
// or does it forward nothing although it is offered traffic?
func (s *Site) judgeForwarding(b *bridge) {
	n := b.node
	flatPorts, judged, nats, offered := 0, 0, 0.0, 0.0
	lost := s.active(BridgeDown, b.entity())
	onset := int64(0)
	for _, index := range sortedKeys(b.ports) {
		p := b.ports[index]
		if !p.instance || p.gone || p.act.txAt == 0 && p.flat[1].since == 0 {
			continue
		}
		judged++
		if p.flat[1].since > 0 && p.flat[1].nats > 0 {
			flatPorts++
			nats += p.flat[1].nats
			offered += p.flat[1].offered
			onset = max(onset, p.flat[1].since)
		}
	}
	switch {
	case b.unplugged():
		down := b.uplinks()
		onset := int64(0)
		var facts []Noted
		for _, p := range down {
			onset = max(onset, p.downAt)
			facts = append(facts, Noted{At: at(p.downAt), LastGood: at(p.goodAt), Group: "counters", From: n.label(), What: "status of the uplink " + p.label(), Before: "up", After: statusText(p.status), Weight: weightPortDown})
		}
		s.raiseBridge(b, onset, facts, "its only way out is down: "+wayNames(down), 0.999)
	case lost != nil && lost.clearing == 0 && lost.confirm == 0 && lost.severity == detect.Critical && !s.forwardsAgain(b):
		return // a stray packet is no forwarding
	case judged >= 2 && flatPorts == judged && nats >= decided && s.stopped(b, onset, offered) >= decided:
		s.raiseBridge(b, onset, []Noted{{
			At: at(onset), LastGood: at(onset), Group: "counters", From: n.label(), Weight: min(nats, 30),
			What: fmt.Sprintf("nothing is sent to any of its %d instances any more, while they go on sending", judged),
		}, {
			At: at(onset), LastGood: at(onset), Group: "traffic", From: n.label(), Weight: round3(s.stopped(b, onset, offered)),
			What: fmt.Sprintf("no sample has a way out any more, of %.0f packets offered", offered),
		}}, "it forwards nothing any more although it is offered traffic", probability(prior+min(nats, 30)+s.stopped(b, onset, offered)))
	case s.cut(b):
		return
	case s.siblings(b) != nil:
		all := s.siblings(b)
		onset, nats := all[0].onset, 0.0
		for _, c := range all {
			onset = min(onset, c.onset)
			nats += 2
		}
		s.raiseBridge(b, onset, []Noted{{
			At: at(onset), Group: "instances", From: n.label(), Weight: nats,
			What: fmt.Sprintf("%d of its %d instances can not be reached, since about the same time", len(all), b.instances()),
		}}, fmt.Sprintf("%d of its %d instances can not be reached any more", len(all), b.instances()), probability(nats))
	case b.local != nil && b.local.counted && b.local.wasUp && !b.local.up() && b.local.bridgeForwards():
		s.raise(n, &finding{
			kind: BridgeDown, entity: b.entity(), subject: n.subject(TypeBridge, b.name), severity: detect.Warning, onset: b.local.downAt, good: b.local.goodAt,
			witness: Passive, sure: 0.999, above: b.above(), hold: second,
			summary: "the bridge's own port is down; forwarding continues",
			facts: []Noted{{
				At: at(b.local.downAt), LastGood: at(b.local.goodAt), Group: "counters", From: n.label(), What: "status of the bridge's own port", Before: "up", After: statusText(b.local.status),
			}, {At: at(s.now), Group: "traffic", From: n.label(), What: "samples still have a way out"}},
		})
	default:
		if lost != nil && lost.clearing == 0 {
			s.clear(BridgeDown, b.entity(), "")
			s.reachable(b)
		}
	}
}

// uplinks are the ports that lead out of the bridge, not to instances.
func (b *bridge) uplinks() (all []*port) {
	for _, index := range sortedKeys(b.ports) {
		if p := b.ports[index]; !p.local && !p.instance && !p.gone && p.counted && p.wasUp {
			all = append(all, p)
		}
	}
	return all
}

// unplugged reports whether all ways out of the bridge are down.
func (b *bridge) unplugged() bool {
	all := b.uplinks()
	return len(all) > 0 && !slices.ContainsFunc(all, (*port).up)
}

// calmAfter is for how long an instance's port must send again before that is
// no stray packet of the node itself.
const calmAfter = 4 * second

// forwardsAgain reports whether a bridge that had lost its forwarding has it
// back: samples have a way out, or half of its instances' ports send steadily.
func (s *Site) forwardsAgain(b *bridge) bool {
	ports, sending := 0, 0
	for _, p := range b.ports {
		switch {
		case p.gone:
		case p.instance:
			ports++
			if f := &p.flat[1]; f.since == 0 && s.now-f.at > calmAfter {
				sending++
			}
		case !p.local && p.up() && p.downAt == 0 && p.changed > 0 && s.now-p.changed < 2*calmAfter:
			return true // an uplink came back
		}
	}
	if b.local != nil {
		if st := s.streams[streamKey{b.local.number, b.local.sub}]; st != nil {
			for _, x := range st.points {
				if s.now-x.forwarded < 2*second {
					return true
				}
			}
		}
	}
	return 2*sending >= ports
}

// stopped is how unlikely it is that no sample of the bridge has had a way out
// since a time in which it was offered so many packets, in nats; 0 where one
// had. That nothing comes back alone may be the fault of the other side.
func (s *Site) stopped(b *bridge, since int64, offered float64) float64 {
	if b.local == nil {
		return 0
	}
	st := s.streams[streamKey{b.local.number, b.local.sub}]
	if st == nil {
		return 0
	}
	rate := 0.0
	for _, index := range sortedKeys(st.points) {
		p := st.points[index]
		if p.forwarded > since+settle {
			return 0
		}
		if r := float64(p.rates[len(p.rates)-1]); p.forwarded != 0 && r > rate {
			rate = r
		}
	}
	if rate == 0 {
		return 0 // it takes no samples
	}
	nats := offered / rate / 2
	// The usual rate says nothing where those that made it have ended their talk.
	if f := &b.flow; f.at-f.pace.firstAt > flowingLearnt && f.offered > 0 && b.offering(max(f.at, since)) >= offeringLeast {
		nats = max(nats, f.nats(f.rate(), s.quietFor(max(f.at, since)))/2)
	}
	return min(nats, weightTraffic)
}
