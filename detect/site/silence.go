package site

import (
	"fmt"
	"math"
	"strings"

	"weir/detect"
	"weir/detect/site/silence"
)

// deadlines finds out which streams of a node are silent.
func (s *Site) deadlines(n *node) {
	for _, st := range n.streams {
		st.silent = false
		if st.retired {
			continue
		}
		last, d, ok := st.pace.Last(), int64(0), false
		if st.beats {
			d, st.misses, ok = st.pace.Deadline(len(s.streams), &s.losses)
		} else if st.samples {
			last = st.last
			d, ok = st.traffic.TrafficDeadline(len(s.streams))
		}
		st.deadline = 0
		if !ok {
			continue
		}
		if st.patience != 0 {
			d = max(d, st.patience)
		}
		if st.kept {
			d += keptGrace
		}
		st.deadline = d
		if st.beats && st.last > last {
			// Samples still come, but its own rhythm has stopped: told by its ports.
			last = st.last
		}
		st.silent = s.quietFor(last) > d || st.beats && !st.kept && s.clearly(st, last)
		if !st.silent {
			n.next = min(n.next, last+d+s.blindSince(last)+millisecond)
		}
	}
}

// clearly reports whether a stream is silent earlier than its losses allow,
// since nothing was lost meanwhile of another on the same way.
func (s *Site) clearly(st *stream, last int64) bool {
	d := st.pace.Alone(&st.traffic, len(s.streams), &s.losses)
	if d >= st.deadline || s.quietFor(last) <= d || st.patience != 0 {
		return false
	}
	for _, o := range st.node.streams {
		u := o.usually()
		if o == st || o.retired || u == 0 || o.last <= last+d-2*u || s.quietFor(o.last) >= u*3/2 {
			continue
		}
		switch {
		case o.gapAt < last:
			return true
		case o.gapFor < st.pace.Period() && s.quietFor(last) > d+st.pace.Period():
			return true // what took a run of the other's took one beat of this at most
		}
	}
	return false
}

// judgeSilence tells whether the node, or one that speaks for it, is silent,
// and what that means.
func (s *Site) judgeSilence(n *node) {
	silent, onset, misses := s.fallen(n)
	if !silent {
		silent, onset, misses = s.fallenEarly(n)
	}
	if !silent {
		silent, onset = s.fallenWith(n)
	}
	if !silent {
		silent, onset, misses = s.fallenUnder(n)
	}
	if silent && !n.silent && s.undue(n) {
		return
	}
	n.silent = silent
	if !silent {
		n.backAt = 0
		if n.silentAt != 0 {
			n.note(s.now, n.self(), "heard again", "", "", Passive)
			n.silentAt, n.next = 0, s.now
		}
		s.clear(NodeDown, n.self(), "")
		s.clear(TelemetrySilent, n.self(), "")
		s.guestsUp(n)
		s.judgeStreams(n)
		return
	}
	if n.silentAt == 0 {
		n.silentAt = onset
		n.noteSince(onset, s.now, n.self(), "nothing is heard of it", "", "", Passive)
	}
	n.next = s.now // the view of others changes all the time
	if n.stopping > s.now {
		return // it said that it would stop, and why
	}
	s.mostLate()
	if s.deaf(onset) {
		return // it is us
	}
	s.nodeSilent(n, onset, misses)
}

// fallen reports whether nothing at all is heard of the node any more: one of
// its streams has passed its deadline, and no other is heard as it used to be.
func (s *Site) fallen(n *node) (silent bool, onset int64, misses int) {
	var first *stream
	for _, st := range n.streams {
		if st.silent && (first == nil || st.last+st.deadline < first.last+first.deadline) {
			first = st
		}
	}
	if first == nil {
		return false, 0, 0
	}
	period := first.pace.Period()
	for _, st := range n.streams {
		onset = max(onset, st.last)
		if st.silent || st.last <= first.last+period {
			continue
		}
		// Or it was heard a little longer, since one beat was lost before.
		if st.last > first.last+2*period+second || s.quietFor(st.last) < 4*st.usually() {
			return false, 0, 0
		}
	}
	return true, onset, first.misses
}

// fallenEarly is fallen for a node of which several streams have stopped, or
// whose traffic is no longer seen elsewhere either: together they say sooner what
// each does alone, above all where datagrams are lost in runs.
func (s *Site) fallenEarly(n *node) (silent bool, onset int64, misses int) {
	for _, st := range n.streams {
		onset = max(onset, st.last)
	}
	lacks := math.Inf(1)
	for _, st := range n.streams {
		period := st.pace.Period()
		if st.retired || !st.beats || st.deadline == 0 || st.patience != 0 || onset > st.last+2*period+second {
			continue
		}
		// What was heard later shows that the way was open until then.
		m, l, each := st.pace.Lacks(s.quietFor(max(st.last, onset-period)), len(s.streams), &s.losses)
		if m < silence.MinMisses {
			continue
		}
		for _, o := range n.streams {
			if u := o.usually(); o != st && !o.retired && u > 0 {
				l -= each * float64(s.quietFor(max(o.last, onset-u))/u)
			}
		}
		if l < lacks {
			lacks, misses = l, m
		}
	}
	if misses == 0 {
		return false, 0, 0
	}
	n.next = s.now
	if lacks <= 0 {
		return true, onset, misses
	}
	v := s.neighbours(n, onset)
	return v.after == 0 && v.nats >= max(lacks, decided), onset, misses
}

// Times of decisions about silence.
const (
	undecided   = 20 * second // for so long a view may grow clear
	unseenAfter = 3 * second  // the same where nobody ever saw it
	pageSilent  = 60 * second
)

