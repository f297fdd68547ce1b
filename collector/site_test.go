package collector

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/collector/web"
	"weir/decoder/sflow"
	"weir/decoder/witness"
	"weir/detect"
	"weir/detect/site"
)

// talker is a host agent with a bridge and its instances.
type talker struct {
	r       *running
	conn    net.Conn
	started time.Time
	seq     sflow.Seq
	down    bool
}

func (a *talker) send(fill func(say func(class, entity string, pairs ...witness.Pair))) {
	a.seq++
	var b sflow.Builder
	b.Reset(nil, &sflow.Datagram{Agent: netip.MustParseAddr("192.0.2.50"), SubAgent: 1, Sequence: a.seq, Uptime: uint32(time.Since(a.started).Milliseconds())})
	fill(func(class, entity string, pairs ...witness.Pair) {
		var st witness.Statement
		st.Begin(class, entity)
		st.Add(pairs...)
		b.Sample(st.Metric())
	})
	a.r.send(a.conn, b.Bytes())
}

// beat says all that the agent says every second.
func (a *talker) beat() {
	state, forwarding := "up", "yes"
	if a.down {
		state, forwarding = "down", "no"
	}
	text := witness.String
	a.send(func(say func(class, entity string, pairs ...witness.Pair)) {
		say(witness.ClassHeartbeat, "cn7", witness.Counter64(witness.Sequence, uint64(a.seq)), text(witness.BootID, "b"), witness.Counter64(witness.Started, uint64(a.started.Unix())))
		say(witness.ClassLink, "brq0", witness.Gauge32(witness.IfIndex, 2), text(witness.Kind, "bridge"), text(witness.Admin, state), text(witness.Oper, state))
		say(witness.ClassBridge, "brq0", text(witness.Kind, "linux"), text(witness.Oper, state), text(witness.Admin, state), text(witness.Forwarding, forwarding),
			witness.Gauge32(witness.Ports, 3), witness.Gauge32(witness.InstancePorts, 3), witness.Gauge32(witness.CarrierPorts, 3))
		for i := range uint32(3) {
			say(witness.ClassLink, fmt.Sprintf("tap%d", i), witness.Gauge32(witness.IfIndex, 10+i), text(witness.Kind, "tap"), text(witness.Master, "brq0"), text(witness.Admin, "up"), text(witness.Oper, "up"))
		}
	})
}

// bridgeFails has a node speak, and then its bridge fail, until that is told.
func (r *running) bridgeFails(source string) *talker {
	r.t.Helper()
	a := &talker{r: r, conn: r.dial(source), started: time.Now().Add(-time.Hour)}
	a.beats("node", func() bool { return len(r.app.Agents()) == 1 })
	for range 8 {
		a.beat()
		time.Sleep(100 * time.Millisecond)
	}
	a.down = true
	a.beats("bridge_down", func() bool { return len(r.bridgeLines("start")) > 0 })
	return a
}

// beats lets the agent speak every tenth of a second until until is true.
func (a *talker) beats(what string, until func() bool) {
	a.r.t.Helper()
	end := time.Now().Add(time.Minute)
	for !until() {
		if time.Now().After(end) {
			a.r.t.Fatalf("no %s: %s", what, strings.Join(a.r.alerts.all(), ""))
		}
		a.beat()
		time.Sleep(100 * time.Millisecond)
	}
}

// bridgeLines returns the printed changes of the bridge's alert.
func (r *running) bridgeLines(change string) (all []conditionLine) {
	for _, line := range r.alerts.with(`"bridge_down"`) {
		var a conditionLine
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			r.t.Fatal(err)
		}
		if a.Change == change {
			all = append(all, a)
		}
	}
	return all
}

