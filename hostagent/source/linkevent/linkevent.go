package linkevent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

// Source watches the interfaces of its network namespace. It is a
// source.Runner.
type Source struct{ polled *link.Table }

// New returns a Source. What polled knows of speeds goes into the counters told
// with an event; it may be nil.
func New(polled *link.Table) *Source { return &Source{polled} }

// Name implements source.Source.
func (*Source) Name() string { return "linkevent" }

// Collect adds nothing: states of interfaces are told with their counters.
func (*Source) Collect(time.Time, *source.Snapshot) error { return nil }

// receiveBuffer holds the messages of a thousand interfaces that go at once.
const receiveBuffer = 4 << 20

// Run tells changes until ctx is done. What happened before it was called, or
// while it was not running, is the first state and no event.
func (s *Source) Run(ctx context.Context, sink source.Sink) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	defer c.Close()
	_ = c.SetReadBuffer(receiveBuffer) // as much as the node allows
	if err := c.JoinGroup(unix.RTNLGRP_LINK); err != nil {
		return fmt.Errorf("netlink link group: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()

	t := newTable(s.polled)
	if err := t.list(ctx); err != nil {
		return err
	}
	t.emit = sink.Emit
	for {
		messages, err := c.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS):
			// Messages were lost: what they would have said is in a new list.
			if err := t.list(ctx); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("netlink: %w", err)
		}
		for i := range messages {
			t.message(&messages[i])
		}
	}
}

// message takes one announcement. One that cannot be read is skipped: the next
// about the same interface says everything again.
func (t *table) message(m *netlink.Message) {
	l, ok := link.ParseMessage(m.Data)
	if !ok {
		return
	}
	switch m.Header.Type {
	case unix.RTM_NEWLINK:
		t.set(l)
	case unix.RTM_DELLINK:
		t.remove(l.Index)
	}
}

// listTimeout bounds one listing of all interfaces.
const listTimeout = 5 * time.Second

// list asks for all interfaces, takes what they say and removes the others.
func (t *table) list(ctx context.Context) error {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(listTimeout)); err != nil {
		return fmt.Errorf("netlink: %w", err)
	}
	messages, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request | netlink.Dump},
		Data:   make([]byte, unix.SizeofIfInfomsg),
	})
	if err != nil {
		return fmt.Errorf("netlink list of interfaces: %w", err)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	seen := map[uint32]bool{}
	for i := range messages {
		if l, ok := link.ParseMessage(messages[i].Data); ok {
			seen[l.Index] = true
			t.set(l)
		}
	}
	for index := range t.links {
		if !seen[index] {
			t.remove(index)
		}
	}
	return nil
}
