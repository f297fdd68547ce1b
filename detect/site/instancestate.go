package site

import (
	"weir/decoder/sflow"
	"weir/detect"
	"weir/detect/site/fact"
)

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
	if i.state == state && i.reason == reason || i.exited != 0 && at-i.exited < exitedFor && lives(state) {
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
	i.node.noteSince(s.before, at, i.entity(), "instance "+i.label()+" is "+state, was, state, witness)
	switch state {
	case "crashed":
		s.crashed(i, at, reason, witness)
	case "running", "blocked":
		i.leaving = 0
		s.clear(InstanceStopped, i.entity(), "")
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
		if c := s.active(InstanceStopped, i.entity()); c != nil && !c.open {
			s.drop(InstanceStopped, i.entity(), "") // it was taken for a pause
		}
		return
	}
	f := i.stopFinding(at, witness)
	f.severity, f.summary, f.wait = detect.Info, "paused", waitPause
	if reason != "" {
		f.cause = reason
	}
	if reason == "ioerror" || reason == "watchdog" || reason == "crashed" {
		f.severity, f.wait = detect.Warning, 0
	}
	s.raise(i.node, f)
}

func (i *instance) stopFinding(ns int64, witness string) *finding {
	sub := i.node.subject(TypeInstance, i.label())
	sub.UUID, sub.Project = i.uuid, i.project
	return &finding{
		kind: InstanceStopped, entity: i.entity(), subject: sub, severity: detect.Info, onset: ns, witness: witness,
		sure: 0.999, above: i.node.above(), hold: second,
		facts: []Noted{{At: at(ns), Group: "state", From: i.node.label(), What: "state of the virtual machine", After: i.state}},
	}
}
