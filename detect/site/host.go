package site

import (
	"fmt"

	"weir/decoder/sflow"
	"weir/detect"
	"weir/detect/site/fact"
)

// restarted notes that a sub-agent began anew, by its uptime.
func (s *Site) restarted(st *stream, at int64, uptime uint32) {
	n := st.node
	n.note(at, n.self(), "the agent of "+st.label()+" restarted", brief(int64(st.uptime)*millisecond), brief(int64(uptime)*millisecond), Passive)
}

// rebooted tells that a host began anew.
func (s *Site) rebooted(n *node, at int64, uptime int64, what, before, after, witness string) {
	n.bootedAt = at
	f := &finding{
		kind: HostRestarted, entity: n.self(), subject: n.subject(TypeNode, ""), severity: detect.Warning, onset: at, witness: witness,
		sure: 0.999, above: n.above()[1:], event: true, summary: "restarted " + brief(uptime*second) + " ago, unannounced",
		facts: []Noted{{At: when(at), Group: "host", From: n.label(), What: what, Before: before, After: after}},
	}
	if n.stopping > at-15*60*second && n.stopping != 0 {
		f.severity, f.summary, f.cause = detect.Info, "restarted "+brief(uptime*second)+" ago, as announced", n.why
	}
	s.raise(n, f)
}

// hostGone notes that a host or virtual machine is described no more.
func (s *Site) hostGone(n *node, h *host, at int64) {
	if !h.parent && h.src.Class != sflow.ClassLogical {
		return // the node itself: its silence is judged by its pace
	}
	n.note(at, "instance/"+h.uuid, "virtual machine "+h.name+" is told of no more", "", "", Passive)
	n.dirty = true
	if i := s.insts[h.uuid]; i != nil && i.node == n {
		s.vanished(i)
	}
}

// vanished tells of an instance that is told of no more, nor its ports, where no
// host agent says why: it was deleted, stopped or moved, which by itself is no
// alarm.
func (s *Site) vanished(i *instance) {
	n := i.node
	if i.host == nil || !i.host.gone || i.unseen || i.leaving != 0 || n.agentSpeaks(s.now) {
		return
	}
	for _, p := range i.ports {
		if !p.gone {
			return
		}
	}
	i.unseen = true
	f := i.stopFinding(s.now, Passive)
	f.summary, f.event, f.wait = "is told of no more, and its ports are gone: stopped, deleted or moved", true, waitPlanned
	s.raise(n, f)
}

// virtStates are the words for the states of virt_cpu.
var virtStates = [...]string{"nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended"}

func virtStateText(v uint64) string {
	if v < uint64(len(virtStates)) {
		return virtStates[v]
	}
	return itoa(v)
}

// virtState takes the state of a virtual machine from its counters.
func (s *Site) virtState(n *node, f *fact.Fact) {
	h := n.hosts[sflow.DataSource{Class: uint32(f.C), Index: f.Index}]
	if h == nil || h.uuid == "" {
		return
	}
	i := s.meet(n, h)
	if i == nil {
		return
	}
	s.instanceState(i, virtStateText(f.A), "", f.At, Passive)
}

// instanceState takes an instance's state from any witness.
func (s *Site) instanceState(i *instance, state, reason string, at int64, witness string) {
	if i.state == state && i.reason == reason {
		return
	}
	was := i.state
	i.state, i.reason, i.since = state, reason, at
	if i.node == nil {
		return
	}
	i.node.dirty = true
	if was == "" {
		return
	}
	i.node.note(at, "instance/"+i.uuid, "instance "+i.label()+" is "+state, was, state, witness)
	switch state {
	case "crashed":
		s.crashed(i, at, reason, witness)
	case "running", "blocked":
		i.leaving = 0
		s.clear(InstanceStopped, "instance/"+i.uuid, "")
	case "paused":
		s.paused(i, at, reason, witness)
	}
}

// crashed tells that an instance ended without being asked to.
func (s *Site) crashed(i *instance, at int64, reason, witness string) {
	f := i.stopFinding(at, witness)
	f.severity, f.summary = detect.Warning, "crashed"
	if reason != "" {
		f.cause = reason
	}
	s.raise(i.node, f)
}

// paused tells that an instance stands still; migrations pause for a moment.
func (s *Site) paused(i *instance, at int64, reason, witness string) {
	switch reason {
	case "migrated", "migrating", "post-copy", "saving", "dumping", "from-snapshot", "snapshot", "shutting-down", "starting":
		i.leaving = at // or back in a moment
	}
	if i.leaving != 0 {
		return
	}
	f := i.stopFinding(at, witness)
	f.severity, f.summary, f.wait = detect.Info, "paused", 5*second
	if reason != "" {
		f.cause = reason
	}
	if reason == "ioerror" || reason == "watchdog" || reason == "crashed" {
		f.severity = detect.Warning
	}
	s.raise(i.node, f)
}

