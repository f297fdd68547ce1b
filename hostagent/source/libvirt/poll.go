package libvirt

import (
	"fmt"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"
	"golang.org/x/sys/unix"

	"weir/hostagent/source"
)

// poll is what Collect keeps from one call to the next.
type poll struct {
	w statements
	f figures
}

// Collect asks for all statistics at once and adds the counters and the state of
// every domain.
func (s *Source) Collect(now time.Time, out *source.Snapshot) error {
	s.mu.Lock()
	c, err := s.conn, s.err
	s.mu.Unlock()
	if c == nil {
		return err
	}
	since := s.changes()
	records, err := c.stats(statsAll)
	if err != nil {
		return err
	}
	c.attend()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.contact = now
	t := s.table
	t.seen++
	active := 0
	sock, sockErr := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if sockErr == nil {
		defer unix.Close(sock)
	}
	ifIndex := func(tap string) uint32 { return indexOf(sock, tap) }
	if sockErr != nil {
		ifIndex = func(string) uint32 { return 0 }
	}
	for i := range records {
		r := &records[i]
		d := t.get(r.Dom)
		if d == nil {
			continue
		}
		s.take(d, r.Params, since)
		if alive(d.state) {
			active++
		}
		s.poll.w.counters(out, d, &s.poll.f, ifIndex)
		s.poll.w.state(out, d)
	}
	virtNode(out, t.node, active)
	t.missing(since)
	if differ, dead := t.unsure(); differ || dead {
		c.settle()
	}
	err = t.unread(records)
	c.describe()
	return err
}

// take reads one domain's statistics, which were asked for after so many changes.
func (s *Source) take(d *domain, params []golibvirt.TypedParam, since uint64) {
	d.seen = s.table.seen
	if state, reason, ok := stateOf(params); ok {
		s.table.compare(d, since, state, reason)
		d.state, d.reason = state, reason
	}
	s.poll.f.read(params)
	// An interface was plugged or pulled: the XML says which.
	if n := s.poll.f.nicNames; n != d.nics {
		if d.nics != 0 {
			s.table.describe(d)
		}
		d.nics = n
	}
}

// unread returns what is wrong with the domains.
func (t *table) unread(records []golibvirt.DomainStatsRecord) error {
	unread := 0
	var example error
	for _, d := range t.domains {
		if d.err != nil {
			unread++
			example = fmt.Errorf("%s: %w", d.uuid, d.err)
			t.describe(d)
		}
	}
	switch {
	case t.dropped > 0 && len(records) > maxDomains:
		return fmt.Errorf("libvirt: %d domains, more than %d are left out", len(records), maxDomains)
	case unread > 0:
		return fmt.Errorf("libvirt: the XML of %d domains could not be read: %w", unread, example)
	}
	return nil
}

// indexOf returns the ifIndex of a network interface, 0 where it is not there.
func indexOf(sock int, name string) uint32 {
	r, err := unix.NewIfreq(name)
	if name == "" || err != nil || unix.IoctlIfreq(sock, unix.SIOCGIFINDEX, r) != nil {
		return 0
	}
	return r.Uint32()
}
