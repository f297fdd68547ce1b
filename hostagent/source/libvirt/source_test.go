package libvirt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"github.com/google/go-cmp/cmp"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// record is a listed domain.
func record(n byte, state, reason int32) golibvirt.DomainStatsRecord {
	return golibvirt.DomainStatsRecord{
		Dom:    golibvirt.Domain{Name: fmt.Sprintf("instance-%08x", n), UUID: golibvirt.UUID{15: n}, ID: int32(n)},
		Params: []golibvirt.TypedParam{param("state.state", state), param("state.reason", reason), param("cpu.time", uint64(1e9))},
	}
}

func uuid(n byte) string { return formatUUID(golibvirt.UUID{15: n}) }

// start runs a source on a daemon.
func start(t *testing.T, o Options) (*Source, *sink) {
	t.Helper()
	s, k := New(o), &sink{}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Run(ctx, k)
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Error("Run does not end")
		}
	})
	return s, k
}

func (s *Source) connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil
}

// told returns the events as text.
func (s *sink) told() (all []string) {
	for _, e := range s.all() {
		text := e.Name + " " + e.Subject
		if strings.HasPrefix(e.Name, "libvirt") {
			text = e.Name
		} else if e.Reason != "" {
			text += " " + e.Reason
		}
		all = append(all, text)
	}
	return all
}

