package libvirt

import (
	"slices"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/go-cmp/cmp"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// TestSourceFindsWhatLibvirtDidNotTell: a libvirtd that has just started lists a
// domain whose process is gone as running, and tells nobody when it finds that.
func TestSourceFindsWhatLibvirtDidNotTell(t *testing.T) {
	d := newDaemon(t)
	d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1), record(2, running, 1), record(3, running, 1), record(4, shutoff, 0), record(5, paused, 1), record(6, running, 1), record(7, running, 1)}
	s, k := start(t, Options{Sockets: []string{d.socket}, settle: 10 * time.Millisecond})
	await(t, "connected", s.connected)
	d.set(func() {
		d.domains = []golibvirt.DomainStatsRecord{
			record(1, shutoff, 3), record(2, shutoff, 2), record(3, paused, 5), record(4, running, 1), record(5, running, 5),
			record(7, paused, 2), // on its way to another node
		}
	})
	want := []string{
		"instance_crashed " + uuid(1) + " crashed", "instance_paused " + uuid(3) + " ioerror", "instance_resumed " + uuid(5) + " unpaused",
		"instance_started " + uuid(4) + " booted", "instance_stopped " + uuid(2) + " destroyed", "instance_stopped " + uuid(6), "instance_undefined " + uuid(6)}
	await(t, "all told", func() bool {
		if err := s.Collect(time.Time{}, &source.Snapshot{}); err != nil {
			t.Fatal(err)
		}
		return len(k.all()) >= len(want)
	})
	got := k.told()
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, e := range k.all() {
		if e.Cause != unsaidCause {
			t.Errorf("%s: cause %q, want %q", e.Name, e.Cause, unsaidCause)
		}
	}
	d.lifecycle(record(1, 0, 0).Dom, golibvirt.DomainEventStarted, 0)
	await(t, "what follows told", func() bool { return slices.Contains(k.told(), "instance_started "+uuid(1)+" booted") })
}

// TestSourceWaitsForEvents: they say more than lists, and may be a moment later.
func TestSourceWaitsForEvents(t *testing.T) {
	d := newDaemon(t)
	d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1)}
	s, k := start(t, Options{Sockets: []string{d.socket}, settle: time.Hour})
	await(t, "connected", s.connected)
	d.set(func() { d.domains = []golibvirt.DomainStatsRecord{record(1, shutoff, 2)} })
	for range 3 {
		if err := s.Collect(time.Time{}, &source.Snapshot{}); err != nil {
			t.Fatal(err)
		}
	}
	ref := record(1, 0, 0).Dom
	d.lifecycle(ref, golibvirt.DomainEventShutdown, 2)
	d.lifecycle(ref, golibvirt.DomainEventStopped, 1)
	await(t, "told", func() bool { return len(k.all()) > 0 })
	if e := k.all()[0]; e.Name != witness.InstanceStopped || e.Cause != "host" {
		t.Errorf("%s, cause %q; want %s, host", e.Name, e.Cause, witness.InstanceStopped)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if differ, _ := s.table.unsure(); differ {
		t.Error("the list and the event still differ")
	}
}

// TestSourceLooksAgainAtTheDead: no poll is waited for where the kernel has told
// of an end that libvirt does not list, and a start in the meantime is one.
func TestSourceLooksAgainAtTheDead(t *testing.T) {
	kernelTells(t)
	for _, c := range []struct {
		name string
		end  func(d *daemon)
		want []string
	}{
		{"found shut off", func(d *daemon) {
			d.set(func() { d.domains = []golibvirt.DomainStatsRecord{record(1, shutoff, 3)} })
		}, []string{"instance_crashed " + uuid(1) + " crashed"}},
		{"gone", func(d *daemon) { d.set(func() { d.domains = nil }) }, []string{"instance_stopped " + uuid(1), "instance_undefined " + uuid(1)}},
		{"started anew", func(d *daemon) { d.lifecycle(record(1, 0, 0).Dom, golibvirt.DomainEventStarted, 0) },
			[]string{"instance_stopped " + uuid(1), "instance_started " + uuid(1) + " booted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := newDaemon(t)
			d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1)}
			one := newStandIn(t, uuid(1), "")
			s, k := start(t, Options{Sockets: []string{d.socket}, settle: 10 * time.Millisecond})
			await(t, "watched", func() bool { return s.exits.watches(golibvirt.UUID{15: 1}) })
			d.kill()
			await(t, "told to be down", func() bool { return len(k.all()) > 0 })
			_ = one.Process.Kill()
			_ = one.Wait()
			exited := "instance_exited " + uuid(1)
			await(t, "told to have ended", func() bool { return slices.Contains(k.told(), exited) })
			lists := d.called(procStats)
			d.listen()
			await(t, "listed twice", func() bool { return d.called(procStats) > lists+1 }) // as running
			c.end(d)
			// How the process has ended may be told once more.
			told := func() []string {
				return slices.DeleteFunc(k.told(), func(e string) bool { return e == exited })
			}
			want := append([]string{"libvirt_down", "libvirt_up"}, c.want...)
			await(t, "told", func() bool { return len(told()) >= len(want) })
			if diff := cmp.Diff(want, told()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestOldListsAreNotCompared: an event that came after a list was asked for may be
// newer than it.
func TestOldListsAreNotCompared(t *testing.T) {
	tab := newTable()
	tab.relist([]golibvirt.DomainStatsRecord{record(1, running, 1)})
	ref := record(1, 0, 0).Dom
	d := tab.get(ref)
	asked := tab.changes
	tab.lifecycle(golibvirt.DomainEventLifecycleMsg{Dom: ref, Event: int32(golibvirt.DomainEventStopped), Detail: 1})
	tab.compare(d, asked, running, 1)
	if differ, _ := tab.unsure(); differ {
		t.Error("a list that was asked for before the event is held against it")
	}
	tab.compare(d, tab.changes, running, 1)
	if differ, _ := tab.unsure(); !differ {
		t.Error("a list that was asked for after the event is not")
	}
	for range 2 {
		if events := tab.settled(time.Now().Add(-time.Hour)); len(events) > 0 {
			t.Errorf("told %v at once", events)
		}
	}
	if events := tab.settled(time.Now()); len(events) != 1 || events[0].name != witness.InstanceStarted {
		t.Errorf("told %v, want %s", events, witness.InstanceStarted)
	}
}

// TestNewDomainsAreNotMissed: a list that was made before a domain was does not
// have it.
func TestNewDomainsAreNotMissed(t *testing.T) {
	tab := newTable()
	for range 3 {
		tab.relist(nil)
	}
	tab.lifecycle(golibvirt.DomainEventLifecycleMsg{Dom: record(1, 0, 0).Dom, Event: int32(golibvirt.DomainEventDefined)})
	tab.seen++ // the old list
	tab.missing(0)
	if len(tab.domains) != 1 {
		t.Error("it is forgotten")
	}
	tab.seen++
	tab.missing(0)
	if len(tab.domains) != 0 {
		t.Error("it is remembered though two lists do not have it")
	}
}
