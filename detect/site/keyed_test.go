package site

import (
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site/fact"
)

// TestStatesThatComeAgain: a signed state that was heard and is sent again later is
// not believed, an event that is said again a second later is, and neither counts as a
// forgery.
func TestStatesThatComeAgain(t *testing.T) {
	w := newWorld(t)
	a := w.node(2)
	signed := func(class, entity string, at time.Time, pairs ...witness.Pair) {
		w.tell(fact.Fact{Kind: fact.Said, Agent: a.number, Detail: &fact.Detail{
			Topic: class, Entity: entity, Trusted: true, Pairs: append(pairs, witness.Counter64(witness.At, uint64(at.UnixNano()))),
		}})
	}
	bridge := func(forwarding string, at time.Time) {
		signed(witness.ClassBridge, "br-int", at, str(witness.Kind, "linux"), str(witness.Forwarding, forwarding), str(witness.Admin, "up"), witness.Gauge32(witness.InstancePorts, 2))
	}
	w.run(5 * time.Second)
	a.killed = true // its unsigned statements
	n := w.site.order[0]
	old := w.now
	bridge("yes", old)
	w.run(2 * time.Second)
	bridge("no", w.now)
	w.run(time.Second)
	bridge("yes", old)
	w.run(time.Second)
	if got := n.bridges["br-int"].said.forwarding; got != "no" {
		t.Errorf("forwarding %q after a state of before came again", got)
	}
	signed(witness.ClassEvent, witness.BridgePortAdded, w.now.Add(-5*time.Second), str(witness.ID, "x"), str(witness.Subject, "br-int"))
	bridge("yes", w.now.Add(-500*time.Millisecond)) // datagrams pass each other
	w.run(time.Second)
	if got := n.bridges["br-int"].said.forwarding; got != "yes" {
		t.Errorf("forwarding %q after the newest state", got)
	}
	for _, c := range w.alerts {
		if c.Kind == TelemetryTampered {
			t.Errorf("told %s", c.Line())
		}
	}
}

// TestVouchedByWhatCameBefore: the heartbeat that was the last before a silence does
// not vouch for its end.
func TestVouchedByWhatCameBefore(t *testing.T) {
	s := New(Config{})
	s.now = 100 * second
	n := newNode("10.0.0.1", addr("10.0.0.1"), addr(""))
	n.agentOf = newAgent()
	n.agentOf.keyed = true
	for _, c := range []struct {
		name   string
		signed int64
		want   bool
	}{
		{"none", 0, false},
		{"the last before", 97 * second, false},
		{"one since", 98 * second, true},
	} {
		n.agentOf.signed = c.signed
		f := finding{kind: TelemetrySilent, severity: detect.Critical, onset: 97 * second}
		if got := s.vouched(&condition{finding: f, node: n, open: true}); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
