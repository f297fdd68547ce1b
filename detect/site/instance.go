package site

import (
	"encoding/hex"
	"fmt"
	"slices"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
	weigh "weir/detect/site/instance"
)

// instance is a virtual machine that somebody described.
type instance struct {
	uuid    string
	name    string // Nova's where it is known
	domain  string // libvirt's
	project string
	node    *node
	ports   []*port
	macs    []uint64
	state   string // as the host agent spells it
	reason  string
	since   int64 // of the state
	started int64
	spoke   bool // since it was started
	asks    int  // DHCP requests without an answer
	orphan  string
	leaving int64 // it is on its way out: migration, resize, deletion
	host    *host
	unseen  bool  // told of no more
	saidAt  int64 // by a host agent
}

func (i *instance) label() string {
	switch {
	case i.name != "":
		return i.name
	case i.domain != "":
		return i.domain
	}
	return i.uuid
}

func (i *instance) replace(old, p *port) {
	for k := range i.ports {
		if i.ports[k] == old {
			i.ports[k] = p
		}
	}
}

// activity is what samples say of an instance's port.
type activity struct {
	txAt      int64 // last sample that it sent
	firstAt   int64
	tx, asked float64 // samples ever, halved now and then
	rate      float64 // samples a second that it sent, smoothed
	rateAt    int64
	spread    float64 // of the samples' number around the rate, smoothed
	spreads   int
	steadyAt  int64 // since when it has made no longer pause
	refusals
	syn       float64
	synAck    float64
	askedNow  int     // since txAt
	synNow    int     // since the last SYN-ACK
	arp, icmp int     // since txAt
	probes    int     // since txAt
	arpAsked  float64 // ARP requests seen for it, and its replies, halved now and then
	arpReply  float64
	told      resolved // the same by the host agent
	askAt     int64    // first of what asked for an answer since txAt; 0 nothing did
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
	tx, asked := float64(uint32(f.A>>32)), int(uint32(f.A))
	syn, synAck := int(uint32(f.B>>32)), int(uint32(f.B))
	rest := fact.UnpackPortRest(f.C)
	a.arpReply += float64(rest.Replies)
	if rest.Probes > 0 || rest.Reset+rest.Unreachable > 0 {
		a.refusals.add(s.now, float64(rest.Probes), float64(rest.Reset)+float64(rest.Unreachable))
		n.dirty = true
	}
	if tx > 0 {
		if a.firstAt == 0 {
			a.firstAt, a.rateAt = f.At, f.At
		}
		if d := float64(f.At-a.rateAt) / 1e9; d > 0 {
			w := min(d/60, 1)
			if total := float64(f.At-a.firstAt) / 1e9; total < 60 {
				w = min(d/max(total, 1), 1)
			}
			if e := a.rate * d; e > 0.5 {
				a.spread += ((tx-e)*(tx-e)/e - a.spread) / min(float64(a.spreads+1), 64)
				a.spreads++
			}
			a.rate += (tx/d - a.rate) * w
			a.rateAt = f.At
		}
		if f.At-a.txAt > 5*second {
			a.steadyAt = f.At
		}
		a.txAt, a.askedNow, a.arp, a.icmp, a.askAt, a.probes = f.At, 0, 0, 0, 0, 0
		if f.At > a.told.vainAt+vainFor {
			a.told.vain = 0
		}
		if p.inst != nil {
			p.inst.spoke = true
		}
		p.flat[0] = flat{}
	} else {
		a.askedNow += asked
		a.probes += int(rest.Probes)
		if a.askAt == 0 && asked+syn > 0 {
			a.askAt = s.now
		}
	}
	a.tx, a.asked = a.tx+tx, a.asked+float64(asked)
	if a.tx+a.asked > 4096 {
		a.tx, a.asked = a.tx/2, a.asked/2
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
	if tx == 0 || s.active(InstanceUnreachable, p.instanceEntity()) != nil {
		n.dirty = true
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

// moved notes that an address sends at another node than before: live
// migration, or a new instance with an old address.
func (s *Site) moved(a *address, old, p *port, at int64) {
	old.act.movedAt = at
	what := fact.UnpackMAC(a.mac).String() + " moved"
	old.node.note(at, old.instanceEntity(), what, old.node.label(), p.node.label(), Passive)
	p.node.note(at, p.instanceEntity(), what, old.node.label(), p.node.label(), Passive)
	s.drop(InstanceUnreachable, old.instanceEntity(), ReasonGone)
	old.node.dirty = true
}

// instanceEntity names the instance behind a port.
func (p *port) instanceEntity() string {
	if p.inst != nil {
		return "instance/" + p.inst.uuid
	}
	return p.node.entity("instance", p.label())
}

// instanceAbove are the things that could be the cause of what happens to the
// instance behind the port.
func (p *port) instanceAbove() []string {
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
	return all
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

// judgePort tells what a port's state means.
func (s *Site) judgePort(p *port) {
	if p.gone {
		s.portLeft(p)
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
	onset := p.act.txAt
	if k.PortDown {
		onset = p.downAt
	}
	f := &finding{
		kind: InstanceUnreachable, entity: entity, subject: p.instanceSubject(), severity: detect.Warning,
		onset: onset, good: max(p.goodAt*b2i(k.PortDown), p.act.txAt), witness: Passive, sure: weigh.Probability(odds),
		above: p.instanceAbove(), wait: s.bridgeBound(p, onset), hold: 5 * second,
	}
	for _, part := range parts {
		if part.Nats > 0 {
			f.facts = append(f.facts, Noted{At: at(onset), LastGood: at(f.good), Group: string(part.Group), From: p.node.label(), What: part.What, Weight: round3(part.Nats)})
		}
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

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
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
	return 2 * second
}

// answerTime is how long the sample of an answer may take to arrive.
const answerTime = 2 * second

// known gathers what is known of the instance behind a port.
func (s *Site) known(p *port) weigh.Known {
	a := &p.act
	k := weigh.Known{
		PortDown: p.counted && !p.up() && p.wasUp && !p.unknown, FlatNats: p.flat[0].nats,
		Offered: p.flat[0].offered, Probes: a.probes,
		Steady: float64(a.txAt-a.steadyAt) / 1e9,
		Rate:   a.rate, Spread: a.usualSpread(), ARP: a.arp, ICMP: a.icmp, Asked: a.askedNow, Syn: a.synNow,
	}
	s.asksForAddress(p, &k)
	if a.askAt == 0 || s.quietFor(a.askAt) < answerTime {
		k.Asked, k.Syn = 0, 0
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
	if a.tx >= 20 && a.asked > 0 {
		k.Answering = a.tx / (a.tx + a.asked)
	}
	if a.synAck >= 3 {
		k.SynRatio = a.synAck / (a.syn + a.synAck)
	}
	for _, m := range p.macs {
		x := s.macs[m]
		if x == nil || x.many {
			continue
		}
		if x.home != nil && x.home != p {
			k.Elsewhere = max(float64(s.now-x.home.act.txAt)/1e9, 0.001)
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

// usualSpread is the spread of its samples, two while little is known.
func (a *activity) usualSpread() float64 {
	if a.spreads < 20 {
		return max(a.spread, 2)
	}
	return max(a.spread, 1)
}

// asksForAddress fills in what is known of ARP: from the host agent, which sees
// every packet, or from samples.
func (s *Site) asksForAddress(p *port, k *weigh.Known) {
	a := &p.act
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

// runs reports whether the instance should be reachable.
func (i *instance) runs() bool {
	switch i.state {
	case "", "running", "blocked", "paused":
		return i.leaving == 0
	}
	return false
}

// youngPort is how long an interface must have been there for its loss to mean
// something.
const youngPort = 10 * second

// saidWait is how long a port that the host agent says to be down waits for its
// cause.
const saidWait = 150 * millisecond

// judgeInterface tells of interfaces that are no instance's: NICs, LAG members,
// uplinks.
func (s *Site) judgeInterface(p *port) {
	entity := p.entity()
	switch {
	case !p.counted || !p.wasUp || p.unknown:
		return
	case p.up():
		s.clear(InterfaceDown, entity, "")
		s.unsay(InterfaceDown, entity, "")
	case p.local || p.node.bridges[p.name] != nil:
		return // judged with its bridge
	case !p.up() && p.downAt-p.since < youngPort && s.active(InterfaceDown, entity) == nil:
		return // it comes and goes with something
	default:
		f := &finding{
			kind: InterfaceDown, entity: entity, subject: p.node.subject(TypeInterface, p.label()), severity: detect.Warning,
			onset: p.downAt, good: p.goodAt, witness: Passive, sure: 0.999, above: p.above(), hold: 5 * second, wait: second,
			summary: statusText(p.status),
			facts:   []Noted{{At: at(p.downAt), LastGood: at(p.goodAt), Group: "counters", From: p.node.label(), What: "interface status", Before: "up", After: statusText(p.status), Weight: weightPortDown}},
		}
		f.subject.IfIndex = p.index
		if p.said != 0 && p.node.agentSpeaks(s.now) {
			f.wait = saidWait // what is above it is told as fast
		}
		switch {
		case p.group != 0 && p.group != p.index && p.node.ports[p.group] != nil && p.node.ports[p.group].up():
			f.severity = detect.Info
			f.summary = statusText(p.status) + ", a member of " + p.node.ports[p.group].label() + ", which is up"
		case p.node.addr.IsValid() && len(p.attached) == 0 && p.act.txAt == 0:
			f.severity = detect.Info
		}
		s.raisePort(p, f)
	}
	s.judgeErrors(p)
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

// described takes the description of a host or virtual machine.
func (s *Site) described(n *node, f *fact.Fact) {
	d := f.Detail
	src := sflow.DataSource{Class: d.Class, Index: f.Index}
	h := n.hosts[src]
	if h == nil {
		if len(n.hosts) >= maxPerNode {
			s.refused++
			return
		}
		h = &host{src: src}
		n.hosts[src] = h
	}
	h.name, h.uuid, h.parent, h.gone = d.Name, uuidText(d.UUID), d.Virtual, false
	h.macs, h.ports = h.macs[:0], d.Ports
	for _, m := range d.MACs {
		h.macs = append(h.macs, fact.MAC(m))
	}
	n.dirty = true
	if d.Virtual || d.Class == sflow.ClassLogical {
		s.meet(n, h)
		return
	}
	if d.Name != "" && n.name != d.Name {
		n.name = d.Name
	}
	if st := s.streams[streamKey{f.Agent, f.Sub}]; st != nil && st.speaks == "" {
		st.speaks = "the host's agent"
	}
	for k, m := range h.macs {
		// Adapters of a hypervisor are its taps too: those belong to instances.
		if k < len(h.ports) && h.ports[k] != 0 {
			if p := n.ports[h.ports[k]]; p != nil && p.instance {
				continue
			}
		}
		if sharedMAC(m) || m>>40 == 0xfe {
			continue
		}
		a := s.address(m)
		if a == nil {
			break
		}
		if a.owner != nil && a.owner != n {
			a.many = true
			continue
		}
		a.owner = n
		if !slices.Contains(n.own, m) && len(n.own) < 64 {
			n.own = append(n.own, m)
		}
	}
}

// meet joins a described virtual machine with its instance and ports.
func (s *Site) meet(n *node, h *host) *instance {
	if h.uuid == "" {
		return nil
	}
	i := s.instance(h.uuid)
	if i == nil {
		return nil
	}
	if i.node != nil && i.node != n {
		s.settled(i, n)
	}
	i.host, i.unseen = h, false
	i.place(n)
	if i.domain == "" {
		i.domain = h.name
	}
	for k, m := range h.macs {
		if !slices.Contains(i.macs, m) && len(i.macs) < 16 {
			i.macs = append(i.macs, m)
		}
		if k < len(h.ports) && h.ports[k] != 0 {
			if p := n.ports[h.ports[k]]; p != nil {
				s.bind(i, p)
			}
		}
		if a := s.macs[m]; a != nil && a.home != nil && a.home.node == n {
			s.bind(i, a.home)
		}
	}
	return i
}

// place notes on which node the instance is.
func (i *instance) place(n *node) {
	if i.node == n {
		return
	}
	if i.node != nil {
		delete(i.node.insts, i.uuid)
	}
	i.node = n
	if n.insts == nil {
		n.insts = map[string]*instance{}
	}
	n.insts[i.uuid] = i
}

// settled notes that an instance runs on another node than before.
func (s *Site) settled(i *instance, n *node) {
	old := i.node
	old.note(s.now, "instance/"+i.uuid, "instance "+i.label()+" moved", old.label(), n.label(), Passive)
	n.note(s.now, "instance/"+i.uuid, "instance "+i.label()+" moved", old.label(), n.label(), Passive)
	for _, p := range i.ports {
		p.inst, p.wasUp = nil, false // what is left of it is nobody's
	}
	i.ports, i.leaving = nil, 0
	s.drop(InstanceUnreachable, "instance/"+i.uuid, ReasonGone)
	s.drop(InstanceStopped, "instance/"+i.uuid, ReasonGone)
}

// instance returns the instance with a UUID, which it makes.
func (s *Site) instance(uuid string) *instance {
	i := s.insts[uuid]
	if i == nil {
		if len(s.insts) >= maxInstances {
			s.refused++
			return nil
		}
		i = &instance{uuid: uuid}
		s.insts[uuid] = i
	}
	return i
}

// maxInstances bounds the instances that are known.
const maxInstances = 1 << 17

// bind makes p a port of i.
func (s *Site) bind(i *instance, p *port) {
	if p.inst == i {
		return
	}
	if p.inst == nil {
		s.drop(InstanceUnreachable, p.instanceEntity(), ReasonGone)
	}
	p.inst, p.instance = i, true
	if !slices.Contains(i.ports, p) && len(i.ports) < 64 {
		i.ports = append(i.ports, p)
	}
}

func uuidText(u [16]byte) string {
	if u == [16]byte{} {
		return ""
	}
	t := hex.EncodeToString(u[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", t[:8], t[8:12], t[12:16], t[16:20], t[20:])
}