func (i *instance) stopFinding(ns int64, witness string) *finding {
	sub := i.node.subject(TypeInstance, i.label())
	sub.UUID, sub.Project = i.uuid, i.project
	return &finding{
		kind: InstanceStopped, entity: "instance/" + i.uuid, subject: sub, severity: detect.Info, onset: ns, witness: witness,
		sure: 0.999, above: i.node.above(), hold: second,
		facts: []Noted{{At: at(ns), Group: "state", From: i.node.label(), What: "state of the virtual machine", After: i.state}},
	}
}

var loadNames = [...]string{fact.LoadCPU: "CPU", fact.LoadMemory: "memory", fact.LoadDisk: "disk", fact.LoadSteal: "stolen CPU"}

// load takes that a host's load passed a mark.
func (s *Site) load(n *node, f *fact.Fact) {
	if uint32(f.C>>32) == sflow.ClassLogical || int(f.Index) >= len(loadNames) {
		return
	}
	name := loadNames[f.Index]
	entity := n.entity("load", name)
	n.note(f.At, entity, "load of "+name, "", fmt.Sprintf("%.1f %%", float64(f.B)/10), Passive)
	if f.A == 0 {
		s.clear(HostOverloaded, entity, "")
		return
	}
	sub := n.subject(TypeNode, name)
	s.raise(n, &finding{
		kind: HostOverloaded, entity: entity, subject: sub, severity: detect.Warning, onset: f.At, witness: Passive, sure: 0.99, above: n.above(),
		hold: 5 * second, summary: fmt.Sprintf("%s at %.1f %% for three polls", name, float64(f.B)/10),
		facts: []Noted{{At: at(f.At), Group: "host", From: n.label(), What: name, After: fmt.Sprintf("%.1f %%", float64(f.B)/10)}},
	})
}

// Rates of errors and discards from which on they are told, and for how long
// they must be.
const (
	errorsMark  = 1.0  // a second
	dropsMark   = 20.0 // sampled discards a second, and four times what is usual
	sustained   = 10 * second
	baselineFor = 600e9 // ns
)

// errorRate follows the errors of an interface.
type errorRate struct {
	at, since int64
	rate      float64 // errors a second in the last poll
}

func (e *errorRate) add(at int64, errs, _, ms uint64) {
	e.rate = float64(errs) * 1000 / float64(max(ms, 1))
	switch {
	case e.rate < errorsMark:
		e.since = 0
	case e.since == 0:
		e.since = at - int64(ms)*millisecond
	}
	e.at = at
}

// judgeErrors tells of interfaces with errors.
func (s *Site) judgeErrors(p *port) {
	e := &p.errs
	entity := p.entity()
	if e.since == 0 || s.now-e.at > 3*s.pollOf(p)+sustained {
		s.clear(InterfaceErrors, entity, "")
		return
	}
	if e.at-e.since < sustained {
		return
	}
	f := &finding{
		kind: InterfaceErrors, entity: entity, subject: p.node.subject(TypeInterface, p.label()), severity: detect.Warning, onset: e.since,
		witness: Passive, sure: 0.99, above: p.above(), hold: 30 * second, summary: "errors on every poll, more than one a second",
		facts: []Noted{{At: at(e.since), Group: "counters", From: p.node.label(), What: fmt.Sprintf("%.3g errors/s", e.rate)}},
	}
	f.subject.IfIndex = p.index
	s.raise(p.node, f)
}

// discardRate follows the sampled discards of a node.
type discardRate struct {
	at, first int64
	rate      float64 // a second, smoothed over ten seconds
	usual     float64 // smoothed over ten minutes
	reason    uint32
	high      int64 // since when it is high
}

func (d *discardRate) add(at int64, n uint64, reason uint32) {
	if d.at == 0 {
		d.at, d.first = at, at
	}
	dt := float64(at - d.at)
	d.at, d.reason = at, reason
	if dt <= 0 {
		return
	}
	now := float64(n) / (dt / 1e9)
	d.rate += (now - d.rate) * min(dt/10e9, 1)
	if d.high == 0 {
		d.usual += (now - d.usual) * min(dt/baselineFor, 1)
	}
	if d.rate > dropsMark && d.rate > 4*d.usual {
		if d.high == 0 {
			d.high = at
		}
	} else if d.rate < dropsMark/2 || d.rate < 2*d.usual {
		d.high = 0
	}
}

// judgeHost tells what is left about a node as a whole.
func (s *Site) judgeHost(n *node) {
	d := &n.discards
	switch {
	case d.high == 0 || s.now-d.at > 10*second:
		if d.high != 0 {
			d.high, d.rate = 0, 0
		}
		s.clear(DropsRising, n.self(), "")
	case s.now-d.high >= 2*second:
		s.raise(n, &finding{
			kind: DropsRising, entity: n.self(), subject: n.subject(TypeNode, ""), severity: detect.Warning, onset: d.high, witness: Passive,
			sure: 0.99, above: n.above(), hold: 10 * second, cause: sflow.DropReasonName(d.reason),
			summary: "discards packets, far more than it used to",
			facts:   []Noted{{At: at(d.high), Group: "discards", From: n.label(), What: "sampled discards", Before: fmt.Sprintf("%.3g/s", d.usual), After: fmt.Sprintf("%.3g/s", d.rate)}},
		})
	}
	s.judgeSaid(n)
}