func TestSourceTellsWhatHappens(t *testing.T) {
	d := newDaemon(t)
	d.domains = []golibvirt.DomainStatsRecord{record(1, shutoff, 0), record(2, running, 1)}
	s, k := start(t, Options{Sockets: []string{d.socket}})
	await(t, "connected", s.connected)
	one, two := d.domains[0].Dom, d.domains[1].Dom
	three := golibvirt.Domain{Name: "three", UUID: golibvirt.UUID{15: 3}}
	for _, m := range []struct {
		dom    golibvirt.Domain
		event  golibvirt.DomainEventType
		detail uint32
	}{
		{one, golibvirt.DomainEventResumed, 0}, // of the start
		{one, golibvirt.DomainEventStarted, 0},
		{one, golibvirt.DomainEventSuspended, 2},
		{one, golibvirt.DomainEventResumed, 0},
		{one, golibvirt.DomainEventShutdown, 1},
		{one, golibvirt.DomainEventStopped, 0},
		{one, golibvirt.DomainEventStopped, 0}, // again: nothing new
		{two, golibvirt.DomainEventCrashed, 0},
		{two, golibvirt.DomainEventStopped, 2},
		{two, golibvirt.DomainEventStarted, 0},
		{two, golibvirt.DomainEventStopped, 5},
		{three, golibvirt.DomainEventDefined, 0},
		{three, golibvirt.DomainEventDefined, 1}, // updated
		{three, golibvirt.DomainEventStarted, 1},
		{three, golibvirt.DomainEventStopped, 3},
		{three, golibvirt.DomainEventUndefined, 0},
		{three, 99, 99},
	} {
		d.lifecycle(m.dom, m.event, m.detail)
	}
	want := []string{
		"instance_started " + uuid(1) + " booted", "instance_paused " + uuid(1) + " ioerror", "instance_resumed " + uuid(1) + " unpaused",
		"instance_stopped " + uuid(1) + " shutdown",
		"instance_crashed " + uuid(2) + " panicked", "instance_stopped " + uuid(2) + " crashed", "instance_started " + uuid(2) + " booted", "instance_crashed " + uuid(2) + " failed",
		"instance_defined " + uuid(3) + " added", "instance_migrated_in " + uuid(3) + " migrated", "instance_migrated_out " + uuid(3) + " migrated",
		"instance_undefined " + uuid(3) + " removed",
	}
	await(t, "all events", func() bool { return len(k.all()) >= len(want) })
	got := k.told() // in order for each instance
	slices.SortStableFunc(got, func(a, b string) int {
		return strings.Compare(strings.Fields(a)[1], strings.Fields(b)[1])
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, e := range k.all() {
		if e.Name == witness.InstanceStopped && e.Subject == uuid(1) && e.Cause != "guest" {
			t.Errorf("%s: cause %q, want guest", e.Name, e.Cause)
		}
	}
}

func TestSourceFindsWhatItMissed(t *testing.T) {
	d := newDaemon(t)
	d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1), record(2, running, 1), record(3, running, 1), record(4, shutoff, 0), record(5, paused, 1), record(6, running, 1), record(8, running, 1)}
	s, k := start(t, Options{Sockets: []string{d.socket}})
	await(t, "connected", s.connected)
	if got := k.told(); len(got) > 0 {
		t.Errorf("the first list tells %v, want nothing", got)
	}
	d.kill()
	await(t, "told to be down", func() bool { return len(k.all()) > 0 })
	d.set(func() {
		d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1), record(2, shutoff, 2), record(3, shutoff, 6), record(4, running, 1), record(5, running, 5), record(7, shutoff, 0), record(8, crashed, 1)}
	})
	d.listen()
	await(t, "told to be up", func() bool { return slices.Contains(k.told(), "libvirt_up") && len(k.all()) >= 10 })
	got := k.told()
	slices.Sort(got[2:])
	want := []string{"libvirt_down", "libvirt_up",
		"instance_crashed " + uuid(3) + " failed", "instance_crashed " + uuid(8) + " panicked", "instance_defined " + uuid(7), "instance_resumed " + uuid(5) + " unpaused",
		"instance_started " + uuid(4) + " booted", "instance_stopped " + uuid(2) + " destroyed", "instance_stopped " + uuid(6), "instance_undefined " + uuid(6)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSourceSurvivesTheDaemon: whatever it sends or does not send, the source
// says why and connects again.
func TestSourceSurvivesTheDaemon(t *testing.T) {
	frame := func(size uint32, rest int) []byte {
		return append(binary.BigEndian.AppendUint32(nil, size), make([]byte, rest)...)
	}
	for _, c := range []struct {
		name string
		proc uint32
		hang bool
		raw  []byte
		want string
	}{
		{"hangs in a poll", procStats, true, nil, "does not answer"},
		{"hangs when connected to", procAuthList, true, nil, "does not answer"},
		{"sends a frame shorter than its head", procStats, false, frame(3, 0), "not libvirt's protocol"},
		{"sends a frame of 4 GiB", procStats, false, frame(0xffffffff, 100), "not libvirt's protocol"},
		{"sends nonsense", procStats, false, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"), "not libvirt's protocol"},
		{"ends in mid-frame", procStats, false, frame(1000, 10), "does not answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDaemon(t)
			d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1)}
			deadline := time.Minute
			if strings.Contains(c.want, "does not answer") {
				deadline = 100 * time.Millisecond
			}
			s, k := start(t, Options{Sockets: []string{d.socket}, Deadline: deadline})
			await(t, "connected", s.connected)
			await(t, "its XML read", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.pushed > 0 }) // no answer is under way
			d.set(func() {
				d.hang[c.proc] = c.hang
				if c.raw != nil {
					d.raw[c.proc] = c.raw
				}
			})
			if c.proc == procAuthList {
				d.kill()
				d.listen()
				await(t, "told to be down", func() bool { return len(k.all()) > 0 })
			}
			// On a busy machine answers may be late before, and it is not connected then.
			await(t, "why", func() bool { return strings.Contains(fmt.Sprint(s.Collect(time.Time{}, &source.Snapshot{})), c.want) })
			d.set(func() { clear(d.hang); clear(d.raw) })
			await(t, "well again", func() bool {
				var out source.Snapshot
				return s.Collect(time.Time{}, &out) == nil && out.Len() > 0
			})
			if got := k.told(); !slices.Contains(got, "libvirt_down") || !slices.Contains(got, "libvirt_up") {
				t.Errorf("events %v, want libvirt_down and libvirt_up", got)
			}
		})
	}
}

// TestXMLIsReadWhenLibvirtIsBack: what could not be read because the connection was
// lost needs no poll to be read.
func TestXMLIsReadWhenLibvirtIsBack(t *testing.T) {
	d := newDaemon(t)
	d.domains = []golibvirt.DomainStatsRecord{record(1, running, 1)}
	d.hang[procXML] = true
	_, k := start(t, Options{Sockets: []string{d.socket}, Deadline: 100 * time.Millisecond})
	await(t, "told to be down", func() bool { return len(k.all()) > 0 })
	d.set(func() { clear(d.hang) })
	await(t, "its XML read", func() bool { k.mu.Lock(); defer k.mu.Unlock(); return k.pushed > 0 })
}

