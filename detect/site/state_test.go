package site

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"weir/decoder/witness"
	"weir/detect"
)

// restart stops the collector of w and starts another with what was kept, after
// a time in which nothing was heard.
func (w *world) restart(down time.Duration) {
	w.t.Helper()
	b, err := json.Marshal(w.site.Save())
	if err != nil {
		w.t.Fatal(err)
	}
	var st State
	if err := json.Unmarshal(b, &st); err != nil {
		w.t.Fatal(err)
	}
	var parts []KeptNode
	if b, err = json.Marshal(w.site.Kept(1 << 20)); err != nil {
		w.t.Fatal(err)
	}
	if err := json.Unmarshal(b, &parts); err != nil {
		w.t.Fatal(err)
	}
	w.now = w.now.Add(down)
	w.site, w.facts = New(Config{}), nil
	w.site.Restore(st, w.now)
	w.site.Recall(parts, w.now)
	for _, a := range w.nodes {
		a.greet()
	}
}

// TestRestartTellsNothing: neither of what was well, nor again of what is open.
func TestRestartTellsNothing(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 10 * time.Minute} {
		w := newWorld(t)
		for range 10 {
			w.node(5)
		}
		w.run(60 * time.Second)
		w.restart(down)
		w.run(5 * time.Minute)
		w.want()
	}
}

// TestOpenAlertsOutliveARestart: an alert that was open ends under its id when
// what it was about is well again.
func TestOpenAlertsOutliveARestart(t *testing.T) {
	w := newWorld(t)
	a := w.node(5)
	w.node(1)
	w.run(30 * time.Second)
	a.bridge("no", 5, 0)
	w.run(5 * time.Second)
	id := w.last(BridgeDown).ID
	w.want("start bridge_down critical cn1 br-int")
	w.restart(20 * time.Second)
	a.bridge("no", 5, 0)
	w.run(60 * time.Second)
	w.want()
	a.bridge("yes", 5, 5)
	w.run(20 * time.Second)
	if got := w.last(BridgeDown); got.ID != id || got.Change != detect.End {
		t.Errorf("%s %s, want the end of %s", got.Change, got.ID, id)
	}
	w.want("end bridge_down critical cn1 br-int")
}

// TestEndsTellTheWorstAfterARestart: also where it was less by then, and where it ends
// before anything else is told of it.
func TestEndsTellTheWorstAfterARestart(t *testing.T) {
	for _, less := range []bool{false, true} {
		w := newWorld(t)
		a := w.node(5)
		w.node(1)
		w.run(30 * time.Second)
		a.bridge("no", 5, 0)
		w.run(5 * time.Second)
		entity, summary := "", w.last(BridgeDown).Evidence.(*Evidence).Summary
		for _, it := range w.site.board.All() {
			if c := it.Value; c.kind == BridgeDown {
				if entity = c.entity; less {
					c.severity, c.summary = detect.Info, "hardly"
				}
			}
		}
		w.restart(time.Second)
		w.site.drop(BridgeDown, entity, "")
		w.run(time.Second)
		if end := w.last(BridgeDown); end.Change != detect.End || end.Severity != detect.Critical || end.Evidence.(*Evidence).Summary != summary || summary == "" {
			t.Errorf("less then %v: %s %s: %q, want the end, critical: %q", less, end.Change, end.Severity, end.Evidence.(*Evidence).Summary, summary)
		}
	}
}

// TestAbsentAfterARestart: a node that did not come back is told once.
func TestAbsentAfterARestart(t *testing.T) {
	w := newWorld(t)
	a := w.node(1)
	w.node(1)
	w.run(30 * time.Second)
	a.up = false
	w.restart(time.Minute)
	w.site.byNumber[a.number], w.facts = nil, w.facts[1:]
	w.run(5 * time.Minute)
	w.want("start telemetry_silent warning cn1")
}

