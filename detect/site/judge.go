package site

import (
	"fmt"
	"math"
	"slices"
	"time"

	"weir/detect"
	"weir/detect/site/fact"
	"weir/detect/site/silence"
)

// lookEvery is how often a node is judged without a fact that asks for it.
const lookEvery = second

// judge looks at every node with something new or something due.
func (s *Site) judge() {
	s.gathered = false
	for _, n := range s.order {
		if !n.dirty && s.now < n.next {
			continue
		}
		n.dirty, n.next = false, s.now+lookEvery
		s.judgeNode(n)
	}
	s.judgeGroups()
	s.lives()
}

// judgeNode looks at one node.
func (s *Site) judgeNode(n *node) {
	if !n.heard {
		s.judgeAbsent(n)
		return
	}
	n.waits = 0
	if len(n.streams) == 0 {
		return
	}
	s.deadlines(n)
	s.judgeSilence(n)
	if n.silent {
		return
	}
	s.senders(n)
	s.judgeSampling(n)
	for _, name := range sortedKeys(n.bridges) {
		s.judgeBridge(n.bridges[name])
	}
	for _, index := range sortedKeys(n.ports) {
		s.judgePort(n.ports[index])
	}
	s.judgeTogether(n)
	s.judgeOpened(n)
	s.judgeHost(n)
}

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
		st.deadline = d
		if st.beats && st.last > last {
			// Samples still come, but its own rhythm has stopped: told by its ports.
			last = st.last
		}
		st.silent = s.quietFor(last) > d || st.beats && s.clearly(st, last)
		if !st.silent {
			n.next = min(n.next, last+d+s.blindSince(last)+millisecond)
		}
	}
}

