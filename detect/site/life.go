package site

import (
	"cmp"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// crashReason reports libvirt's words for an end that nobody asked for.
func crashReason(r string) bool { return r == "crashed" || r == "failed" || r == "panicked" }

// askedReason reports libvirt's words for an end that somebody asked for.
func askedReason(r string) bool {
	return r == "shutdown" || r == "destroyed" || r == "migrated" || r == "saved"
}

// How long what happened to an instance waits for what may follow.
const (
	// The end that somebody asked for: for the start of a hard reboot or a resize,
	// an arrival elsewhere, a deletion.
	waitPlanned = 15 * second
	// The end of a process: for libvirt's word, which follows within 0.3 s where the
	// process is reaped at once. Of one that was killed as libvirt kills what has not
	// obeyed for ten seconds, and of one of which the kernel does not say how it ended.
	waitKilled = 400 * millisecond
	waitWord   = 650 * millisecond
	// A pause: for the reason, that it was for a snapshot, or for its end.
	waitPause = 600 * millisecond
	// For so long a state that libvirt told before is not believed.
	exitedFor = 30 * second
)

// instanceEvent takes an event of an instance.
func (s *Site) instanceEvent(n *node, f *fact.Fact, name, uuid string) {
	d := f.Detail
	i := s.instance(uuid)
	if i == nil || uuid == "" {
		return
	}
	switch name {
	case witness.InstanceStarted, witness.InstanceResumed, witness.InstanceMigratedIn, witness.InstanceRebooted:
		s.begun(i, n, f, name)
		return
	}
	if i.node == nil {
		s.name(i, n, d)
	}
	if i.node != n {
		switch {
		case name == witness.InstanceCrashed, name == witness.InstanceExited && killed(d):
			s.settled(i, n) // it cannot have been elsewhere
			i.place(n)
		default:
			return // it has moved, and this is how it left
		}
	}
	i.names(d)
	entity, reason := i.entity(), d.Text(witness.Reason)
	switch name {
	case witness.InstanceUndefined, witness.InstanceMigratedOut:
		i.leaving, i.state, i.exited = f.At, "shutoff", 0
		s.drop(InstanceStopped, entity, ReasonGone)
		s.drop(InstanceUnreachable, entity, ReasonGone)
	case witness.InstancePaused:
		s.instanceState(i, "paused", reason, f.At, Agent)
	case witness.InstanceExited:
		s.exited(i, d, f.At)
	case witness.InstanceCrashed:
		s.crash(i, reason, f.At)
	case witness.InstanceStopped:
		s.stopped1(i, reason, f.At)
	}
}

// begun takes that an instance runs, whatever was before.
func (s *Site) begun(i *instance, n *node, f *fact.Fact, name string) {
	if name == witness.InstanceMigratedIn || i.node == nil {
		s.name(i, n, f.Detail)
	}
	i.names(f.Detail)
	if name == witness.InstanceStarted {
		i.started, i.spoke, i.asks = f.At, false, 0
	}
	if i.node != n && i.node != nil {
		s.settled(i, n)
		i.place(n)
	}
	i.leaving, i.state, i.reason, i.since, i.exited = 0, "running", "", f.At, 0
	s.drop(InstanceStopped, i.entity(), "")
}

// names takes how an instance is called.
func (i *instance) names(d *fact.Detail) {
	i.name = cmp.Or(d.Text(witness.NovaName), i.name)
	i.domain = cmp.Or(d.Text(witness.Name), i.domain)
	i.owned(d)
}

// killed reports whether a process was ended by a signal, or has given up itself.
func killed(d *fact.Detail) bool {
	status, _ := d.Uint(witness.Status)
	return d.Text(witness.Signal) != "" || status != 0
}

// exited takes that an instance's process has ended. That is told at once where
// nobody can have asked for it; else libvirt's word is waited for, which follows.
func (s *Site) exited(i *instance, d *fact.Detail, ns int64) {
	signal := d.Text(witness.Signal)
	status, known := d.Uint(witness.Status)
	switch {
	case i.exited != 0 && signal == "" && !known: // told already
		return
	case i.exited == 0 && !i.runs(): // libvirt has told, or it is on its way
		return
	}
	i.exited, i.state, i.reason, i.since = ns, "exited", "", ns
	f := i.stopFinding(ns, Agent)
	switch {
	case signal == "SIGKILL":
		f.severity, f.summary, f.cause, f.wait = detect.Warning, "crashed", "its process was killed by SIGKILL", waitKilled
	case signal != "":
		f.severity, f.summary, f.cause = detect.Warning, "crashed", "its process was killed by "+signal
	case known && status != 0:
		f.severity, f.summary, f.cause = detect.Warning, "crashed", "its process ended with status "+itoa(status)
	case known, d.Text(witness.Cause) != "":
		f.summary, f.wait = "stopped", waitPlanned
	default:
		f.severity, f.summary, f.wait = detect.Warning, "its process has ended, and libvirt does not say why", waitWord
	}
	if c := s.active(f.kind, f.entity); c != nil && (!c.open || f.severity == detect.Info) {
		s.drop(f.kind, f.entity, "") // that it was paused, or its end before it was known how
	}
	s.raise(i.node, f)
}

// crash takes libvirt's word that an instance ended without being asked to.
func (s *Site) crash(i *instance, reason string, ns int64) {
	i.state, i.reason, i.since, i.exited = "crashed", reason, ns, 0
	if i.node == nil {
		return
	}
	if c := s.active(InstanceStopped, i.entity()); c != nil && !c.open {
		s.drop(InstanceStopped, i.entity(), "") // it was taken for a stop
	}
	s.crashed(i, ns, reason, Agent)
}

// stopped1 takes libvirt's word that an instance was stopped.
func (s *Site) stopped1(i *instance, reason string, ns int64) {
	switch {
	case crashReason(reason):
		s.crash(i, reason, ns)
		return
	case reason == "migrated", reason == "saved":
		i.leaving = ns
	}
	entity := i.entity()
	if i.exited != 0 && askedReason(reason) {
		s.drop(InstanceStopped, entity, "somebody asked for it: "+reason)
	}
	i.state, i.reason, i.since, i.exited = "shutoff", reason, ns, 0
	if i.node == nil || i.leaving != 0 || s.active(InstanceStopped, entity) != nil {
		return
	}
	f := i.stopFinding(ns, Agent)
	f.summary, f.wait = "stopped", waitPlanned
	if reason != "" {
		f.cause = reason
	}
	s.raise(i.node, f)
}
