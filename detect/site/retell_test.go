package site

import (
	"testing"
	"time"

	"weir/detect"
	"weir/detect/site/fact"
)

// TestSilenceIsToldAnew: a node whose traffic is seen once more after its last word
// is down when that was the last; one whose traffic goes on for a while and then
// pauses is not. What is told first and what it turns out to be are one incident.
func TestSilenceIsToldAnew(t *testing.T) {
	const often, seldom = 4, 1 // samples in 2 s
	for _, c := range []struct {
		name  string
		rate  int
		after time.Duration // for so long its traffic is seen after its last word
		want  []string
	}{
		{"seen no more", often, 0, []string{"start node_down critical cn2"}},
		{"what was on its way", often, 2200 * time.Millisecond, []string{"start node_down critical cn2"}},
		{"the same, of little traffic", seldom, 3800 * time.Millisecond, []string{"start telemetry_silent critical cn2", "end telemetry_silent critical cn2", "start node_down critical cn2"}},
		{"it sends as ever", often, time.Hour, []string{"start telemetry_silent critical cn2"}},
		{"it sends for a while", often, 8 * time.Second, []string{"start telemetry_silent critical cn2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.node(0)
			a := w.node(1)
			w.node(0)
			w.node(0)
			var end time.Time
			for range 120 * 10 {
				if w.now.Sub(epoch) == 60*time.Second {
					w.want()
					a.up, end = false, w.now.Add(c.after)
				}
				if i := int(w.now.Sub(epoch) / (100 * time.Millisecond)); (end.IsZero() || w.now.Before(end)) && i*c.rate%20 < c.rate {
					w.tell(fact.Fact{Kind: fact.Seen, Agent: w.nodes[0].number, A: a.macs[0], B: 3, C: 1})
				}
				w.run(100 * time.Millisecond)
			}
			incidents := map[string]bool{}
			for _, x := range w.alerts {
				if x.Kind != InstanceUnreachable {
					incidents[x.Incident] = true
				}
				if x.Change == detect.End && x.Reason != ReasonAbsorbed {
					t.Errorf("%s ended with reason %q", x.Kind, x.Reason)
				}
			}
			if len(incidents) != 1 {
				t.Errorf("%d incidents, want 1", len(incidents))
			}
			w.want(c.want...)
		})
	}
}

// TestEndTellsTheWorst: who reads of an incident that is over learns what it was,
// not what was left of it last.
func TestEndTellsTheWorst(t *testing.T) {
	w := newWorld(t)
	w.node(0)
	w.run(20 * time.Second)
	var n *node
	for _, n = range w.site.nodes {
	}
	say := func(severity detect.Severity, summary string) {
		w.site.raise(n, &finding{
			kind: BridgeDown, entity: n.entity("bridge", "br0"), subject: n.subject(TypeBridge, "br0"), severity: severity,
			onset: w.site.now, witness: Passive, hold: second, summary: summary, sure: 0.999,
		})
		w.run(12 * time.Second)
	}
	say(detect.Warning, "its own port is down")
	say(detect.Critical, "gone")
	say(detect.Warning, "its own port is down")
	if a := w.last(BridgeDown); a.Severity != detect.Warning || a.Evidence.(*Evidence).Summary != "its own port is down" {
		t.Errorf("while it lasts: %s %q, want what holds now", a.Severity, a.Evidence.(*Evidence).Summary)
	}
	w.site.clear(BridgeDown, n.entity("bridge", "br0"), "recovered")
	w.run(5 * time.Second)
	if a := w.last(BridgeDown); a.Change != detect.End || a.Severity != detect.Critical || a.Evidence.(*Evidence).Summary != "gone" {
		t.Errorf("in the end: %s %s %q, want end critical gone", a.Change, a.Severity, a.Evidence.(*Evidence).Summary)
	}
}
