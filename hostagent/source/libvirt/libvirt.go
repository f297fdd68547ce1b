// Package libvirt is the source that tells of virtual machines: their counters
// at every poll, with one bulk call for all of them, and their starts, stops,
// crashes and pauses as they happen. It speaks to libvirt's read-only socket,
// which can change nothing.
//
// What Nova wrote into a domain's XML (the instance's name, project, user,
// flavor, ports and addresses) is read from there: no API and no credential of
// the cloud is needed. Names in it are chosen by tenants and are only ever text.
//
// A libvirt that is absent, restarted or hanging costs this source alone: every
// call has a deadline, after which the connection is closed and made again. What
// happened in the gap is found by comparing lists, as is what libvirt found then
// and sent no event of.
//
// That a virtual machine's process has ended is told as soon as the kernel tells
// it (instance_exited), with the signal that killed it where the kernel knows:
// libvirt says why only when it has taken apart what the process had.
package libvirt

import (
	"context"
	"errors"
	"sync"
	"time"

	golibvirt "github.com/digitalocean/go-libvirt"

	"weir/decoder/witness"
	"weir/hostagent/source"
)

// Sockets are the read-only sockets that are tried in this order: the modular
// daemon's, then the monolithic one's.
var Sockets = [...]string{"/run/libvirt/virtqemud-sock-ro", "/run/libvirt/libvirt-sock-ro"}

const (
	defaultDeadline = 8 * time.Second // a bulk call may ask a thousand QEMUs
	minRetry        = 100 * time.Millisecond
	maxRetry        = time.Second
)

// Options of a Source. The zero value is right for a compute node.
type Options struct {
	Sockets  []string      // none: Sockets
	URI      string        // of the hypervisor's driver; empty: qemu:///system
	Proc     string        // where proc is mounted; empty: /proc
	Deadline time.Duration // of a call; 0: 8 s

	settle time.Duration // 0: settleTime
}

// Source tells of the node's virtual machines. Its methods may be called from
// several goroutines.
type Source struct {
	opts Options

	mu      sync.Mutex
	conn    *conn // nil where there is none
	err     error // why there is none; nil before the first attempt
	table   *table
	contact time.Time // of the last answer to a poll

	telling sync.Mutex // keeps events in their order
	exits   *exits     // of domains' processes
	found   time.Time  // when these were last searched for; under mu

	poll poll // of Collect alone
}

// New returns a Source. It connects in Run.
func New(o Options) *Source {
	if len(o.Sockets) == 0 {
		o.Sockets = Sockets[:]
	}
	if o.Deadline == 0 {
		o.Deadline = defaultDeadline
	}
	if o.settle == 0 {
		o.settle = settleTime
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	return &Source{opts: o, table: newTable(), exits: newExits(o.Proc)}
}

// Name returns "libvirt".
func (s *Source) Name() string { return "libvirt" }

// Tell adds the time of libvirt's last answer to the heartbeat.
func (s *Source) Tell(t *source.Telling) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.LibvirtContact = s.contact
}

// Run keeps the connection and tells what happens on it until ctx is done. It
// returns ErrAbsent, wrapped, where no socket exists and none ever did.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	retry := minRetry
	up, known := false, false // as it was told last
	watching, stop := context.WithCancel(ctx)
	defer stop()
	s.exits.start(watching, func(u golibvirt.UUID, e exit) { s.exited(u, e, sink) })
	for {
		c, err := dial(ctx, &s.opts)
		if err == nil {
			if known && !up {
				sink.Emit(source.Event{Name: witness.LibvirtUp, Subject: c.socket})
			}
			up, known, retry = true, true, minRetry
			err = s.serve(ctx, c, sink)
			c.close()
		}
		if ctx.Err() != nil {
			return nil
		}
		s.lost(err)
		switch {
		case !known && errors.Is(err, source.ErrAbsent):
			return err
		case up || !known:
			sink.Emit(source.Event{Name: witness.LibvirtDown, Subject: s.opts.Sockets[len(s.opts.Sockets)-1], Reason: err.Error()})
			up, known = false, true
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(retry):
		}
		retry = min(2*retry, maxRetry)
	}
}

// lost notes why there is no connection.
func (s *Source) lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conn, s.err = nil, err
}

// serve lists the domains, tells what changed since the list before, and then
// what happens, until the connection is lost.
func (s *Source) serve(ctx context.Context, c *conn, sink source.Sink) error {
	if err := c.watch(); err != nil {
		return err
	}
	node, err := c.node()
	if err != nil && isGone(c) {
		return err // else virt_node alone is left out
	}
	records, err := c.stats(statsList)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.conn, s.err = c, nil
	events := s.table.relist(records)
	s.table.node = node
	_, dead := s.table.unsure()
	s.mu.Unlock()
	for _, e := range events {
		s.tell(e, sink)
	}
	c.describe()
	c.attend()
	go s.describe(c, sink)
	go s.attend(c)
	go s.settle(c, sink)
	if dead { // libvirtd has yet to find it
		c.settle()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.gone:
			return c.reason()
		case m, ok := <-c.events:
			if !ok {
				return c.reason()
			}
			if s.happened(m, sink) {
				c.attend()
			}
			c.describe()
		}
	}
}

// describe reads the XML of domains that are new or have changed, one after the
// other, whenever it is woken, and pushes their state.
func (s *Source) describe(c *conn, sink source.Sink) {
	var out source.Snapshot
	var st statements
	for {
		select {
		case <-c.gone:
			return
		case <-c.wake:
		}
		for {
			s.mu.Lock()
			d := s.table.undescribed()
			if d == nil {
				s.mu.Unlock()
				break
			}
			ref, doubtful := d.ref, d.doubtful
			s.mu.Unlock()
			if doubtful {
				s.resolve(c, d, ref)
			}
			text, err := c.xml(ref)
			var a about
			switch {
			case err == nil:
				a, err = parseXML(text)
			case golibvirt.IsNotFound(err):
				continue // it ended meanwhile
			}
			s.mu.Lock()
			d.described(a, err)
			out.Reset()
			if err == nil && !d.removed {
				st.state(&out, d)
			}
			s.mu.Unlock()
			if out.Len() > 0 {
				sink.Push(&out)
			}
			s.release(d, sink)
			if isGone(c) {
				return
			}
		}
	}
}

// resolve asks why a domain is paused: its event tells a pause for a snapshot or
// to save it as it does one that somebody asked for.
func (s *Source) resolve(c *conn, d *domain, ref golibvirt.Domain) {
	state, reason, err := c.state(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && d.doubtful && state == paused {
		d.reason = reason
	}
	d.doubtful = false
}

func isGone(c *conn) bool {
	select {
	case <-c.gone:
		return true
	default:
		return false
	}
}