// clearly reports whether a stream is silent earlier than its losses allow,
// since nothing was lost meanwhile of another on the same way.
func (s *Site) clearly(st *stream, last int64) bool {
	d := st.pace.Alone(len(s.streams), &s.losses)
	if d >= st.deadline || s.quietFor(last) <= d {
		return false
	}
	for _, o := range st.node.streams {
		if u := o.usually(); o != st && !o.retired && u > 0 && o.gapAt < last && o.last > last+d-2*u && s.quietFor(o.last) < u*3/2 {
			return true
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
	n.silent = silent
	if !silent {
		n.backAt = 0
		if n.silentAt != 0 {
			n.note(s.now, n.self(), "heard again", "", "", Passive)
			n.silentAt, n.next = 0, s.now
		}
		s.clear(NodeDown, n.self(), "")
		s.clear(TelemetrySilent, n.self(), "")
		s.judgeStreams(n)
		return
	}
	if n.silentAt == 0 {
		n.silentAt = onset
		n.note(onset, n.self(), "last heard of", "", "", Passive)
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

// judgeStreams looks for single witnesses of a living node that fell silent.
func (s *Site) judgeStreams(n *node) {
	for _, st := range n.streams {
		name := st.label()
		entity := n.entity("witness", name)
		if !st.silent {
			if st.deadline > 0 {
				s.clear(TelemetrySilent, entity, "")
			}
			continue
		}
		if st.speaks == openVSwitch {
			// Sub-agents are renumbered when a bridge goes: bridges tell.
			st.retired = true
			continue
		}
		if n.stopping > s.now || n.tookOver(st) || !s.punctual(n, st) || s.mostLate() {
			continue
		}
		f := &finding{
			kind: TelemetrySilent, entity: entity, subject: n.subject(TypeWitness, name), severity: detect.Critical,
			onset: st.last, good: st.last, witness: Passive, sure: 0.999, above: n.above(), hold: 2 * second,
			summary: fmt.Sprintf("%s is silent for %s while the node goes on", name, brief(s.now-st.last)),
			cause:   "it was stopped or blocked",
			facts:   []Noted{st.missing(), n.living(s.now)},
		}
		if c := s.active(f.kind, entity); c != nil {
			f.summary = c.summary
		}
		s.raise(n, f)
	}
}

// punctual reports whether another stream of the node is heard as it should be:
// if all are late, it may be the node.
func (s *Site) punctual(n *node, st *stream) bool {
	for _, o := range n.streams {
		if o != st && !o.silent && !o.retired && s.quietFor(o.last) < max(o.usually(), second/2)*3/2 {
			return true
		}
	}
	n.next = min(n.next, s.now+second/4)
	return s.active(TelemetrySilent, n.entity("witness", st.label())) != nil
}

// mostLate reports whether most nodes are quiet for longer than usual: then it
// may be us.
func (s *Site) mostLate() bool {
	if !s.gathered {
		s.gathered = true
		s.gather()
	}
	return s.heard >= groupLeast && 2*len(s.lates) > s.heard
}

// tookOver reports whether another sender speaks for the same sub-agent since
// this one has stopped: the agent has moved.
func (n *node) tookOver(st *stream) bool {
	for _, o := range n.streams {
		if o.number != st.number && o.sub == st.sub && o.last > st.last+second {
			return true
		}
	}
	return false
}

func (st *stream) label() string {
	if st.speaks != "" && st.speaks != openVSwitch {
		return st.speaks
	}
	return "sub-agent " + itoa(uint64(st.sub))
}

// missing is the fact that a stream is silent.
func (st *stream) missing() Noted {
	return Noted{
		At: at(st.last), LastGood: at(st.last), Group: "silence", From: st.label(), Weight: weightSilent,
		What: fmt.Sprintf("nothing since; every %s as a rule, %.2g %% lost, silent after %d in a row", brief(st.pace.Period()), 100*st.pace.Loss(), max(st.misses, 1)),
	}
}

// living is the fact that something of the node is heard.
func (n *node) living(now int64) Noted {
	last := n.lastHeard()
	return Noted{At: at(last), Group: "node", What: "other telemetry of the node is heard", From: n.label(), After: brief(now-last) + " ago"}
}

// Weights of evidence, as log likelihood ratios in nats.
const (
	weightSilent   = 6.0  // beats missing beyond what loss explains
	weightTraffic  = 13.8 // at most, of traffic that is no longer seen
	weightPortDown = 9.0
	prior          = -11.5 // of any condition at any time
	enough         = 4.6   // log odds of 0.99
	decided        = 6.9   // log odds of 0.999, between two explanations
)

// view is what others see of some addresses.
type view struct {
	known bool    // they used to be seen
	rate  float64 // samples a second before
	nats  float64 // for: their traffic has stopped
	after int64   // last seen after it all began; 0 never
	where string
	who   uint64
}

// settle is how much later than a packet its sample may arrive: exporters
// gather samples for a second.
const settle = 1500 * millisecond

// outside returns what streams other than those of mine see of addresses since
// a time.
func (s *Site) outside(macs []uint64, since int64, mine func(*seen) bool) view {
	var v view
	for _, m := range macs {
		a := s.macs[m]
		if a == nil || a.many {
			continue
		}
		for i := range a.seen {
			x := &a.seen[i]
			st := s.streams[streamKey{x.number, x.sub}]
			if st == nil || mine(x) {
				continue
			}
			if x.last > since+settle {
				v.known = true
				if x.last > v.after {
					v.after, v.who = x.last, m
					v.where = st.node.label()
					if p := st.node.ports[x.input]; p != nil {
						v.where += " " + p.label()
					}
				}
				continue
			}
			if st.last < since+settle || x.n < 5 || since-x.last > int64(60e9) {
				continue // that witness is silent too, or has not seen it lately
			}
			v.known = true
			v.rate += x.rate
		}
	}
	// Traffic comes in bursts: half of what a Poisson process would tell.
	if t := float64(s.quietFor(since+settle)) / 1e9; v.after == 0 && t > 0 {
		v.nats = min(v.rate*t/2, weightTraffic)
	}
	return v
}

// noted is the view as a fact.
func (v *view) noted(since int64) Noted {
	switch {
	case v.after != 0:
		return Noted{At: at(v.after), Group: "neighbour", From: v.where, What: "its traffic is still seen, from " + fact.UnpackMAC(v.who).String()}
	case v.rate > 0:
		return Noted{At: at(since), Group: "neighbour", What: fmt.Sprintf("its traffic is seen nowhere any more, before %.3g samples/s", v.rate), Weight: v.nats}
	}
	return Noted{At: at(since), Group: "neighbour", What: "nobody else sees its traffic"}
}

// Times of decisions about silence.
const (
	undecided   = 20 * second // for so long a view may grow clear
	unseenAfter = 3 * second  // the same where nobody ever saw it
	pageSilent  = 60 * second
)

// neighbours is what others see of a node's traffic since a time.
func (s *Site) neighbours(n *node, since int64) view {
	macs := slices.Clone(n.own)
	for _, index := range sortedKeys(n.ports) {
		if p := n.ports[index]; p.instance {
			macs = append(macs, p.macs...)
		}
	}
	return s.outside(macs, since, func(x *seen) bool { return s.byNumber[x.number] == n })
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
		if st.retired || !st.beats || st.deadline == 0 || onset > st.last+2*period+second {
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

// nodeSilent decides what the silence of a node means.
func (s *Site) nodeSilent(n *node, onset int64, misses int) {
	v := s.neighbours(n, onset)
	portDown := n.switchPort != nil && n.switchPort.counted && !n.switchPort.up() && !n.switchPort.gone && n.switchPort.changed > onset-60*second
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
	case v.after != 0:
		f.severity, f.sure, f.confirm = detect.Critical, 0.999, 0
		f.summary = "silent while its traffic is still seen at " + v.where
		f.cause = "the agents were stopped, or their way here is blocked"
		s.drop(NodeDown, n.self(), "")
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
		s.drop(TelemetrySilent, n.self(), "")
	case s.active(NodeDown, n.self()) != nil:
		return // what it was decided on grows old
	case v.known && s.quietFor(onset) < undecided+s.bound(n):
		return // the view grows clear
	case s.quietFor(onset) < unseenAfter+s.bound(n):
		return
	default:
		f.severity, f.confirm, f.sure = detect.Warning, pageSilent, 0.99
		f.summary = "silent"
		f.blind = "nobody else sees its traffic: whether it is down cannot be told"
	}
	if late, _ := s.late(onset); late >= groupLeast && s.quietFor(onset) < s.bound(n)+groupWait {
		f.wait = groupWait
	}
	s.raise(n, f)
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

func probability(logOdds float64) float64 { return 1 / (1 + math.Exp(-logOdds)) }

// brief writes a length of time in ns as people do: 3.2s, 450ms.
func brief(ns int64) string {
	d := time.Duration(ns)
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
