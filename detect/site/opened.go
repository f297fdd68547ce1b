package site

import (
	"math"

	"weir/detect/site/fact"
)

// Without a host agent an emptied packet filter shows in what comes through it:
// instances refuse (RST, port unreachable) or answer (SYN-ACK) what used to be
// dropped before it reached them, packets with addresses that are not theirs leave
// their ports, and what was discarded is so no more though as much is tried. Of one
// instance that is its security group; of several on one node at once it is the
// node's filter.

// refusals is how an instance answers what knocks at ports that it does not serve.
type refusals struct {
	probes, refused float64 // as a rule, halved now and then
	at              int64   // since when it refuses more than ever; 0 it does not
	now, knocks     float64 // since then
}

// Bounds of refusals.
const (
	knownProbes = 20          // from which on it is known how it answers
	openedFor   = 60 * second // in which several instances must begin to refuse
	openedTold  = 600 * second
	openedNats  = 9.0
)

// add takes what knocked and what was refused, of samples until a time.
func (r *refusals) add(at int64, probes, refused float64) {
	if r.at != 0 && at-r.at > openedTold { // that is how it is now
		r.probes, r.refused = r.probes+r.knocks, r.refused+r.now
		r.at = 0
	}
	switch {
	case r.at != 0:
		r.now, r.knocks = r.now+refused, r.knocks+probes
		return
	case refused > 0 && r.probes >= knownProbes && r.share() < 0.05:
		r.at, r.now, r.knocks = at, refused, probes
		return
	}
	r.probes, r.refused = r.probes+probes, r.refused+refused
	if r.probes > 512 {
		r.probes, r.refused = r.probes/2, r.refused/2
	}
}

func (r *refusals) share() float64 { return (r.refused + 0.5) / (r.probes + 1) }

// nats is how unlikely what it refuses now is by what it used to.
func (r *refusals) nats(now int64) float64 {
	if r.at == 0 || now-r.at > openedTold {
		return 0
	}
	return r.now * -math.Log(r.share())
}

// drops reports whether what knocks at the instance is dropped as a rule.
func (r *refusals) drops() bool { return r.probes >= knownProbes && r.share() < 0.05 }

// answering is the TCP ports at which an instance answers that was tried there in
// vain before.
type answering struct {
	ports [4]uint16
	n     int
	at    int64 // the first of them
}

// Bounds of answering: what is tried at a port that is closed, and not filtered, is
// refused; only who drops that as a rule was filtered. Of a port that answers as a
// rule as many SYN-ACK are sampled as SYN, so that first so many SYN are one in 256.
const (
	triesLeast   = 8           // SYN sampled before, at least
	triedFor     = 30 * second // since the first of them, at least
	answeredNats = 4.6         // of each port
)

// portOpened takes that an instance answers where it was tried in vain before.
func (s *Site) portOpened(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	if p == nil || f.B < triesLeast || int64(f.C) < triedFor || !p.act.refusals.drops() {
		return
	}
	a := &p.act.answering
	if a.n == 0 || f.At-a.at > openedFor {
		*a = answering{at: f.At}
	}
	a.ports[a.n%len(a.ports)] = uint16(f.A)
	a.n++
	n.dirty = true
}

func (a *answering) nats(now int64) float64 {
	if a.n == 0 || now-a.at > openedTold {
		return 0
	}
	return answeredNats * float64(min(a.n, len(a.ports)))
}

// strangers are samples of packets from an instance's port with addresses that are
// not its own.
type strangers struct {
	usual   float64 // samples ever that were let through, but for those since at; halved with those of the instance
	stopped float64 // that were not
	now     float64 // let through since at
	at      int64
}

// Bounds of strangers. That such are let through tells that nobody keeps them from
// it, and where some were dropped before, that somebody did.
const (
	strangeKnown = 100 // samples of an instance from which on it is known whose addresses it uses
	strangeNats  = 3.0 // of each
	strangeMost  = 6.0 // where none was ever seen to be dropped
	stoppedLeast = 3
)

// portStrange takes samples with addresses that are not an instance's.
func (s *Site) portStrange(n *node, f *fact.Fact) {
	p := n.ports[f.Index]
	if p == nil {
		return
	}
	x, through := &p.act.strangers, float64(f.A)
	if x.at != 0 && f.At-x.at > openedTold {
		x.usual, x.now, x.at = x.usual+x.now, 0, 0 // that is how it is now
	}
	x.stopped += float64(f.B)
	switch {
	case through == 0:
		return
	case x.at != 0:
		x.now += through
	case p.act.tx >= strangeKnown && x.usual < 0.01*p.act.tx:
		x.at, x.now = f.At, through
	default:
		x.usual += through
	}
	n.dirty = true
}

func (x *strangers) nats(now int64) float64 {
	if x.at == 0 || now-x.at > openedTold {
		return 0
	}
	if x.stopped < stoppedLeast {
		return min(strangeNats*x.now, strangeMost)
	}
	return min(strangeNats*x.now, 2*strangeMost)
}

// filtering is how much of what is tried at a node's instances is discarded, as
// samples tell.
type filtering struct {
	tries, drops rhythm
	lastDrop     int64
	tried        float64 // since then
	pending      float64 // of tries, of one time: each rhythm takes a time once
	triedAt      int64
}

// Bounds of filtering.
const (
	filteringKnown = 60 * second
	filteringLeast = 20         // tries since the last discard, at least
	filteringShare = 0.5        // of the tries that are usual
	filteringHeld  = 3 * second // exporters hold samples, and discards are told once a second
)

// try takes samples of what knocks at instances, and drop of discarded packets.
func (x *filtering) try(at int64, n float64) {
	if at > x.triedAt {
		x.tries.add(x.triedAt, x.pending)
		x.triedAt, x.pending = at, 0
	}
	x.pending += n
	x.tried += n
}

func (x *filtering) drop(at int64, n float64) {
	x.drops.add(at, n)
	x.lastDrop, x.tried = at, 0
}

// stopped is how unlikely it is that nothing was discarded for quiet ns, in nats,
// where as much is tried as ever; else 0: who tried has stopped.
func (x *filtering) stopped(quiet int64) float64 {
	if x.lastDrop == 0 || quiet < filteringHeld || x.lastDrop-x.drops.firstAt < filteringKnown || quiet > openedTold {
		return 0
	}
	if x.tried < filteringLeast || x.tried < filteringShare*x.tries.rate*float64(quiet)/1e9 {
		return 0
	}
	nats := x.drops.rate * float64(quiet-filteringHeld) / 1e9 / x.drops.usualSpread()
	return max(min(nats, weightTraffic)-openedLooks, 0)
}

// openedLooks is what it costs to look all the time, in nats.
const openedLooks = 3.5
