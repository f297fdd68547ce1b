package site

import (
	"fmt"
	"math"
	"slices"

	"weir/detect"
)

// A bridge whose samples stop all at once has lost its forwarding, or its traffic
// has ended: what tells them apart is that packets are still offered to it, or that
// instances which have nothing to do with each other stop together.
const (
	offeredLeast  = 8 // samples without a way out, at least
	offeringLeast = 2 // instances that they are of
	// The end of one talk silences two instances. As likely as one in a year of
	// 1,000 nodes, with an end every five minutes, may be that the others happen to
	// pause as well.
	restNats = 18.4
	// A poll comes with what was sampled before it.
	lately = 300 * millisecond
)

// cut raises that the samples of a bridge have stopped at once, as suspected until
// polls confirm it; false where they have not.
func (s *Site) cut(b *bridge) bool {
	n := b.node
	f := &b.flow
	if b.linux || f.refuted || n.silent {
		return false
	}
	lacks, ok := f.lacks(len(s.streams))
	if !ok {
		return false
	}
	onset := f.at
	quiet := s.quietFor(onset)
	n.next = min(n.next, s.now+max(lacks-quiet, second/4))
	if quiet < lacks {
		return false
	}
	st := b.stream(s)
	if st != nil && s.refutes(st, b, onset) {
		f.refuted = true
		return false
	}
	nats := min(f.nats(f.rate(), quiet), 99)
	facts := []Noted{{
		At: at(onset), LastGood: at(onset), Group: "traffic", From: n.label(), Weight: round3(min(nats, weightTraffic)),
		What: fmt.Sprintf("no sample has a way out for %s, before %.3g samples/s without a gap of more than %s", brief(lacks), f.rate(), brief(f.usualGap())),
	}}
	summary, sure := "", prior+min(nats, weightTraffic)
	if offering := b.offering(onset); f.offered >= max(offeredLeast, f.rate()*float64(quiet)/4e9) && offering >= offeringLeast {
		summary = "it forwards nothing any more although it is offered traffic"
		sure += weightTraffic
		facts = append(facts, Noted{
			At: at(onset), Group: "offered", From: n.label(), Weight: weightTraffic,
			What: fmt.Sprintf("%d instances go on sending, of which no packet has a way out", offering),
		})
	} else {
		v, alone := s.alone(st, b, onset)
		if !alone {
			return false
		}
		summary = "all its traffic has stopped at once, while its node goes on"
		sure += v.nats
		facts = append(facts, Noted{At: at(onset), Group: "silence", From: n.label(), What: "its node is heard as before"}, v.noted(onset))
	}
	f.told = true
	s.unreachable(b, &finding{
		kind: BridgeDown, entity: b.entity(), subject: n.subject(TypeBridge, b.name), severity: detect.Critical, onset: onset, good: onset,
		witness: Passive, above: b.above(), hold: second, confirm: math.MaxInt64, facts: facts, summary: summary, sure: probability(sure),
	})
	return true
}

// stream is what speaks for the bridge, nil while that is unknown: sub-agents are
// renumbered.
func (b *bridge) stream(s *Site) *stream {
	if b.local == nil {
		return nil
	}
	if st := s.streams[streamKey{b.local.number, b.local.sub}]; st != nil && st.bridge == b {
		return st
	}
	return nil
}

// offering is how many of its instances have sent since a time.
func (b *bridge) offering(since int64) (k int) {
	for _, p := range b.ports {
		if p.instance && !p.gone && p.act.txAt > since+lately {
			k++
		}
	}
	return k
}

// refutes reports whether polls since show that no instance's port stands still:
// samples are not taken any more, or the traffic has ended.
func (s *Site) refutes(st *stream, b *bridge, onset int64) bool {
	if st.pace.Last()-onset < 3*max(st.pace.Period(), second)+second {
		return false
	}
	for _, p := range b.ports {
		if p.instance && p.flat[1].since != 0 {
			return false
		}
	}
	return true
}

// alone reports whether a bridge has stopped alone: its own counters come no more,
// its node goes on, its instances do not depend on each other, and nobody sees
// their traffic.
func (s *Site) alone(st *stream, b *bridge, onset int64) (v view, ok bool) {
	f, n := &b.flow, b.node
	quiet := s.quietFor(onset)
	if f.offered > 0 || st != nil && st.pace.Last() > onset+lately || !f.told && f.nats(b.rest(), quiet) < restNats {
		return v, false
	}
	// Once told, that the others pause, or its ports are told of no more, is no
	// sign of its return.
	lives := f.told || slices.ContainsFunc(n.streams, func(o *stream) bool {
		return o.bridge != nil && o.bridge != b && !o.retired && o.last > onset+lately && s.quietFor(o.last) < max(o.usually(), second)*3/2
	})
	if !lives {
		return v, false
	}
	mine := func(x *seen) bool { return s.byNumber[x.number] == n }
	v = s.outside(b.macs(), onset, 0, mine)
	if quiet < settle+second && s.undecidedBy(b.macs(), onset, f.held(), mine) {
		n.next = min(n.next, s.now+second/10)
		return v, false // who still sees it will have told by then
	}
	return v, v.after == 0
}

// undecidedBy reports whether one of those who used to see traffic of addresses may
// yet tell that it goes on: each tells of an address once a second at most, and of
// what it has sampled with its next datagram. held is how long samples waited where
// they came from until a time since which there are none. It is decided sooner than
// everybody has had a second to tell, where what has come from them meanwhile would
// hold so many samples of it that chance does not explain their absence.
func (s *Site) undecidedBy(macs []uint64, since, held int64, mine func(*seen) bool) bool {
	witnesses, missing := 0, 0.0
	for _, m := range macs {
		a := s.macs[m]
		if a == nil || a.many {
			continue
		}
		for i := range a.seen {
			x := s.current(&a.seen[i])
			st := s.streams[streamKey{x.number, x.sub}]
			if st == nil || mine(x) || x.n < seenLeast || since-x.last > 60*second {
				continue
			}
			witnesses++
			late := since + min(held+max(st.usually(), second/4), settle)
			if x.last > late {
				return true // it goes on, or had waited longer than is usual: that shows
			}
			if st.gapAt > late { // what was lost may have told
				continue
			}
			missing += x.rate * float64(max(st.last-max(late, x.last+second), 0)) / 1e9
		}
	}
	// Traffic comes in bursts: half of what a Poisson process would tell.
	return witnesses > 0 && missing/2 < decided
}

// rest is how many samples a second are of its instances but the two that most
// are of.
func (b *bridge) rest() float64 {
	var rates []float64
	for _, p := range b.ports {
		if p.instance && !p.gone {
			rates = append(rates, p.act.sends.until(b.flow.at)+p.act.to.until(b.flow.at))
		}
	}
	if len(rates) < 3 {
		return 0
	}
	slices.Sort(rates)
	sum := 0.0
	for _, r := range rates[:len(rates)-2] {
		sum += r
	}
	return sum
}