// nodeSilent decides what the silence of a node means.
func (s *Site) nodeSilent(n *node, onset int64, misses int) {
	v := s.neighbours(n, onset)
	portDown := n.unplugged(onset)
	under, _, _ := s.fallenUnder(n)
	silent := Noted{
		At: at(onset), LastGood: at(onset), Group: "silence", From: n.label(), Weight: weightSilent,
		What: fmt.Sprintf("nothing since; %d beats in a row missing, more than loss explains", max(misses, 1)),
	}
	f := &finding{
		kind: TelemetrySilent, entity: n.self(), subject: n.subject(TypeNode, ""), onset: onset, good: onset,
		witness: Passive, facts: []Noted{silent, v.noted(onset)}, above: s.aboveSilent(n, onset), hold: 2 * second,
	}
	switch {
	case v.after != 0 && s.returning(&n.backAt, NodeDown, n.self()):
		return
	case v.after != 0 && !v.lull:
		f.severity, f.sure, f.confirm = detect.Critical, 0.999, 0
		f.summary = "silent while its traffic is still seen at " + v.where
		f.cause = "the agents were stopped, or their way here is blocked" + n.stalls()
		s.guestsUp(n)
	case portDown || v.nats >= decided:
		f.kind, f.severity = NodeDown, detect.Critical
		f.sure = probability(prior + weightSilent + v.nats + weightPortDown)
		f.summary = "silent, and its traffic is seen no more"
		if portDown {
			f.summary = "silent, and the port it is attached to, " + n.switchPort.label() + " on " + n.switchPort.node.label() + ", is down"
			f.facts = append(f.facts, Noted{At: at(n.switchPort.changed), Group: "port", From: n.switchPort.node.label(), What: "status of " + n.switchPort.label(), Before: "up", After: statusText(n.switchPort.status), Weight: weightPortDown})
		}
		if k := n.running(); k > 0 {
			f.summary += fmt.Sprintf("; instances on it: %d", k)
		}
	case s.takesAlong(n, onset, f):
	case s.active(NodeDown, n.self()) != nil:
		return // what it was decided on grows old
	case v.lull && s.active(TelemetrySilent, n.self()) != nil: // the same: while its traffic was seen
		s.holdForSwitch(n, s.active(TelemetrySilent, n.self()))
		return
	case !under && (v.clears() || s.mayFall(n, onset)) && s.quietFor(onset) < undecided+s.bound(n):
		return // the view grows clear
	case !under && s.quietFor(onset) < unseenAfter+s.bound(n):
		return
	default:
		f.severity, f.confirm, f.sure = detect.Warning, pageSilent, 0.99
		f.summary, f.cause = "silent", strings.TrimPrefix(n.stalls(), ", or ")
		f.blind = "nobody else sees its traffic: whether it is down cannot be told"
	}
	if late, _ := s.late(onset); late >= groupLeast {
		switch {
		case f.taken > 0 && late-f.taken < groupLeast-1 && s.missesBeats(n): // it is the cause of all of them
		case s.quietFor(onset) < s.bound(n)+groupWait:
			f.wait = groupWait
		case f.severity == detect.Warning:
			f.wait = second // all wait as long, each from its own last word: the others follow
		}
	}
	f.wait = max(f.wait, s.waitForSwitch(n, &v))
	fresh := f.kind == NodeDown && s.active(NodeDown, n.self()) == nil
	s.holdForSwitch(n, s.retell(n, f))
	if fresh {
		s.guestsDown(n, f)
	}
}

// retell raises f of a silent node, in place of what its silence was taken for: at
// once where that was told, and in its incident.
func (s *Site) retell(n *node, f *finding) *condition {
	was := TelemetrySilent
	if f.kind == TelemetrySilent {
		was = NodeDown
	}
	before, id := s.active(was, n.self()), ""
	if before != nil && before.open {
		id, f.wait = s.board.Find(conditionKey(was, n.self())).Incident, 0
	}
	if f.kind == TelemetrySilent { // of the two the graver explains the other
		s.drop(NodeDown, n.self(), "")
	}
	c := s.raise(n, f)
	if it := s.board.Find(conditionKey(f.kind, f.entity)); it.Incident == "" {
		it.Incident = id
	}
	s.drop(was, n.self(), "")
	return c
}

// stalls is a cause of silence that is none of others: hsflowd stops as soon as an
// interface that it takes samples from by pcap is switched off, until it is on
// again and has a packet. It is empty where somebody else speaks for the node too.
func (n *node) stalls() string {
	for _, st := range n.streams {
		if st.speaks != hsflowd {
			return ""
		}
	}
	return ", or an interface that hsflowd takes samples from was switched off: a bridge or a NIC"
}

// comesBack is for how long what was down may send traffic again before it speaks
// itself.
const comesBack = 5 * second

// returning reports whether traffic that is seen again of what was told to be
// down is its return: its own telemetry follows. since is when that began.
func (s *Site) returning(since *int64, kind detect.Kind, entity string) bool {
	if c := s.active(kind, entity); c != nil && c.open && *since == 0 {
		*since = s.now
	}
	return *since != 0 && s.now-*since < comesBack
}

// running is how many instances ran on the node.
func (n *node) running() (k int) {
	for _, i := range n.insts {
		if i.runs() {
			k++
		}
	}
	return k
}

// bound is how long the silence of a node takes to be found.
func (s *Site) bound(n *node) int64 {
	d := int64(math.MaxInt64)
	for _, st := range n.streams {
		if st.deadline > 0 && !st.retired {
			d = min(d, st.deadline)
		}
	}
	if d == math.MaxInt64 {
		return 6 * second
	}
	return d
}
