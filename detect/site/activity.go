package site

import (
	"math"

	"weir/decoder/witness"
	"weir/detect/site/fact"
)

// activity is what samples say of an instance's port.
type activity struct {
	txAt      int64 // last sample that it sent
	sends     rhythm
	lives     rhythm  // what it sends, and what acknowledges that
	livesAt   int64   // last of it
	tx, asked float64 // samples ever, halved now and then
	acked     float64 // and what acknowledges what it sent
	steadyAt  int64   // since when it has made no longer pause
	toAt      int64   // last sample of unicast to it
	to        rhythm
	questions questions
	refusals  refusals
	answering answering
	strangers strangers
	syn       float64
	synAck    float64
	askedNow  int     // since txAt
	synNow    int     // since the last SYN-ACK
	synTx     int     // SYN since txAt
	arp, icmp int     // since txAt
	probes    int     // since txAt
	arpAsked  float64 // ARP requests seen for it, and its replies, halved now and then
	arpReply  float64
	told      resolved // the same by the host agent
	askAt     int64    // first of what asked for an answer since txAt; 0 nothing did
	askedAt   int64    // last of it
	asks      rhythm   // of what asks for an answer, SYN too, as a rule
	askRun    float64  // most that were not answered for a while, and then it sent again; halved now and then
	replyAt   int64    // last ARP reply since txAt; 0 none
	movedAt   int64
}

// resolved is what the host agent, which sees all of it, says of ARP requests
// for an instance and of its answers.
type resolved struct {
	at                int64
	requests, answers uint64
	vain              uint64 // requests since its last answer
	vainAt            int64
}

// vainFor is for how long it may still be seen to send what it had begun.
const vainFor = 5 * second

// vainOld is how long a request in vain tells something.
const vainOld = 30 * second

// portActive takes what samples say of an instance's port.
func (s *Site) portActive(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	if p == nil {
		return
	}
	a := &p.act
	moves := fact.UnpackPortMoves(f.A)
	syn, synAck := int(uint32(f.B>>32)), int(uint32(f.B))
	rest := fact.UnpackPortRest(f.C)
	// That it answers ARP shows that it runs, not that anything else gets through.
	tx, asked := float64(moves.Sent-min(moves.Sent, rest.Replies)), int(moves.Asked)
	a.arpReply += float64(rest.Replies)
	a.lived(s.now, tx, float64(moves.Acked))
	s.sentTo(a, moves, rest.Replies)
	if rest.Probes > 0 || rest.Reset+rest.Unreachable > 0 {
		a.refusals.add(s.now, float64(rest.Probes), float64(rest.Reset)+float64(rest.Unreachable))
		n.filtering.try(s.now, float64(rest.Probes))
		n.dirty = true
	}
	if tx > 0 {
		if s.active(InstanceUnreachable, p.instanceEntity()) == nil {
			a.recovered(s.now, asked+syn)
		}
		a.sent(f.At, tx)
		if p.inst != nil {
			p.inst.spoke = true
		}
		p.flat[0] = flat{}
	} else {
		if rest.Replies > 0 {
			a.replyAt = s.now
		}
		a.askedNow += asked
		a.synTx += syn
		a.probes += int(rest.Probes)
		if asked+syn > 0 {
			a.askedAt = s.now
			if a.askAt == 0 {
				a.askAt = s.now
			}
		}
	}
	a.acked += float64(moves.Acked)
	a.count(tx, asked, syn, synAck)
	if asked+syn+int(rest.Probes) > 0 && tx == 0 || s.active(InstanceUnreachable, p.instanceEntity()) != nil {
		n.dirty = true
	}
}

// sent takes that it was seen to send tx samples since the last time: what was
// asked of it before is answered.
func (a *activity) sent(at int64, tx float64) {
	a.sends.add(at, tx)
	if at-a.txAt > 5*second {
		a.steadyAt = at
	}
	a.txAt, a.askedNow, a.synTx, a.arp, a.icmp, a.askAt, a.askedAt, a.probes, a.replyAt = at, 0, 0, 0, 0, 0, 0, 0, 0
	if at > a.told.vainAt+vainFor {
		a.told.vain = 0
	}
}

// lived takes what it sent and what acknowledges that: who acknowledges has
// received it, so that with what it sends that stops as well.
func (a *activity) lived(at int64, tx, acked float64) {
	if tx+acked > 0 {
		a.lives.add(at, tx+acked)
		a.livesAt = at
	}
}

// known is from how many samples on it is known what an instance does as a rule.
const known = 20

// askRunMind is how much of askRun is left after a thousand further questions.
const askRunMind = 0.5

