package site

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"weir/detect"
)

// judgeBridge tells whether a bridge has lost its forwarding.
func (s *Site) judgeBridge(b *bridge) {
	all, gone := 0, 0
	onset := int64(0)
	for _, p := range b.ports {
		all++
		if p.gone {
			gone++
			onset = max(onset, p.goneAt)
		}
	}
	was := b.gone
	b.gone = all > 0 && gone == all && (b.local == nil || b.local.gone)
	if b.gone && !was {
		b.goneAt = onset
		b.node.noteSince(onset, s.now, b.entity(), "bridge "+b.name+" is told of no more", "", "", Passive)
	}
	if b.said != nil {
		s.judgeSaidBridge(b)
	}
	if !b.gone {
		b.backAt, b.missed = 0, false
		s.clear(TelemetrySilent, b.entity(), "")
		if !b.linux {
			s.judgeForwarding(b)
		}
		return
	}
	if b.vacated && !b.hasInstance() { // another has taken its place
		s.clear(BridgeDown, b.entity(), "")
		s.clear(TelemetrySilent, b.entity(), "")
		s.reachable(b)
		return
	}
	if b.removed || b.linux || !b.matters() {
		return
	}
	if d := b.node.bootedAt + bootGrace - s.now; d > 0 && b.node.bootedAt > 0 {
		b.node.next = min(b.node.next, s.now+d)
		return // what speaks for it is not up yet
	}
	down := s.active(BridgeDown, b.entity())
	if s.active(TelemetrySilent, b.entity()) == nil && (down == nil || down.state == detect.Suspected) && s.mayBeLost(b) {
		b.node.next = min(b.node.next, s.now+second/4)
		return
	}
	s.bridgeSilent(b)
}

// mayBeLost reports whether the counters of a bridge that is told of no more may
// have been lost on the way, or the node may be falling silent itself. Three polls
// must be missing in a time in which nothing else was.
func (s *Site) mayBeLost(b *bridge) bool {
	n := b.node
	since := max(b.goneAt, n.wokeAt)
	period, own := second, (*stream)(nil)
	if p := b.anyPort(); p != nil {
		period, own = cmp.Or(p.polled, s.pollOf(p)), s.streams[streamKey{p.number, p.sub}]
	}
	heard := false
	for _, st := range n.streams {
		if st == own && st.beats && st.deadline > 0 && s.quietFor(since) > st.deadline && s.quietFor(n.lastHeard()) < period {
			return false // more than loss explains
		}
		since = max(since, st.gapAt)
		if st == own {
			since = max(since, st.lostAt)
		}
		heard = heard || s.quietFor(st.last) < max(st.usually(), second/2)*3/2
	}
	return !heard || s.quietFor(since) < 3*period
}

// anyPort is the bridge's own port, or the first of its others.
func (b *bridge) anyPort() *port {
	if b.local != nil {
		return b.local
	}
	for _, index := range sortedKeys(b.ports) {
		return b.ports[index]
	}
	return nil
}

// bootGrace is how long a node that has booted is given until all that speaks on
// it does.
const bootGrace = 120 * second

// matters reports whether a bridge carries somebody: an instance or an uplink.
func (b *bridge) matters() bool {
	for _, p := range b.ports {
		if p.instance || !p.local && p.wasUp {
			return true
		}
	}
	return false
}

// hasInstance reports whether any port of the bridge is an instance's, told of or
// not.
func (b *bridge) hasInstance() bool {
	for _, p := range b.ports {
		if p.instance {
			return true
		}
	}
	return false
}

// macs are the addresses of the bridge's instances.
func (b *bridge) macs() (all []uint64) {
	for _, index := range sortedKeys(b.ports) {
		if p := b.ports[index]; p.instance {
			all = append(all, p.macs...)
		}
	}
	return all
}

// bridgeSilent decides what it means that nothing is told of a bridge any more
// while its node goes on: sFlow was cleared on it, or it is gone.
func (s *Site) bridgeSilent(b *bridge) {
	n, onset := b.node, b.goneAt
	// What its own sub-agent saw is no outside view; the sub-agent's number may
	// be another bridge's by now.
	mine := func(x *seen) bool {
		return s.byNumber[x.number] == n && b.local != nil && x.sub == b.local.sub && x.last <= onset+settle
	}
	v := s.outside(b.macs(), b.lastSeen(), 0, mine)
	n.next = min(n.next, s.now+second/4)
	f := &finding{
		kind: TelemetrySilent, entity: b.entity(), subject: n.subject(TypeBridge, b.name), onset: onset, good: onset,
		witness: Passive, above: b.above(), hold: second,
		facts: []Noted{
			{At: at(onset), LastGood: at(onset), Group: "counters", From: n.label(), What: "counters of all its ports have stopped, those of other ports go on", Weight: weightSilent},
			v.noted(onset),
		},
	}
	switch {
	case v.after != 0 && b.missed && s.returning(&b.backAt, BridgeDown, b.entity()):
		s.clear(BridgeDown, b.entity(), "")
		s.reachable(b)
		return
	case v.after != 0:
		f.severity, f.sure = detect.Critical, 0.999
		f.summary = "nothing is told of it any more while its traffic is still seen at " + v.where
		f.cause = "sFlow was switched off on the bridge"
		s.drop(BridgeDown, b.entity(), "")
	case v.nats >= decided:
		b.missed = true
		f.kind, f.severity = BridgeDown, detect.Critical
		f.sure = probability(prior + weightSilent + weightTraffic)
		f.summary = "gone: neither its counters nor its traffic are seen any more"
		s.unreachable(b, f)
		s.drop(TelemetrySilent, b.entity(), "")
	case s.active(BridgeDown, b.entity()) != nil:
		return
	case v.known && s.quietFor(onset) < undecided || s.quietFor(onset) < unseenAfter:
		return
	default:
		f.severity, f.confirm, f.sure = detect.Warning, pageSilent, 0.99
		f.summary = "nothing is told of it any more"
		f.blind = "nobody else sees its traffic: whether it forwards cannot be told"
	}
	s.raise(n, f)
}

