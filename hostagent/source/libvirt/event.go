package libvirt

import (
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// told is something that happened to a domain.
type told struct {
	name   string // of the event
	d      *domain
	reason string // libvirt's word
	cause  string
	exit   exit // of instance_exited
}

// States by which a domain's life is followed.
const (
	running    = int32(golibvirt.DomainRunning)
	paused     = int32(golibvirt.DomainPaused)
	shutoff    = int32(golibvirt.DomainShutoff)
	crashed    = int32(golibvirt.DomainCrashed)
	pmsuspends = int32(golibvirt.DomainPmsuspended)
)

// oneReboot is how long further messages are of the same reboot: firmware resets
// the machine more than once.
const oneReboot = 3 * time.Second

// maxWaiting is how long an event waits for its domain's XML, which takes a
// millisecond or two.
const maxWaiting = 30 * time.Millisecond

// Why it was not told at once.
const (
	missedCause = "found when libvirt came back"
	unsaidCause = "libvirt lists it and sent no event"
)

// happened takes a message of libvirt's and tells it. It reports whether a domain
// has a process now that it had not.
func (s *Source) happened(m any, sink source.Sink) (began bool) {
	s.mu.Lock()
	var events []told
	switch m := m.(type) {
	case *golibvirt.DomainEventCallbackLifecycleMsg:
		events = s.table.lifecycle(m.Msg)
	case *golibvirt.DomainEventCallbackRebootMsg:
		if d := s.table.get(m.Msg.Dom); d != nil && !d.rebooting {
			events = []told{{name: witness.InstanceRebooted, d: d}}
			d.rebooting = true
			time.AfterFunc(oneReboot, func() { s.rebooted(d) })
		}
	case *golibvirt.DomainEventCallbackMetadataChangeMsg:
		if d := s.table.get(m.Dom); d != nil {
			s.table.describe(d)
		}
	}
	s.mu.Unlock()
	for _, e := range events {
		began = began || e.name == witness.InstanceStarted || e.name == witness.InstanceMigratedIn
		s.tell(e, sink)
	}
	return began
}

// exited takes that a domain's process has ended, of which libvirt has not told
// yet.
func (s *Source) exited(u golibvirt.UUID, how exit, sink source.Sink) {
	s.mu.Lock()
	d := s.table.domains[u]
	if d == nil || !alive(d.life) {
		s.mu.Unlock()
		return
	}
	d.exited = true
	e := told{name: witness.InstanceExited, d: d, cause: d.cause, exit: how}
	if e.cause == "" && d.state == paused && d.reason == int32(golibvirt.DomainPausedMigration) {
		e.cause = "migrating"
	}
	s.mu.Unlock()
	s.tell(e, sink)
}

// tell tells an event, that of a domain whose XML is not read yet a moment later:
// its name in the cloud is then in it.
func (s *Source) tell(e told, sink source.Sink) {
	d := e.d
	s.mu.Lock()
	d.waiting = append(d.waiting, e)
	now := d.known || d.err != nil || d.removed
	if !now && len(d.waiting) == 1 {
		time.AfterFunc(maxWaiting, func() { s.release(d, sink) })
	}
	s.mu.Unlock()
	if now {
		s.release(d, sink)
	}
}

// release tells what waits of a domain, in its order.
func (s *Source) release(d *domain, sink source.Sink) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.mu.Lock()
	events := d.waiting
	d.waiting = nil
	s.mu.Unlock()
	for _, e := range events {
		s.emit(sink, e)
	}
}

func (s *Source) rebooted(d *domain) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.rebooting = false
}