// recovered takes that it sends again, or still does: of how many that was asked
// meanwhile nothing came of, and how often it is asked as a rule.
func (a *activity) recovered(now int64, asked int) {
	pending := float64(a.askedNow + a.synTx)
	if a.tx >= known {
		a.askRun = max(a.askRun*math.Pow(askRunMind, float64(asked)/1000), pending)
	}
	a.asks.add(now, pending+float64(asked))
}

// count adds samples that it sent or that asked it for an answer, and the SYN and
// SYN-ACK among them. Sums are halved now and then, so that they follow what is
// usual.
func (a *activity) count(tx float64, asked, syn, synAck int) {
	a.tx, a.asked = a.tx+tx, a.asked+float64(asked+syn)
	if a.tx+a.asked > 4096 {
		a.tx, a.asked, a.acked = a.tx/2, a.asked/2, a.acked/2
	}
	if synAck > 0 {
		a.synNow = 0
	} else {
		a.synNow += syn
	}
	a.syn, a.synAck = a.syn+float64(syn), a.synAck+float64(synAck)
	if a.syn+a.synAck > 1024 {
		a.syn, a.synAck = a.syn/2, a.synAck/2
	}
}

// portSpoke takes whether an instance's port has ever received anything, by its
// counters.
func (s *Site) portSpoke(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	switch {
	case p == nil:
	case f.A == 0:
		p.stillAt = f.At
	case p.inst != nil:
		p.inst.spoke = true
		p.stillAt = 0
	default:
		p.stillAt = 0
	}
}

// askedFor takes what is asked for an instance's address in vain.
func (s *Site) askedFor(f *fact.Fact) {
	a := s.macs[f.A]
	if a == nil || a.home == nil || a.many {
		return
	}
	act := &a.home.act
	if f.B == 0 {
		act.questions.add(f.At)
		if act.arpAsked += float64(f.C); act.arpAsked > 256 {
			act.arpAsked, act.arpReply = act.arpAsked/2, act.arpReply/2
		}
	}
	if f.At <= act.txAt+settle {
		return
	}
	if f.B == 0 {
		act.arp += int(f.C)
	} else {
		act.icmp += int(f.C)
	}
	a.home.node.dirty = true
}

// neighbourSaid takes the host agent's counts of ARP requests for an instance
// and of its answers.
func (s *Site) neighbourSaid(n *node, f *fact.Fact) {
	p := n.byName[f.Detail.Entity]
	requests, ok := f.Detail.Uint(witness.Requests)
	answers, ok2 := f.Detail.Uint(witness.Answers)
	if p == nil || !ok || !ok2 {
		return
	}
	t := &p.act.told
	switch {
	case t.at == 0 || requests < t.requests || answers != t.answers:
		t.vain = 0
	default:
		if requests > t.requests {
			t.vain, t.vainAt = t.vain+requests-t.requests, f.At
		}
	}
	t.at, t.requests, t.answers = f.At, requests, answers
}

// arpUnanswered takes that an instance was asked for again and again in vain.
func (s *Site) arpUnanswered(n *node, f *fact.Fact) {
	p := n.byName[f.Detail.Text(witness.Port)]
	count, ok := f.Detail.Uint(witness.Count)
	if p == nil || !ok {
		return
	}
	t := &p.act.told
	if answers, ok := f.Detail.Uint(witness.Answers); ok { // so that a later count tells what came since
		requests, _ := f.Detail.Uint(witness.Requests)
		if t.at == 0 || answers != t.answers {
			t.vain = 0
		}
		t.at, t.requests, t.answers = f.At, requests, answers
	}
	t.vain, t.vainAt = max(t.vain, min(count, 1000)), f.At
}

// sampled is when the last sample came from where the port's are taken: without
// any, that its own have stopped says nothing about the instance.
func (s *Site) sampled(p *port) (last int64) {
	if st := s.streams[streamKey{p.number, p.sub}]; st != nil {
		for _, x := range st.points {
			last = max(last, x.at)
		}
	}
	return last
}

// moved notes that an address sends at another node than before: live
// migration, or a new instance with an old address.
func (s *Site) moved(a *address, old, p *port, at int64) {
	old.act.movedAt = at
	what := fact.UnpackMAC(a.mac).String() + " moved"
	old.node.noteSince(old.act.txAt, at, old.instanceEntity(), what, old.node.label(), p.node.label(), Passive)
	p.node.noteSince(old.act.txAt, at, p.instanceEntity(), what, old.node.label(), p.node.label(), Passive)
	s.drop(InstanceUnreachable, old.instanceEntity(), ReasonGone)
	old.node.dirty = true
}
