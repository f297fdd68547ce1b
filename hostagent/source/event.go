package source

import (
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// Event is something that happened. The agent gives it an id, sends it and
// keeps it until its last repetition: what it refers to must not be changed.
type Event struct {
	Name    string    // witness.LinkDown …
	Subject string    // what it is about: an interface, a UUID
	At      time.Time // zero: now

	// Optional; what is empty or zero is left out.
	Before, After, Cause, Reason string
	Command                      string // of the process that did it
	PID                          uint32
	UID                          uint32
	HasUID                       bool // UID is known: 0 is root

	More []witness.Pair // further values of this kind of event

	// State, where not nil, goes out before the event in the same datagram where
	// it fits, and again with the first repetition: the interface's counters
	// with the new status. The agent copies it in Emit.
	State *Snapshot
}

// Append appends the event's statement, signed, as repetition n, to st, which
// is begun anew.
func (e *Event) Append(st *witness.Statement, id string, n int) {
	st.Begin(witness.ClassEvent, e.Name)
	st.Add(witness.String(witness.ID, id), witness.Counter64(witness.At, uint64(e.At.UnixNano())),
		witness.String(witness.Subject, e.Subject), witness.Gauge32(witness.Repeat, uint32(n)))
	for _, p := range [...]struct{ name, value string }{
		{witness.Before, e.Before}, {witness.After, e.After}, {witness.Cause, e.Cause},
		{witness.Reason, e.Reason}, {witness.Command, e.Command},
	} {
		if p.value != "" {
			st.Add(witness.String(p.name, p.value))
		}
	}
	if e.PID != 0 {
		st.Add(witness.Gauge32(witness.PID, e.PID))
	}
	if e.HasUID {
		st.Add(witness.Gauge32(witness.UID, e.UID))
	}
	st.Add(e.More...)
}

// Host is the data source of the node's own counters.
func Host() sflow.DataSource { return sflow.DataSource{Class: sflow.ClassEntity, Index: 1} }

// Interface is the data source of an interface's counters and samples.
func Interface(ifIndex uint32) sflow.DataSource {
	return sflow.DataSource{Class: sflow.ClassInterface, Index: ifIndex}
}

// Instance is the data source of a virtual machine: id is a number of the
// agent's own that it keeps.
func Instance(id uint32) sflow.DataSource {
	return sflow.DataSource{Class: sflow.ClassLogical, Index: id}
}
