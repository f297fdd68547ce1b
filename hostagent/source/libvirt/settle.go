package libvirt

import (
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"weir/hostagent/source"
)

// libvirt does not send an event of everything. A libvirtd that has just started
// lists a domain whose process died while it was down as it was before, until it
// has tried to reach it; what it then finds (shut off, or paused) it tells nobody.
// So what lists say is held against what events said, and where they differ for
// some time the list is right.
const (
	settleTime = time.Second // an event may be on its way for as long
	maxSettle  = 10 * time.Second
)

// noState is that of a domain that is not listed.
const noState = int32(-1)

// unlike is what lists say of a domain whose events say something else.
type unlike struct {
	state, reason int32
	since         time.Time // zero: they agree
}

// settle looks at all domains again, whenever it is woken, until lists and events
// agree.
func (s *Source) settle(c *conn, sink source.Sink) {
	for {
		select {
		case <-c.gone:
			return
		case <-c.doubt:
		}
		for wait := s.opts.settle; ; {
			select {
			case <-c.gone:
				return
			case <-time.After(wait):
			}
			differ, dead, err := s.look(c, sink)
			if err != nil || !differ && !dead {
				break // after an error the next poll says whether there is doubt still
			}
			if wait = min(2*wait, maxSettle); differ {
				wait = s.opts.settle
			}
		}
	}
}

// look lists the domains, and tells what lists have said for some time and events
// did not. It reports what is unsure then.
func (s *Source) look(c *conn, sink source.Sink) (differ, dead bool, err error) {
	since := s.changes()
	records, err := c.stats(statsList)
	if err != nil {
		return false, false, err
	}
	s.mu.Lock()
	t := s.table
	t.seen++
	for i := range records {
		if d := t.get(records[i].Dom); d != nil {
			d.seen = t.seen
			if state, reason, ok := stateOf(records[i].Params); ok {
				t.compare(d, since, state, reason)
			}
		}
	}
	t.missing(since)
	events := t.settled(time.Now().Add(-s.opts.settle))
	differ, dead = t.unsure()
	s.mu.Unlock()
	for _, e := range events {
		s.tell(e, sink)
	}
	if len(events) > 0 {
		c.describe()
		c.attend()
	}
	return differ, dead, nil
}

// changes returns how many events have changed the table: what libvirt is asked
// now is not older than these.
func (s *Source) changes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.changes
}

// compare holds what a list says of a domain against what events said. The list
// was asked for after so many events; where there was one since, it may be the
// older of the two.
func (t *table) compare(d *domain, since uint64, state, reason int32) {
	if d.changed > since || passing(state, reason) || state != noState && d.missed(true, state, reason) == nil {
		d.unlike = unlike{}
		return
	}
	if d.unlike.since.IsZero() || d.unlike.state != state {
		d.unlike = unlike{state: state, since: time.Now()}
	}
	d.unlike.reason = reason
}

// missing compares the domains that two lists in a row did not have; those that
// had ended, transient ones, are forgotten.
func (t *table) missing(since uint64) {
	for _, d := range t.domains {
		switch {
		case d.seen+2 > t.seen:
		case alive(d.life):
			t.compare(d, since, noState, 0)
		default:
			t.remove(d)
		}
	}
}

// settled takes what lists have said since some time, and returns what must have
// happened.
func (t *table) settled(before time.Time) (events []told) {
	for _, d := range t.domains {
		u := d.unlike
		if u.since.IsZero() || u.since.After(before) {
			continue
		}
		d.unlike = unlike{}
		var all []told
		if u.state == noState {
			all = d.vanished()
			t.remove(d)
		} else {
			all = d.missed(true, u.state, u.reason)
			if !alive(d.life) {
				t.describe(d) // its interfaces have names now
			}
			d.become(u.state, u.reason)
		}
		events = append(events, unsaid(all)...)
	}
	return events
}

// ended returns what happened to a domain that is started, whose process before
// has ended and of which no event came: what a list has said meanwhile, if any.
func (d *domain) ended(listed unlike) []told {
	if listed.since.IsZero() || alive(listed.state) || listed.state == noState {
		listed.state, listed.reason = shutoff, 0
	}
	return unsaid(d.missed(true, listed.state, listed.reason))
}

func unsaid(events []told) []told {
	for i := range events {
		events[i].cause = unsaidCause
	}
	return events
}

// unsure reports whether what libvirt lists of some domain is not what its events
// said, and whether it lists one as running whose process has ended.
func (t *table) unsure() (differ, dead bool) {
	for _, d := range t.domains {
		differ = differ || !d.unlike.since.IsZero()
		dead = dead || d.exited && alive(d.state)
	}
	return differ, dead
}

// passing reports whether a state is one on the way to another, of which there is
// no event or one that says more.
func passing(state, reason int32) bool {
	if state != paused {
		return false
	}
	switch golibvirt.DomainPausedReason(reason) {
	case golibvirt.DomainPausedMigration, golibvirt.DomainPausedSave, golibvirt.DomainPausedDump, golibvirt.DomainPausedShuttingDown,
		golibvirt.DomainPausedSnapshot, golibvirt.DomainPausedStartingUp, golibvirt.DomainPausedPostcopy:
		return true
	}
	return false
}
