package site

import (
	"cmp"
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
	case v.clears() && s.quietFor(onset) < undecided || s.quietFor(onset) < unseenAfter:
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
			wait: 10 * second, hold: second, summary: "its bridge " + b.name + " has lost its forwarding", facts: f.facts, follows: true,
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
		if it.Value.clearing == 0 && !it.Value.follows && !commonCause(it.Parent()) {
			all = append(all, it.Value)
		}
	}
	if all = s.atOnce(b.node, all); len(all) < siblingsLeast || 2*len(all) < b.instances() {
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