// lastSeen is until when a bridge that is told of no more may have forwarded: its
// last sample, or the first poll that is missing.
func (b *bridge) lastSeen() int64 {
	if b.flow.at > b.goneAt-settle && b.flow.rate() > 1 {
		return max(b.goneAt, b.flow.at)
	}
	if p := b.anyPort(); p != nil && p.polled > 2*second {
		return b.goneAt + p.polled
	}
	return b.goneAt
}

// unreachable puts the instances of a bridge that lost its forwarding under it.
func (s *Site) unreachable(b *bridge, f *finding) {
	s.raise(b.node, f)
	for _, index := range sortedKeys(b.ports) {
		p := b.ports[index]
		if !p.instance || !p.wasUp {
			continue
		}
		s.raise(b.node, &finding{
			kind: InstanceUnreachable, entity: p.instanceEntity(), subject: p.instanceSubject(), severity: detect.Warning,
			onset: f.onset, good: f.good, witness: f.witness, sure: f.sure, above: append([]string{p.entity()}, p.above()...),
			wait: 10 * second, hold: second, summary: "its bridge " + b.name + " has lost its forwarding", facts: f.facts,
		})
	}
}

// reachable takes back what unreachable has raised.
func (s *Site) reachable(b *bridge) {
	for _, p := range b.ports {
		s.clear(InstanceUnreachable, p.instanceEntity(), "")
		s.unsay(InstanceUnreachable, p.instanceEntity(), "")
	}
}

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

// siblingsLeast is how many instances of a bridge must fail together, at least.
const siblingsLeast = 3

// instances is how many instances with a port that was up the bridge has.
func (b *bridge) instances() (n int) {
	for _, p := range b.ports {
		if p.instance && p.wasUp && !p.gone {
			n++
		}
	}
	return n
}

// siblings returns the instances of a bridge that can not be reached since about
// the same time, where they are half or more of all and at least three: then the
// bridge is the cause, unless it has forwarded since.
func (s *Site) siblings(b *bridge) []*condition {
	below := s.board.Below(b.entity(), string(InstanceUnreachable))
	if len(below) < siblingsLeast || 2*len(below) < b.instances() {
		return nil
	}
	var all []*condition
	for _, it := range below {
		if it.Value.clearing == 0 && !commonCause(it.Parent()) {
			all = append(all, it.Value)
		}
	}
	slices.SortFunc(all, func(x, y *condition) int {
		return cmp.Or(cmp.Compare(x.onset, y.onset), cmp.Compare(x.entity, y.entity))
	})
	// The latest that fit into a window with the last one.
	window := max(5*second, 3*s.period(b.node))
	for len(all) > 0 && all[len(all)-1].onset-all[0].onset > window {
		all = all[1:]
	}
	if len(all) < siblingsLeast || 2*len(all) < b.instances() {
		return nil
	}
	if b.local != nil {
		if st := s.streams[streamKey{b.local.number, b.local.sub}]; st != nil {
			for _, x := range st.points {
				if x.forwarded > all[0].onset+settle {
					return nil
				}
			}
		}
	}
	return all
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

func (s *Site) raiseBridge(b *bridge, onset int64, facts []Noted, summary string, sure float64) {
	b.flow.told = true
	s.unreachable(b, &finding{
		kind: BridgeDown, entity: b.entity(), subject: b.node.subject(TypeBridge, b.name), severity: detect.Critical, onset: onset, good: onset,
		witness: Passive, above: b.above(), hold: second, facts: facts, summary: summary, sure: sure,
	})
}

// wayNames names ports, the members of a link aggregation group together.
func wayNames(all []*port) string {
	text, told := "", map[uint32]bool{}
	for _, p := range all {
		name := p.label()
		if g := p.group; g != 0 && p.node.lagName(g) != "" {
			if told[g] {
				continue
			}
			told[g] = true
			name = p.node.lagName(g) + " (" + portNames(slices.DeleteFunc(slices.Clone(all), func(o *port) bool { return o.group != g })) + ")"
		}
		if text != "" {
			text += ", "
		}
		text += name
	}
	return text
}

func portNames(all []*port) string {
	text := ""
	for i, p := range all {
		if i > 0 {
			text += ", "
		}
		text += p.label()
	}
	return text
}

// sortedKeys returns the keys in order, so that the same facts are judged in the
// same order every time.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	return slices.Sorted(maps.Keys(m))
}

// bridgeForwards reports whether samples show that the bridge still forwards.
func (p *port) bridgeForwards() bool {
	if p.bridge == nil {
		return false
	}
	for _, st := range p.node.streams {
		if st.number != p.number || st.sub != p.sub {
			continue
		}
		for _, x := range st.points {
			if x.forwarded > p.downAt+settle {
				return true
			}
		}
	}
	return false
}
