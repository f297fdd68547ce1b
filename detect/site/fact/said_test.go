package fact

import (
	"testing"
	"time"

	"weir/decoder/sflow"
	"weir/decoder/witness"
)

// say sends one statement.
func (f *feed) say(class, entity string, pairs ...witness.Pair) {
	var s witness.Statement
	s.Begin(class, entity)
	s.Add(pairs...)
	f.send(func(b *sflow.Builder) { b.Sample(s.Metric()) })
}

// TestStateIsToldAgainAfterAnEvent: a state that is repeated is told once, but once
// more after an event about it, whichever of the two is later true.
func TestStateIsToldAgainAfterAnEvent(t *testing.T) {
	tap := []witness.Pair{witness.Gauge32(witness.IfIndex, 7), witness.String(witness.Admin, "up"), witness.String(witness.Oper, "up")}
	bridge := []witness.Pair{witness.String(witness.Kind, "linux"), witness.Gauge32(witness.Ports, 1), witness.Gauge32(witness.CarrierPorts, 1)}
	other := []witness.Pair{witness.String(witness.Oper, "up")}
	f := newFeed(t)
	poll := func() (n int) {
		f.say(witness.ClassLink, "tap/1", tap...)
		f.say(witness.ClassBridge, "brq1", bridge...)
		f.say(witness.ClassLink, "eth0", other...)
		return count(f.tick(0), Said)
	}
	want := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d statements told, want %d", what, got, want)
		}
	}
	want("the first poll", poll(), 3)
	f.tick(time.Second)
	want("the same again", poll(), 0)
	f.tick(900 * time.Millisecond)
	event := []witness.Pair{witness.String(witness.ID, "a-1"), witness.String(witness.Subject, "tap/1"), witness.String(witness.Master, "brq1"), witness.String(witness.After, "down")}
	f.say(witness.ClassEvent, witness.LinkDown, event...)
	want("an event", count(f.tick(100*time.Millisecond), Said), 1)
	want("a poll that was under way", poll(), 0)
	f.tick(100 * time.Millisecond)
	f.say(witness.ClassEvent, witness.LinkDown, event...)
	want("the event again", count(f.tick(900*time.Millisecond), Said), 0)
	want("the poll after it", poll(), 2)
	f.tick(time.Second)
	want("the next", poll(), 0)
}