func TestSourceIsAbsentWithoutSocket(t *testing.T) {
	s := New(Options{Sockets: []string{filepath.Join(t.TempDir(), "none")}})
	if err := s.Run(t.Context(), &sink{}); !errors.Is(err, source.ErrAbsent) {
		t.Errorf("Run: %v, want ErrAbsent", err)
	}
	if err := s.Collect(time.Time{}, &source.Snapshot{}); !errors.Is(err, source.ErrAbsent) {
		t.Errorf("Collect: %v, want ErrAbsent", err)
	}
}

// TestSourceTellsAThousandInstances asks for all of them at once, and reads each
// one's XML once.
func TestSourceTellsAThousandInstances(t *testing.T) {
	const n = 1000
	d := newDaemon(t)
	for i := range n {
		r := record(byte(i), running, 1)
		r.Dom.UUID[14] = byte(i >> 8)
		r.Params = instanceParams()
		d.domains = append(d.domains, r)
	}
	s, _ := start(t, Options{Sockets: []string{d.socket}})
	await(t, "all described", func() bool { return d.called(procXML) >= n })
	before := d.called(procStats)
	var out source.Snapshot
	for range 3 {
		out.Reset()
		if err := s.Collect(time.Unix(1, 0), &out); err != nil {
			t.Fatal(err)
		}
	}
	if calls := d.called(procStats) - before; calls != 3 {
		t.Errorf("%d bulk calls for 3 polls", calls)
	}
	if calls := d.called(procXML); calls != n {
		t.Errorf("%d calls for XML, want %d", calls, n)
	}
	sources := map[uint32]bool{}
	counters, states := 0, 0
	for smp := range out.All() {
		if smp.Counter {
			counters++
			sources[smp.Source.Index] = true
		} else {
			states++
		}
	}
	if counters != n+1 || states != n || len(sources) != n+1 || out.Overflow() > 0 {
		t.Errorf("%d counter samples of %d sources, %d states, %d too much; want %d, %d, %d, 0", counters, len(sources), states, out.Overflow(), n+1, n+1, n)
	}
	var told source.Telling
	if s.Tell(&told); !told.LibvirtContact.Equal(time.Unix(1, 0)) {
		t.Errorf("last contact %v", told.LibvirtContact)
	}
	// Domains that end are forgotten, whether or not it was told.
	ended := d.domains[10:]
	d.set(func() { d.domains = d.domains[:10] })
	for _, r := range ended[:500] {
		d.lifecycle(r.Dom, golibvirt.DomainEventStopped, 0)
	}
	await(t, "all others forgotten", func() bool {
		out.Reset()
		if err := s.Collect(time.Unix(2, 0), &out); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.table.domains) == 10
	})
}

func TestIndexesAreStableAndDistinct(t *testing.T) {
	one, other := newTable(), newTable()
	var refs []golibvirt.Domain
	for i := range 5000 {
		refs = append(refs, golibvirt.Domain{UUID: golibvirt.UUID{byte(i), byte(i >> 8), 1}})
	}
	seen := map[uint32]bool{}
	for _, r := range refs {
		i := one.get(r).index
		if seen[i] || i == 0 || i > 0xffffff {
			t.Fatalf("index %d is used twice or does not fit 24 bits", i)
		}
		seen[i] = true
	}
	for _, r := range refs {
		if a, b := one.get(r).index, other.get(r).index; a != b {
			t.Errorf("index %d after a restart, %d before", b, a)
		}
	}
}

func BenchmarkCollect100(b *testing.B) {
	t := newTable()
	s := Source{table: t}
	var records []golibvirt.DomainStatsRecord
	for i := range 100 {
		r := record(byte(i), running, 1)
		r.Params = instanceParams()
		records = append(records, r)
	}
	var out source.Snapshot
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		for i := range records {
			d := t.get(records[i].Dom)
			s.take(d, records[i].Params, 0)
			s.poll.w.counters(&out, d, &s.poll.f, func(string) uint32 { return 1 })
			s.poll.w.state(&out, d)
		}
	}
}