// TestTamperingOutlivesARestart: what is normal is remembered.
func TestTamperingOutlivesARestart(t *testing.T) {
	n := newNode("10.0.0.1", addr("10.0.0.1"), addr(""))
	n.usual = []PointState{{Sub: 1, Index: 7, Rate: 100, Header: 128}}
	st := &stream{node: n, sub: 1}
	if p := st.point(7); p.rates[3] != 100 || p.header != 128 {
		t.Errorf("%+v", p)
	}
}

// TestTimeline: facts come in the order of their earliest possible times, with
// who told them.
func TestTimeline(t *testing.T) {
	w := newWorld(t)
	a := w.node(3)
	w.run(30 * time.Second)
	a.event(witness.LinkDown, "eth0", str(witness.After, "down"))
	w.run(time.Second)
	a.bridge("no", 3, 0)
	w.run(3 * time.Second)
	id := w.last(BridgeDown).Incident
	i, ok := w.site.Incident(id[:12])
	if !ok {
		t.Fatalf("no incident %s among %v", id, w.site.Incidents())
	}
	var whats []string
	for k, s := range i.Steps {
		whats = append(whats, s.What)
		if k > 0 && s.ns < i.Steps[k-1].ns {
			t.Errorf("%s comes after %s", s.What, i.Steps[k-1].What)
		}
	}
	for _, s := range i.Steps { // between the last that was good and the first that is bad
		if good, bad := time.Time(s.Before), time.Time(s.At); good.After(bad) {
			t.Errorf("%s between %v and %v", s.What, good, bad)
		}
	}
	all := strings.Join(whats, "\n")
	for _, want := range []string{"link_down eth0", "bridge_down: none of its 3 ports has a carrier", "instance_unreachable: its bridge br-int has lost its forwarding"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	if _, ok := w.site.Incident("nothing"); ok {
		t.Error("an incident that is none")
	}
}

// TestIncidentByTheBeginningOfItsIdentity: what returns has the same beginning, and
// the one that is open is meant.
func TestIncidentByTheBeginningOfItsIdentity(t *testing.T) {
	s := newWorld(t).site
	for _, r := range []*record{{ID: "aa-1", from: 1, ended: 2}, {ID: "aa-2", from: 3, ended: 4}, {ID: "ab-1", from: 5}, {ID: "bb-1", from: 6, ended: 7}} {
		r.Root = &detect.Alert{Kind: BridgeDown, Subject: &Subject{}, Evidence: &Evidence{}}
		s.incident[r.ID] = r
		s.recent = append(s.recent, r.ID)
	}
	for text, want := range map[string]string{"aa-1": "aa-1", "aa": "", "a": "ab-1", "b": "bb-1", "": "", "c": ""} {
		if i, ok := s.Incident(text); i.ID != want || ok != (want != "") {
			t.Errorf("%q: %q, %v, want %q", text, i.ID, ok, want)
		}
	}
}

func TestEveryKindIsExplained(t *testing.T) {
	for _, k := range []detect.Kind{
		BridgeDown, InstanceUnreachable, InstanceStopped, InstanceNoAddress, RulesFlushed, TelemetrySilent, TelemetryTampered, NodeDown, HostRestarted,
		HostOverloaded, ServiceChanged, Login, DropsRising, InterfaceDown, InterfaceErrors, CollectorDeaf, CollectorOverloaded, LogSilent, Orphan,
		AgentMoved, PortGone, detect.LargeFlow, detect.Flood, detect.Scan, detect.LinkSaturated,
	} {
		e, ok := Explain(string(k))
		if !ok || e.Meaning == "" || e.Confirm[0] == "" || e.Confirm[1] == "" || e.Causes == "" || e.Wrong == "" {
			t.Errorf("%s: %+v", k, e)
		}
	}
}

func TestWindowsHold(t *testing.T) {
	now := epoch
	w := Window{Subject: "cn1", From: now, To: now.Add(time.Hour)}
	about := func(kind detect.Kind, node, typ, name, part string) *detect.Alert {
		return &detect.Alert{Kind: kind, Subject: &Subject{Type: typ, Node: node, Agent: addr("10.0.0.2"), Name: name}, Evidence: &Evidence{Part: part}}
	}
	for _, c := range []struct {
		name    string
		subject string
		alert   *detect.Alert
		at      time.Duration
		want    bool
	}{
		{"node", "cn1", about(NodeDown, "cn1", TypeNode, "", ""), time.Minute, true},
		{"node by address", "10.0.0.2", about(NodeDown, "cn1", TypeNode, "", ""), time.Minute, true},
		{"its bridge", "cn1", about(BridgeDown, "cn1", TypeBridge, "br-int", ""), time.Minute, true},
		{"another node", "cn1", about(NodeDown, "cn2", TypeNode, "", ""), time.Minute, false},
		{"before", "cn1", about(NodeDown, "cn1", TypeNode, "", ""), -time.Minute, false},
		{"after", "cn1", about(NodeDown, "cn1", TypeNode, "", ""), time.Hour, false},
		{"bridge", "cn1/br-int", about(BridgeDown, "cn1", TypeBridge, "br-int", ""), time.Minute, true},
		{"instance of the bridge", "cn1/br-int", about(InstanceUnreachable, "cn1", TypeInstance, "web", "br-int"), time.Minute, true},
		{"node of the bridge", "cn1/br-int", about(NodeDown, "cn1", TypeNode, "", ""), time.Minute, false},
		{"everything", "*", about(NodeDown, "cn9", TypeNode, "", ""), time.Minute, true},
		{"everything, also what is on no node", "*", about(InstanceUnreachable, "", TypeVLAN, "VLAN 100", ""), time.Minute, true},
		{"VLAN", "vlan/100", about(InstanceUnreachable, "", TypeVLAN, "VLAN 100", ""), time.Minute, true},
		{"another VLAN", "vlan/10", about(InstanceUnreachable, "", TypeVLAN, "VLAN 100", ""), time.Minute, false},
		{"network", "network/vni-4711", about(InstanceUnreachable, "", TypeNetwork, "VNI 4711", ""), time.Minute, true},
		{"network by name", "network/n1", about(InstanceUnreachable, "", TypeNetwork, "network n1", ""), time.Minute, true},
		{"LAG", "cn1/po1", about(InterfaceDown, "cn1", TypeLAG, "po1", ""), time.Minute, true},
		{"a deaf collector", "*", about(CollectorDeaf, "", TypeCollector, "collector", ""), time.Minute, false},
		{"tampering", "*", about(TelemetryTampered, "cn1", TypeNode, "", ""), time.Minute, false},
		{"flush", "*", about(RulesFlushed, "cn1", TypeFilter, "x", ""), time.Minute, false},
	} {
		w.Subject = c.subject
		if got := w.Holds(c.alert, now.Add(c.at)); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// TestTimelineIntervals: what was found later than it may have begun stands with both
// times.
func TestTimelineIntervals(t *testing.T) {
	w := newWorld(t)
	a, b := w.polled(21, "10.1.0.1"), w.polled(22, "10.1.0.2")
	w.play(60*time.Second, a, b)
	last := w.now
	a.off = true
	w.play(30*time.Second, a, b)
	i, _ := w.site.Incident(w.last(TelemetrySilent).Incident)
	for _, s := range i.Steps {
		good, bad := time.Time(s.Before), time.Time(s.At)
		if good.IsZero() || good.After(last) || bad.Sub(good) < 3*time.Second || bad.Sub(good) > 12*time.Second {
			t.Errorf("%s between %v and %v, silent from %v on", s.What, good, bad, last)
		}
	}
	if len(i.Steps) < 2 {
		t.Errorf("%+v", i.Steps)
	}
}
