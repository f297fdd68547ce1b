package site

import (
	"slices"

	"weir/detect"
	"weir/detect/site/fact"
	weigh "weir/detect/site/instance"
)

// judgeReach tells whether the instance behind a port can be reached.
func (s *Site) judgeReach(p *port) {
	entity := p.instanceEntity()
	if p.inst != nil && !p.inst.runs() {
		s.drop(InstanceUnreachable, entity, ReasonGone)
		return
	}
	k := s.known(p)
	odds, parts := weigh.Weigh(&k)
	c := s.active(InstanceUnreachable, entity)
	switch {
	case odds >= weigh.Enough:
	case c == nil:
		return
	case s.toldWith(conditionKey(InstanceUnreachable, entity), p.node.together()):
		return // told with its cause, and over with it
	case odds <= weigh.Calm:
		s.unsay(InstanceUnreachable, entity, "")
		s.clear(InstanceUnreachable, entity, "")
		return
	default:
		return
	}
	if p.act.movedAt != 0 && s.now-p.act.movedAt < 60*second {
		return
	}
	onset, good := p.act.txAt, p.act.txAt
	if k.Deaf() { // it may send as ever
		onset = p.act.toAt
		good = onset
	}
	if k.PortDown {
		onset, good = p.downAt, max(good, p.goodAt)
	}
	f := &finding{
		kind: InstanceUnreachable, entity: entity, subject: p.instanceSubject(), severity: detect.Warning,
		onset: onset, good: good, witness: Passive, sure: weigh.Probability(odds),
		above: s.instanceAbove(p), wait: s.bridgeBound(p, onset), hold: 5 * second,
	}
	for _, part := range parts {
		if part.Nats > 0 {
			f.facts = append(f.facts, Noted{At: at(onset), LastGood: at(f.good), Group: string(part.Group), From: p.node.label(), What: part.What, Weight: round3(part.Nats)})
		}
	}
	if s.watched(p.inst) {
		f.severity = detect.Critical
	}
	f.summary = parts[0].What
	for _, part := range parts {
		if part.Nats > 0 && string(part.Group) == f.facts[0].Group {
			f.summary = part.What
		}
	}
	if k.PortDown {
		f.cause = "its port " + p.label() + ": " + statusText(p.status)
	}
	if p.said != 0 && k.PortDown || k.Paused {
		f.witness = Agent
	}
	s.raise(p.node, f)
}

// toldWith reports whether a finding is under a cause that ends it, which those
// that only put several together do not.
func (s *Site) toldWith(key, together string) bool {
	parent := s.board.Find(key).Parent()
	return parent != nil && parent.Entity != together
}

// bridgeBound is how long what happens at a port waits for its bridge to be
// found down: not at all where the bridge has forwarded since.
func (s *Site) bridgeBound(p *port, onset int64) int64 {
	if p.bridge == nil {
		return second
	}
	if st := s.streams[streamKey{p.number, p.sub}]; st != nil {
		for _, x := range st.points {
			if x.forwarded > onset+settle {
				return 0
			}
		}
	}
	for _, o := range p.bridge.ports {
		if o != p && o.instance && !o.gone && o.act.toAt > onset+second && s.quietFor(o.act.toAt) < forwardedLately {
			return 0 // it has forwarded to that one
		}
	}
	return 2 * second
}

// forwardedLately is for how long a sample of what was sent to an instance shows
// that its bridge forwards: such are told once a second.
const forwardedLately = 1500 * millisecond

// vainSpan is for how long it must be asked in vain: the answer to what was asked
// last may yet come, and who is being shut off is asked for a moment longer.
const vainSpan = 900 * millisecond

