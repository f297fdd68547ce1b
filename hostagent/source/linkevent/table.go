package linkevent

import (
	"strings"

	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/hostagent/source"
)

// table is what is known of the interfaces. Changes of it are events.
type table struct {
	links map[uint32]link
	emit  func(source.Event) // nil: nobody is told, for the first listing
	state source.Snapshot    // scratch
}

func newTable(emit func(source.Event)) *table { return &table{links: map[uint32]link{}, emit: emit} }

// set takes what a message says of an interface.
func (t *table) set(l link) {
	old, known := t.links[l.index]
	t.links[l.index] = l
	if t.emit == nil {
		return
	}
	if !known {
		t.tell(witness.LinkAdded, &l, "", operName(l.oper), "")
		t.membership(&l, 0, l.master)
		return
	}
	if old.name != l.name {
		e := t.event(witness.LinkRenamed, &l, old.name, l.name, "")
		t.emit(e)
	}
	t.membership(&l, old.master, l.master)
	before, after := operName(old.oper), operName(l.oper)
	switch {
	case old.passes() && !l.passes():
		t.tell(witness.LinkDown, &l, before, after, changes(&old, &l))
	case !old.passes() && l.passes():
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
	t.membership(&old, old.master, 0)
	delete(t.links, index)
	if t.emit != nil {
		t.emit(t.event(witness.LinkRemoved, &old, operName(old.oper), "", ""))
	}
}

// changes names what differs, beyond name and master of a bridge.
func changes(old, l *link) string {
	var what []string
	for _, c := range [...]struct {
		name    string
		differs bool
	}{
		{witness.Admin, old.admin != l.admin}, {witness.Carrier, old.carrier != l.carrier},
		{witness.Oper, old.oper != l.oper}, {witness.MTU, old.mtu != l.mtu}, {witness.MAC, old.mac != l.mac},
		{witness.Master, old.master != l.master},
	} {
		if c.differs {
			what = append(what, c.name)
		}
	}
	return strings.Join(what, " ")
}

// membership tells that a port has left one bridge or joined another.
func (t *table) membership(l *link, before, after uint32) {
	if before == after || t.emit == nil {
		return
	}
	for _, side := range [...]struct {
		index uint32
		event string
	}{{before, witness.BridgePortRemoved}, {after, witness.BridgePortAdded}} {
		if bridge, ok := t.links[side.index]; ok && bridge.kind == "bridge" {
			t.emit(source.Event{Name: side.event, Subject: bridge.name, More: []witness.Pair{
				witness.String(witness.Port, l.name), witness.Gauge32(witness.IfIndex, l.index), witness.String(witness.Kind, l.kind),
			}})
		}
	}
}

// tell emits an event with the interface's counters and new status.
func (t *table) tell(name string, l *link, before, after, reason string) {
	e := t.event(name, l, before, after, reason)
	t.state.Reset()
	t.state.Begin(source.Interface(l.index))
	c := l.counters()
	t.state.Record(&c)
	t.state.Record(&sflow.PortName{Name: sflow.Text(l.name)})
	e.State = &t.state
	t.emit(e)
}

func (t *table) event(name string, l *link, before, after, reason string) source.Event {
	e := source.Event{Name: name, Subject: l.name, Before: before, After: after, Reason: reason, More: []witness.Pair{
		witness.Gauge32(witness.IfIndex, l.index), witness.String(witness.Kind, l.kind),
		witness.String(witness.Admin, upDown(l.admin)), witness.String(witness.Carrier, upDown(l.carrier)),
	}}
	if m, ok := t.links[l.master]; ok && l.master != 0 {
		e.More = append(e.More, witness.String(witness.Master, m.name))
	}
	return e
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}
