package linkevent

import (
	"strings"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
	"weir/hostagent/source/link"
)

// table is what is known of the interfaces. Changes of it are events.
type table struct {
	links  map[uint32]link.Info
	polled *link.Table        // knows speed and duplex; nil: nobody does
	emit   func(source.Event) // nil: nobody is told, for the first listing
	state  source.Snapshot    // scratch
	ifc    sflow.IfCounters   // scratch
}

func newTable(polled *link.Table) *table {
	return &table{links: map[uint32]link.Info{}, polled: polled}
}

// passes reports whether packets pass the interface.
func passes(l *link.Info) bool { return l.Admin && l.Carrier && l.Up() }

// set takes what a message says of an interface.
func (t *table) set(l link.Info) {
	old, known := t.links[l.Index]
	t.links[l.Index] = l
	if t.emit == nil {
		return
	}
	if !known {
		t.tell(witness.LinkAdded, &l, "", l.Oper.String(), "")
		t.membership(&l, 0, l.Master)
		return
	}
	if old.Name != l.Name {
		e := t.event(witness.LinkRenamed, &l, old.Name, l.Name, "")
		t.emit(e)
	}
	t.membership(&l, old.Master, l.Master)
	before, after := old.Oper.String(), l.Oper.String()
	switch {
	case passes(&old) && !passes(&l):
		t.tell(witness.LinkDown, &l, before, after, changes(&old, &l))
	case !passes(&old) && passes(&l):
		t.tell(witness.LinkUp, &l, before, after, changes(&old, &l))
	default:
		if what := changes(&old, &l); what != "" {
			t.tell(witness.LinkChanged, &l, before, after, what)
		}
	}
}

// remove takes the word that an interface is gone.
func (t *table) remove(index uint32) {
	old, known := t.links[index]
	if !known {
		return
	}
	t.membership(&old, old.Master, 0)
	delete(t.links, index)
	if t.emit != nil {
		t.emit(t.event(witness.LinkRemoved, &old, old.Oper.String(), "", ""))
	}
}

// changes names what differs, beyond name and master of a bridge.
func changes(old, l *link.Info) string {
	var what []string
	for _, c := range [...]struct {
		name    string
		differs bool
	}{
		{witness.Admin, old.Admin != l.Admin}, {witness.Carrier, old.Carrier != l.Carrier},
		{witness.Oper, old.Oper != l.Oper}, {witness.MTU, old.MTU != l.MTU}, {witness.MAC, old.MAC != l.MAC},
		{witness.Master, old.Master != l.Master},
	} {
		if c.differs {
			what = append(what, c.name)
		}
	}
	return strings.Join(what, " ")
}

// membership tells that a port has left one bridge or joined another.
func (t *table) membership(l *link.Info, before, after uint32) {
	if before == after || t.emit == nil {
		return
	}
	for _, side := range [...]struct {
		index uint32
		event string
	}{{before, witness.BridgePortRemoved}, {after, witness.BridgePortAdded}} {
		if bridge, ok := t.links[side.index]; ok && bridge.Kind == link.Bridge {
			t.emit(source.Event{Name: side.event, Subject: bridge.Name, More: []witness.Pair{
				witness.String(witness.Port, l.Name), witness.Gauge32(witness.IfIndex, l.Index), witness.String(witness.Kind, l.Kind.String()),
			}})
		}
	}
}

// tell emits an event with the interface's counters and new status.
func (t *table) tell(name string, l *link.Info, before, after, reason string) {
	e := t.event(name, l, before, after, reason)
	t.state.Reset()
	t.state.Begin(source.Interface(l.Index))
	if t.polled != nil { // a message says nothing of the medium
		if p, ok := t.polled.Lookup(l.Index); ok {
			l.Speed, l.Duplex = p.Speed, p.Duplex
		}
	}
	link.IfCounters(l, &t.ifc)
	t.state.Record(&t.ifc)
	t.state.Record(&sflow.PortName{Name: sflow.Text(l.Name)})
	e.State = &t.state
	t.emit(e)
}

func (t *table) event(name string, l *link.Info, before, after, reason string) source.Event {
	e := source.Event{Name: name, Subject: l.Name, Before: before, After: after, Reason: reason, More: []witness.Pair{
		witness.Gauge32(witness.IfIndex, l.Index), witness.String(witness.Kind, l.Kind.String()),
		witness.String(witness.Admin, upDown(l.Admin)), witness.String(witness.Carrier, upDown(l.Carrier)),
	}}
	if m, ok := t.links[l.Master]; ok && l.Master != 0 {
		e.More = append(e.More, witness.String(witness.Master, m.Name))
	}
	return e
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
