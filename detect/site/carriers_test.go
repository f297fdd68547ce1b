package site

import (
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect"
)

// carrierLost says that a tap of the actor has no carrier any more.
func (a *actor) carrierLost(i int) {
	a.event(witness.LinkDown, a.tap(i), witness.Gauge32(witness.IfIndex, uint32(10+i)), str(witness.Admin, "down"), str(witness.Carrier, "down"),
		str(witness.Before, "up"), str(witness.After, "down"))
}

// TestCarriersLostAgain: that a bridge's last port has lost its carrier began when
// the port did, not when something was last said of the bridge, and what is told of
// it is told under a name of its own.
func TestCarriersLostAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		lost func(*actor) // all ports go down, as far as that is heard
		most time.Duration
	}{
		{"every event is heard", func(a *actor) {
			for i := range a.instances {
				a.carrierLost(i)
			}
			a.w.run(100 * time.Millisecond)
		}, 0},
		{"one event is lost, the next poll tells", func(a *actor) {
			a.carrierLost(0)
			a.carrierLost(2)
			a.w.run(700 * time.Millisecond)
			a.link(a.tap(1), 11, "off")
			a.w.run(100 * time.Millisecond)
		}, 700 * time.Millisecond},
		{"all events are lost, the next poll tells", func(a *actor) {
			a.w.run(700 * time.Millisecond)
			for i := range a.instances {
				a.link(a.tap(i), uint32(10+i), "off")
			}
			a.bridge("yes", len(a.instances), 0)
			a.w.run(100 * time.Millisecond)
		}, 700 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			a := w.node(3)
			w.run(30 * time.Second)
			a.said(witness.ClassBridge, "br-int", str(witness.Kind, "linux"), str(witness.Oper, "down"), str(witness.Admin, "down"), str(witness.Forwarding, "no"),
				witness.Gauge32(witness.Ports, 3), witness.Gauge32(witness.InstancePorts, 3), witness.Gauge32(witness.CarrierPorts, 3))
			w.run(300 * time.Millisecond)
			a.bridge("yes", 3, 3)
			w.run(40 * time.Second)
			first := w.last(BridgeDown)
			w.want("start bridge_down critical cn1 br-int", "end bridge_down critical cn1 br-int")
			began := w.now
			c.lost(a)
			w.run(300 * time.Millisecond)
			second := w.last(BridgeDown)
			w.want("start bridge_down critical cn1 br-int")
			since := time.Time(second.Evidence.(*Evidence).Since)
			if d := since.Sub(began); d < 0 || d > c.most+100*time.Millisecond {
				t.Errorf("began %v after its ports were down", d)
			}
			if second.ID == first.ID || second.Incident == first.Incident {
				t.Errorf("the second is called %s as the first, in incident %s", second.ID, second.Incident)
			}
		})
	}
}

// TestNamesAreTheirOwn: two alerts about one subject that began in the same second
// have different ids.
func TestNamesAreTheirOwn(t *testing.T) {
	w := newWorld(t)
	w.node(1)
	w.run(10 * time.Second)
	var ids []string
	for range 3 {
		n := w.site.order[0]
		w.site.raise(n, &finding{kind: Orphan, entity: n.entity("x", "y"), subject: n.subject(TypeBridge, "y"), onset: w.now.UnixNano(), witness: Agent, facts: []Noted{{}}})
		w.run(100 * time.Millisecond)
		w.site.drop(Orphan, n.entity("x", "y"), "")
		w.run(100 * time.Millisecond)
		start, end := w.alerts[len(w.alerts)-2], w.alerts[len(w.alerts)-1]
		if start.Change != detect.Start || start.ID != end.ID || start.Seq != 1 || end.Seq != 2 {
			t.Fatalf("told %+v, %+v", start, end)
		}
		ids = append(ids, end.ID)
	}
	if ids[0] == ids[1] || ids[1] == ids[2] || ids[0] == ids[2] {
		t.Errorf("three alerts are called %v", ids)
	}
}

// TestEffectOutlivesItsCause: an effect that was told before its cause was, and is
// true when that is over, is told again.
func TestEffectOutlivesItsCause(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.run(30 * time.Second)
	n := w.site.order[0]
	p := n.byName[a.tap(1)]
	w.site.raise(n, &finding{ // by nobody who judges it again
		kind: InstanceUnreachable, entity: n.entity("instance", "x"), subject: n.subject(TypeInstance, "x"), severity: detect.Warning, onset: w.now.UnixNano(), witness: Passive,
		above: p.above(), facts: []Noted{{}},
	})
	w.run(time.Second)
	first := w.last(InstanceUnreachable)
	cause := &finding{kind: BridgeDown, entity: p.bridge.entity(), subject: n.subject(TypeBridge, "br-int"), severity: detect.Critical, onset: w.now.UnixNano(), witness: Passive, facts: []Noted{{}}}
	w.site.raise(n, cause)
	w.run(time.Second)
	if end := w.last(InstanceUnreachable); end.Change != detect.End || end.Reason != ReasonAbsorbed {
		t.Fatalf("not absorbed: %+v", end)
	}
	w.site.drop(BridgeDown, cause.entity, "")
	w.alerts = nil
	w.run(20 * time.Second)
	again := w.last(InstanceUnreachable)
	if again.Change != detect.Start || again.Seq != 1 || again.ID == first.ID || again.State != detect.Confirmed {
		t.Errorf("told again as %+v", again)
	}
}
