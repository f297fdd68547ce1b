package site

import (
	"cmp"
	"fmt"
	"slices"

	"weir/detect"
)

// What tells that a packet filter lets more through than before.
const (
	byRefusal = iota
	byAnswer
	bySource
	byDiscards
	openedGroups
)

// openedWords are how each is told, of instances where there is a number.
var openedWords = [openedGroups]struct{ group, what string }{
	byRefusal:  {"handshake", "RST and port unreachable from %d instances that sent none"},
	byAnswer:   {"answers", "handshakes are answered by %d instances at ports where they were tried in vain before"},
	bySource:   {"sources", "packets with addresses that are not theirs are let through from %d instances"},
	byDiscards: {"discards", "as much is tried as ever, and nothing of it is discarded any more"},
}

// openedPort is an instance's port through which more comes than before.
type openedPort struct {
	p    *port
	at   int64
	nats [openedGroups]float64
	sum  float64
}

// opened returns how a port is opened, ok where anything tells so.
func (p *port) opened(now int64) (o openedPort, ok bool) {
	a := &p.act
	o.p = p
	for k, x := range [...]struct {
		at   int64
		nats float64
	}{
		byRefusal: {a.refusals.at, min(a.refusals.nats(now), 2*openedNats)},
		byAnswer:  {a.answering.at, a.answering.nats(now)},
		bySource:  {a.strangers.at, a.strangers.nats(now)},
	} {
		if o.nats[k] = x.nats; x.nats > 0 && (o.at == 0 || x.at < o.at) {
			o.at = x.at
		}
		o.sum += x.nats
	}
	return o, o.sum >= openedNats/2
}

// judgeOpened tells of a node whose instances get or send what used to be dropped.
// One of them alone is an information about it.
func (s *Site) judgeOpened(n *node) {
	entity := n.entity("filter", "")
	var all []openedPort
	known := 0
	for _, p := range n.portList() {
		if p.gone || !p.instance {
			continue
		}
		if p.act.refusals.probes >= knownProbes {
			known++
		}
		o, ok := p.opened(s.now)
		if ok {
			all = append(all, o)
		}
		if c := s.active(RulesFlushed, p.entity()); c != nil && !ok {
			s.clear(RulesFlushed, p.entity(), "")
		}
	}
	discards := n.filtering.stopped(s.quietFor(n.filtering.lastDrop))
	c := s.active(RulesFlushed, entity)
	if len(all) == 0 && discards < openedNats {
		if c != nil {
			s.clear(RulesFlushed, entity, "")
		}
		return
	}
	if c != nil && c.clearing == 0 && c.severity != detect.Info || n.agentSpeaks(s.now) {
		return // the host agent knows of the filter itself
	}
	run := together(all)
	if f := s.openedNode(n, run, known, discards); f != nil {
		s.raise(n, f)
		return
	}
	for i := range run {
		if run[i].sum >= openedNats {
			s.openedAlone(n, &run[i])
		}
	}
}

// together are the most that opened within a time.
func together(all []openedPort) (run []openedPort) {
	slices.SortFunc(all, func(a, b openedPort) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.p.index, b.p.index)) })
	for i, j := 0, 0; j < len(all); j++ {
		for all[j].at-all[i].at > openedFor {
			i++
		}
		if j-i+1 >= len(run) {
			run = all[i : j+1]
		}
	}
	return run
}

// openedNode is the finding that the node's filter lets more through, nil where
// too little tells so: half of its instances and at least two; or fewer, and what
// tells so is of several kinds.
func (s *Site) openedNode(n *node, run []openedPort, known int, discards float64) *finding {
	var of [openedGroups]int
	var nats [openedGroups]float64
	sure, kept := 0, 0
	for i := range run {
		for k, v := range run[i].nats {
			if v >= answeredNats {
				of[k]++
				nats[k] += v
			}
		}
		if run[i].sum >= openedNats {
			sure++
		}
		if run[i].nats[bySource] > strangeMost {
			kept++ // whom somebody kept from it before
		}
	}
	kinds := 0
	if discards >= openedNats {
		nats[byDiscards] = discards
		of[byDiscards] = 1
	}
	for _, k := range of {
		if k > 0 {
			kinds++
		}
	}
	most := 2*len(run) >= known
	switch {
	case sure >= 2 && most, len(run) >= 3 && most, kept >= 2:
	case kinds >= 2 && len(run) >= 2, kinds >= 3:
	case nats[byDiscards] > 0 && len(run) >= 1:
	case nats[byDiscards] > 0:
		return s.discardsAlone(n, discards)
	default:
		return nil
	}
	f := &finding{
		kind: RulesFlushed, entity: n.entity("filter", ""), subject: n.subject(TypeFilter, "packet filter"), severity: detect.Warning, witness: Passive, sure: 0.9,
		above: n.above(), hold: second, cause: "the packet filter was emptied, or lets more through than before", blind: "a change of a security group that they share looks the same",
		onset: n.filtering.lastDrop, summary: fmt.Sprintf("%d of %d instances get or send what used to be dropped", len(run), max(known, len(run))),
	}
	if len(run) > 0 {
		f.onset = run[0].at
	}
	if of[byRefusal] == len(run) && kinds == 1 {
		f.summary = fmt.Sprintf("%d of %d instances refuse what used to be dropped before it reached them", len(run), known)
	}
	if kept >= 2 || kinds >= 3 { // a security group does not let strangers' addresses out
		f.severity, f.sure, f.blind = detect.Critical, 0.99, ""
	}
	f.facts = openedFacts(n, f.onset, of, nats)
	return f
}

// openedFacts are what tells that a filter lets more through.
func openedFacts(n *node, onset int64, of [openedGroups]int, nats [openedGroups]float64) (facts []Noted) {
	for k, words := range openedWords {
		if of[k] == 0 {
			continue
		}
		what := words.what
		if k != byDiscards {
			what = fmt.Sprintf(what, of[k])
		}
		facts = append(facts, Noted{At: at(onset), From: n.label(), What: what, Weight: round3(nats[k]), Group: words.group})
	}
	return facts
}

// discardsAlone is that nothing is discarded any more and nothing else is known.
func (s *Site) discardsAlone(n *node, nats float64) *finding {
	onset := n.filtering.lastDrop
	var weights [openedGroups]float64
	weights[byDiscards] = nats
	return &finding{
		kind: RulesFlushed, entity: n.entity("filter", ""), subject: n.subject(TypeFilter, "packet filter"), severity: detect.Info, witness: Passive, sure: 0.5, onset: onset, good: onset,
		above: n.above(), hold: second, summary: "nothing of what is tried at its instances is discarded any more", cause: "the packet filter was emptied, or its discards are told no more",
		blind: "no instance answers or refuses what is tried", facts: openedFacts(n, onset, [openedGroups]int{byDiscards: 1}, weights),
	}
}

// openedAlone tells of one instance.
func (s *Site) openedAlone(n *node, o *openedPort) {
	var of [openedGroups]int
	for k, v := range o.nats {
		if v > 0 {
			of[k] = 1
		}
	}
	sub := n.subject(TypeFilter, "packet filter of "+o.p.label())
	s.raise(n, &finding{
		kind: RulesFlushed, entity: o.p.entity(), subject: sub, severity: detect.Info, onset: o.at, witness: Passive, sure: 0.9,
		above: append([]string{n.entity("filter", "")}, n.above()...), wait: openedWait, hold: second,
		summary: "its instance gets or sends what used to be dropped", cause: "its security group was changed", facts: openedFacts(n, o.at, of, o.nats),
	})
}

// openedWait is how long what tells of one instance waits for others of its node.
const openedWait = 15 * second