// known gathers what is known of the instance behind a port.
func (s *Site) known(p *port) weigh.Known {
	a := &p.act
	k := weigh.Known{
		PortDown: p.counted && !p.up() && p.wasUp && !p.unknown, FlatNats: p.flat[0].nats,
		Offered: p.flat[0].offered, Probes: a.probes,
		Steady: float64(a.txAt-a.steadyAt) / 1e9,
		Rate:   a.sends.least(), Spread: a.sends.usualSpread(), ARP: a.arp, ICMP: a.icmp, Asked: a.askedNow, Syn: a.synNow, SynAsked: a.synTx,
		AskRate: a.asks.rate, AskRun: a.askRun,
	}
	if a.replyAt != 0 {
		k.Replied = max(float64(s.quietFor(a.replyAt))/1e9, 0.001)
	}
	s.asksForAddress(p, &k)
	s.unheard(p, &k)
	if a.askAt == 0 || a.askedAt-a.askAt < vainSpan {
		k.Asked, k.Syn, k.SynAsked = 0, 0, 0
	}
	if p.downAt != 0 {
		k.PortHeld = k.PortDown && s.quietFor(p.downAt) > s.pollOf(p)*5/4
	}
	if p.unknown {
		k.FlatNats = 0
	}
	if last := s.sampled(p); a.txAt != 0 && last > a.txAt+second/2 {
		// What was sent since the last sample arrived is not known.
		k.Silent = max(float64(min(s.quietFor(a.txAt), last-a.txAt))/1e9, 0.001)
	} else if a.txAt != 0 && s.quietFor(a.txAt) < settle {
		k.Silent = 0.001
	}
	if last := s.sampled(p); a.livesAt != 0 && last > a.livesAt {
		k.Lacking = a.lives.least() * float64(min(s.quietFor(a.livesAt), last-a.livesAt)) / 1e9 / a.lives.usualSpread()
	}
	if a.tx >= known && a.asked > 0 {
		answers := a.tx
		if a.livesAt <= a.askAt { // nor is anything acknowledged since
			answers += a.acked
		}
		k.Answering = answers / (answers + a.asked)
	}
	if a.synAck >= 3 {
		k.SynRatio = a.synAck / (a.syn + a.synAck)
	}
	for _, m := range p.macs {
		x := s.macs[m]
		if x == nil || x.many {
			continue
		}
		if last := x.sends(p); last != 0 {
			k.Elsewhere = max(float64(s.now-last)/1e9, 0.001)
		}
		for i := range x.seen {
			if last := x.seen[i].last; last > a.txAt+settle {
				k.Silent = min(k.Silent, max(float64(s.now-last)/1e9, 0.001))
			}
		}
	}
	if i := p.inst; i != nil {
		k.Paused = i.state == "paused" && i.leaving == 0 && s.now-i.since > 2*second
	}
	return k
}

// asksForAddress fills in what is known of ARP: from the host agent, which sees
// every packet, or from samples.
func (s *Site) asksForAddress(p *port, k *weigh.Known) {
	a := &p.act
	if t := &a.told; t.at != 0 && t.vain == 0 && s.now-t.at < vainOld && t.answers >= 1 && p.node.agentSpeaks(s.now) {
		k.ARP = 0 // what was sampled in vain was answered
		return
	}
	if t := &a.told; t.vain > 0 && s.now-t.vainAt < vainOld && t.answers >= 1 && p.node.agentSpeaks(s.now) {
		k.ARP, k.ARPExact = max(k.ARP, int(min(t.vain, 1000))), true
		k.ARPRatio = float64(t.answers) / float64(max(t.requests-t.vain, t.answers, 1))
		return
	}
	// What is asked in vain now is no part of how it is as a rule.
	if asked := a.arpAsked - float64(a.arp); a.arpReply >= 3 && asked > 0 {
		k.ARPRatio = min(a.arpReply/(a.arpReply+asked), 0.9)
	}
}

// instanceEntity names the instance behind a port.
func (p *port) instanceEntity() string {
	if p.inst != nil {
		return p.inst.entity()
	}
	return p.node.entity("instance", p.label())
}

// instanceAbove are the things that could be the cause of what happens to the
// instance behind the port.
func (s *Site) instanceAbove(p *port) []string {
	all := []string{p.entity()}
	if p.bridge != nil {
		all = append(all, p.bridge.entity())
	}
	all = append(all, p.node.together())
	for _, e := range p.above() {
		if !slices.Contains(all, e) {
			all = append(all, e)
		}
	}
	return append(all, s.commonAbove(p)...)
}

// instanceSubject is the instance behind a port, by what is known of it.
func (p *port) instanceSubject() Subject {
	sub := p.node.subject(TypeInstance, p.label())
	sub.IfIndex = p.index
	if len(p.macs) > 0 {
		sub.MAC = fact.UnpackMAC(p.macs[0]).String()
	}
	if i := p.inst; i != nil {
		sub.Name, sub.UUID, sub.Project = i.label(), i.uuid, i.project
	}
	return sub
}