// lifecycle takes one lifecycle message: what it changes, and what is to be told
// of it. libvirt sends RESUMED before STARTED and SHUTDOWN before STOPPED; a
// message that changes nothing was told already, by a list.
func (t *table) lifecycle(m golibvirt.DomainEventLifecycleMsg) []told {
	d := t.get(m.Dom)
	if d == nil {
		return nil
	}
	listed := d.unlike
	t.changes++
	d.changed, d.unlike = t.changes, unlike{}
	e := told{d: d, reason: detailWord(m.Event, m.Detail)}
	switch golibvirt.DomainEventType(m.Event) {
	case golibvirt.DomainEventDefined:
		t.describe(d)
		if golibvirt.DomainEventDefinedDetailType(m.Detail) == golibvirt.DomainEventDefinedUpdated {
			return nil // Nova writes them at every change of a volume
		}
		d.transient = false
		e.name = witness.InstanceDefined
	case golibvirt.DomainEventUndefined:
		d.transient = true
		if !alive(d.life) {
			t.remove(d)
		}
		e.name = witness.InstanceUndefined
	case golibvirt.DomainEventStarted:
		t.describe(d) // its interfaces have names now
		var unsaid []told
		if alive(d.life) {
			if !d.exited {
				return nil
			}
			unsaid = d.ended(listed)
		}
		d.become(running, reasonStarted[e.reason])
		e.name = witness.InstanceStarted
		if golibvirt.DomainEventStartedDetailType(m.Detail) == golibvirt.DomainEventStartedMigrated {
			e.name = witness.InstanceMigratedIn
		}
		return append(unsaid, e)
	case golibvirt.DomainEventSuspended:
		if golibvirt.DomainEventSuspendedDetailType(m.Detail) == golibvirt.DomainEventSuspendedMigrated {
			d.state, d.reason = paused, reasonPaused[e.reason]
			return nil // it is on its way: what became of it is told
		}
		d.become(paused, reasonPaused[e.reason])
		if e.reason == "paused" {
			d.doubtful = true // or to be saved, or for a snapshot: the event does not say
			t.describe(d)
		}
		e.name = witness.InstancePaused
	case golibvirt.DomainEventPmsuspended:
		d.become(pmsuspends, 0)
		e.name, e.reason = witness.InstancePaused, "pmsuspended "+e.reason
	case golibvirt.DomainEventResumed:
		if d.life != paused && d.life != pmsuspends {
			if alive(d.life) {
				d.state, d.reason = running, reasonStarted[e.reason]
			}
			return nil
		}
		d.become(running, int32(golibvirt.DomainRunningUnpaused))
		e.name = witness.InstanceResumed
	case golibvirt.DomainEventShutdown:
		d.cause = e.reason // guest or host, told with STOPPED
		return nil
	case golibvirt.DomainEventCrashed:
		d.become(crashed, int32(golibvirt.DomainCrashedPanicked))
		e.name = witness.InstanceCrashed
	case golibvirt.DomainEventStopped:
		return t.stopped(d, golibvirt.DomainEventStoppedDetailType(m.Detail), e)
	default:
		return nil
	}
	return []told{e}
}

// stopped takes a STOPPED message. "crashed" is a guest that panicked, "failed"
// a QEMU that died.
func (t *table) stopped(d *domain, detail golibvirt.DomainEventStoppedDetailType, e told) []told {
	was := d.life
	d.become(shutoff, reasonShutoff[e.reason])
	e.cause, d.cause = d.cause, ""
	if d.transient {
		t.remove(d)
	}
	if was == shutoff {
		return nil
	}
	e.name = witness.InstanceStopped
	switch detail {
	case golibvirt.DomainEventStoppedMigrated:
		e.name = witness.InstanceMigratedOut
	case golibvirt.DomainEventStoppedCrashed, golibvirt.DomainEventStoppedFailed:
		if was != crashed {
			e.name = witness.InstanceCrashed
		}
	}
	return []told{e}
}

// The reasons of states that follow from the words of events.
var (
	reasonStarted = map[string]int32{"booted": 1, "migrated": 2, "restored": 3, "from-snapshot": 4, "wakeup": 8}
	reasonPaused  = map[string]int32{"paused": 1, "migrated": 2, "ioerror": 5, "watchdog": 6, "from-snapshot": 7, "post-copy": 12, "post-copy-failed": 13, "api-error": 14}
	reasonShutoff = map[string]int32{"shutdown": 1, "destroyed": 2, "crashed": 3, "migrated": 4, "saved": 5, "failed": 6, "from-snapshot": 7}
)

// alive reports whether a domain of that state has a process.
func alive(state int32) bool { return state != shutoff && state != crashed }

func (d *domain) become(state, reason int32) {
	if !alive(d.life) {
		d.sought = time.Time{}
	}
	d.life, d.state, d.reason, d.exited, d.doubtful = state, state, reason, false, false
}

// missed returns what happened to a listed domain while nobody listened.
func (d *domain) missed(known bool, state, reason int32) []told {
	e := told{d: d, reason: reasonWord(state, reason), cause: missedCause}
	was := d.life
	switch {
	case !known && !alive(state):
		e.name, e.reason = witness.InstanceDefined, ""
	case alive(state) && !alive(was):
		e.name = witness.InstanceStarted
		if state == running && golibvirt.DomainRunningReason(reason) == golibvirt.DomainRunningMigrated {
			e.name = witness.InstanceMigratedIn
		}
	case state == crashed && alive(was):
		e.name = witness.InstanceCrashed
	case !alive(state) && alive(was):
		e.name = witness.InstanceStopped
		switch golibvirt.DomainShutoffReason(reason) {
		case golibvirt.DomainShutoffCrashed, golibvirt.DomainShutoffFailed:
			e.name = witness.InstanceCrashed
		case golibvirt.DomainShutoffMigrated:
			e.name = witness.InstanceMigratedOut
		}
	case state == paused && was != paused:
		e.name = witness.InstancePaused
	case state == running && (was == paused || was == pmsuspends):
		e.name = witness.InstanceResumed
	default:
		return nil
	}
	return []told{e}
}

// vanished returns what happened to a domain that is listed no more.
func (d *domain) vanished() []told {
	var all []told
	if alive(d.life) {
		d.become(shutoff, 0)
		all = append(all, told{name: witness.InstanceStopped, d: d, cause: missedCause})
	}
	return append(all, told{name: witness.InstanceUndefined, d: d, cause: missedCause})
}
