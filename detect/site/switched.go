package site

import (
	"fmt"
	"slices"

	"weir/detect"
)

// Open vSwitch speaks for its bridges by itself, from sub-agents of its own. Where
// another program on the node is heard, hsflowd or weir-agent, the silence of all
// of them at once is neither the node's nor a bridge's: ovs-vswitchd has ended.

// hsflowd is who speaks from the sub-agents that it alone numbers so.
const (
	hsflowd    = "hsflowd"
	hsflowdSub = 100000
)

// seldom is the longest time between two beats for which a silent node waits, lest
// one of its programs be still to come. It is told of in that time whatever it is.
const seldom = 10 * second

// undue reports whether a program on the node that speaks more seldom than its
// Open vSwitch has not had its turn yet: then it is not known to be silent.
func (s *Site) undue(n *node) bool {
	ovs := false
	for _, st := range n.streams {
		ovs = ovs || st.speaks == openVSwitch && !st.retired
	}
	for _, st := range n.streams {
		p := st.pace.Period()
		if !ovs || st.speaks == openVSwitch || st.retired || !st.beats || p == 0 || p > seldom {
			continue
		}
		if due := p + p/4; s.quietFor(st.last) < due {
			n.next = min(n.next, st.last+due)
			return true
		}
	}
	return false
}

// judgeSwitch tells whether all bridges of a node's Open vSwitch have fallen
// silent at once while another program on the node goes on.
func (s *Site) judgeSwitch(n *node) {
	last, bridges := n.switchHeard()
	entity := n.entity("vswitch", "")
	if n.switchAt != 0 && last > n.switchAt+settle || n.agentSpeaks(s.now) {
		n.switchAt, n.switchBack = 0, 0
		s.clear(BridgeDown, entity, "")
		s.clear(TelemetrySilent, entity, "")
	}
	if len(bridges) < 2 || n.agentSpeaks(s.now) || s.mostLate() {
		return
	}
	who := s.goesOn(n, last)
	if who == nil {
		return
	}
	all, silent := n.switchMACs(bridges), true
	for _, b := range bridges {
		st := s.streams[streamKey{b.local.number, b.local.sub}]
		silent = silent && (st.retired || st.silent)
	}
	v := s.outside(all, last, 0, func(x *seen) bool { return s.byNumber[x.number] == n })
	if !silent && (v.after != 0 || !v.known || !s.cutTogether(bridges, last)) {
		return
	}
	n.switchAt = last
	if v.after != 0 && s.returning(&n.switchBack, BridgeDown, entity) {
		s.clear(BridgeDown, entity, "")
		n.next = min(n.next, s.now+second/4)
		return
	}
	f := &finding{
		kind: BridgeDown, entity: entity, subject: n.subject(TypeBridge, "Open vSwitch"), severity: detect.Critical, onset: last, good: last,
		witness: Passive, above: n.above(), hold: second, sure: probability(prior + weightSilent + weightTraffic),
		summary: fmt.Sprintf("all its %d bridges have fallen silent at once, while %s goes on", len(bridges), who.label()),
		facts: []Noted{
			{At: at(last), LastGood: at(last), Group: "silence", From: n.label(), Weight: weightSilent, What: "neither counters nor samples of any bridge of Open vSwitch"},
			{At: at(who.last), Group: "heard", From: n.label(), What: who.label() + " is heard as before"},
			v.noted(last),
		},
		cause: "ovs-vswitchd was stopped or has crashed",
	}
	switch {
	case v.after != 0:
		f.kind, f.cause = TelemetrySilent, "sFlow was switched off on all its bridges"
		f.summary += "; its traffic is still seen at " + v.where
		s.drop(BridgeDown, entity, "")
	case !v.known:
		f.blind = "nobody else sees their traffic: whether they forward cannot be told"
	}
	s.raise(n, f)
}

// switchHeard is when Open vSwitch was heard last, and its bridges that had a
// sub-agent each until about then.
func (n *node) switchHeard() (last int64, bridges []*bridge) {
	for _, st := range n.streams {
		if st.speaks == openVSwitch {
			last = max(last, st.last)
		}
	}
	for _, name := range sortedKeys(n.bridges) {
		b := n.bridges[name]
		if b.linux || b.removed || b.local == nil {
			continue
		}
		for _, st := range n.streams {
			if st.number == b.local.number && st.sub == b.local.sub && st.bridge == b && st.last > last-max(3*st.usually(), second) {
				bridges = append(bridges, b)
			}
		}
	}
	return last, bridges
}

func (n *node) switchMACs(bridges []*bridge) (all []uint64) {
	for _, b := range bridges {
		all = append(all, b.macs()...)
	}
	return all
}

// goesOn returns another program than Open vSwitch that is heard as it should be
// since a time, nil without.
func (s *Site) goesOn(n *node, since int64) *stream {
	i := slices.IndexFunc(n.streams, func(o *stream) bool {
		return o.speaks != openVSwitch && o.beats && !o.silent && !o.retired && o.last > since+lately && s.quietFor(o.last) < max(o.usually(), second)*3/2
	})
	if i < 0 {
		return nil
	}
	return n.streams[i]
}

// cutTogether reports whether the samples of all bridges have stopped at once and
// more surely than traffic ends: of one for sure, and of none by chance.
func (s *Site) cutTogether(bridges []*bridge, since int64) bool {
	quiet, sure, nats := s.quietFor(since), false, 0.0
	for _, b := range bridges {
		st := s.streams[streamKey{b.local.number, b.local.sub}]
		lacks, ok := b.flow.lacks(len(s.streams))
		paused := quiet < 4*st.usually() && (!ok || b.flow.nats(b.flow.rate(), quiet) < decided)
		if st.last > since+lately || b.flow.offered > 0 || paused {
			b.node.next = min(b.node.next, s.now+second/4)
			return false
		}
		sure = sure || ok && quiet >= lacks
		nats += b.flow.nats(b.rest(), quiet)
	}
	return sure && nats >= restNats
}