// TestConditionsOutliveARestart: a running collector tells that a bridge is down,
// with its instances; after a restart the alert is the same one, and
// nothing is told anew.
func TestConditionsOutliveARestart(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	r := start(t, cfg)
	a := &talker{r: r, conn: r.dial("127.0.2.1"), started: time.Now().Add(-time.Hour)}
	a.beats("node in the model", func() bool {
		var all []site.Window
		return web.Ask(t.Context(), cfg.StateDir, "api/v1/windows", &all) == nil && len(r.app.Agents()) == 1
	})
	for range 8 {
		a.beat()
		time.Sleep(100 * time.Millisecond)
	}
	a.down = true
	a.beats("bridge_down", func() bool { return len(r.bridgeLines("start")) > 0 })
	first := r.bridgeLines("start")[0]
	if first.Evidence.Affected != 3 || first.Severity != "critical" {
		t.Errorf("%+v", first)
	}
	var i struct {
		ID    string
		Steps []struct{ What string }
	}
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/incidents/"+first.Incident, &i); err != nil || i.ID != first.Incident || len(i.Steps) == 0 {
		t.Errorf("incident %+v, %v", i, err)
	}
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/incidents/none", &i); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v for an incident that is none", err)
	}
	r.stop()

	r = start(t, cfg)
	a.r, a.conn = r, r.dial("127.0.2.1")
	a.beats("alert that is known", func() bool { return len(r.bridgeLines("update")) > 0 })
	for range 20 {
		a.beat()
		time.Sleep(50 * time.Millisecond)
	}
	got := slices.DeleteFunc(r.alerts.with(`"change":"start"`), func(l string) bool { return strings.Contains(l, `"collector_overloaded"`) }) // a busy machine
	if len(got) > 0 {
		t.Errorf("a restart told anew: %s", got)
	}
	a.down = false
	a.beats("end", func() bool { return len(r.bridgeLines("end")) > 0 })
	if last := r.bridgeLines("end")[0]; last.ID != first.ID || last.Incident != first.Incident {
		t.Errorf("the end of %s in %s, want that of %s in %s", last.ID, last.Incident, first.ID, first.Incident)
	}
}

// TestWindowsHoldAlerts: windows are added, listed and ended over the control
// socket, hold what they cover, and outlive a restart.
func TestWindowsHoldAlerts(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	r := start(t, cfg)
	now := time.Now()
	w, err := web.AddWindow(t.Context(), cfg.StateDir, site.Window{Subject: "cn7", Owner: "Ada", Reason: "new kernel", Zone: "UTC", From: now.Add(-time.Minute), To: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	alert := &detect.Alert{Kind: site.NodeDown, Subject: &site.Subject{Type: site.TypeNode, Node: "cn7"}, Evidence: &site.Evidence{}}
	if !r.app.hold(alert) {
		t.Error("the window does not hold")
	}
	for _, bad := range []site.Window{
		{Subject: "", Owner: "a", Reason: "b", From: now, To: now.Add(time.Hour)}, {Subject: "x", Owner: "a", From: now, To: now.Add(time.Hour)},
		{Subject: "x", Owner: "a", Reason: "b", From: now, To: now.Add(-time.Hour)}, {Subject: "x", Owner: "a", Reason: "b", From: now, To: now.Add(1000 * time.Hour)},
	} {
		if _, err := web.AddWindow(t.Context(), cfg.StateDir, bad); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v, want one line", bad, err)
		}
	}
	r.stop()
	r = start(t, cfg)
	var all []site.Window
	if err := web.Ask(t.Context(), cfg.StateDir, "api/v1/windows", &all); err != nil || len(all) != 1 || all[0].ID != w.ID || all[0].Reason != "new kernel" {
		t.Fatalf("%+v, %v", all, err)
	}
	if _, err := web.EndWindow(t.Context(), cfg.StateDir, w.ID); err != nil {
		t.Fatal(err)
	}
	if r.app.hold(alert) {
		t.Error("a window that was ended holds")
	}
	if _, err := web.EndWindow(t.Context(), cfg.StateDir, "none"); err == nil {
		t.Error("a window that is none was ended")
	}
}
