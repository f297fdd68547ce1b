package collector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
)

// conditionLine is a change of an alert of a condition, as printed.
type conditionLine struct {
	At       time.Time
	ID       string
	Kind     string
	Change   string
	Severity string
	Reason   string
	Incident string
	Subject  struct{ Type, Node, Name string }
	Evidence struct {
		Summary, Blind string
		Affected       int
		Facts          []struct{ What string }
	}
}

// conditions replays a capture and returns the changes of its alerts but
// updates, without those about volume and about the load of the machine that the
// nodes were on.
func conditions(t *testing.T, file string) (all []conditionLine, raw []byte) {
	t.Helper()
	var out bytes.Buffer
	if err := Replay(t.Context(), replayConfig(), []string{file}, IO{Alerts: &out, AlertsJSON: true, Log: zerolog.New(io.Discard)}); err != nil {
		t.Fatal(err)
	}
	raw = bytes.Clone(out.Bytes())
	for line := range strings.Lines(out.String()) {
		var a conditionLine
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if a.Change != "update" && a.Kind != "large_flow" && a.Kind != "host_overloaded" {
			all = append(all, a)
		}
	}
	return all, raw
}

// TestConditionsOfOpenVSwitch replays what two nodes with an Open vSwitch each
// sent while something was done to the first: testdata tells what. The right
// alerts come in time, name the effects, end, and nothing else is told.
func TestConditionsOfOpenVSwitch(t *testing.T) {
	for _, c := range []struct {
		file string
		deed float64 // Unix time, s
		want []wantedCondition
	}{
		{"bridge-deleted", 1795334096.769, []wantedCondition{
			{"start", "bridge_down", "critical", "bridge br-int", 4.5, 3, "neither its counters nor its traffic"},
		}},
		{"port-vanishes", 1795334122.888, []wantedCondition{
			{"start", "port_gone", "info", "instance tap11001eef-01", 12, 0, "is polled no more"},
			{"end", "port_gone", "info", "instance tap11001eef-01", 12, 0, ""},
		}},
		{"sflow-cleared", 1795334154.202, []wantedCondition{
			{"start", "telemetry_silent", "critical", "bridge br-int", 4.5, 0, "its traffic is still seen at 10.200.0.12"},
			{"end", "telemetry_silent", "critical", "bridge br-int", 12.02 + 3, 0, ""},
		}},
		{"switch-killed", 1795334190.690, []wantedCondition{
			{"start", "node_down", "critical", "node ", 6, 0, "its traffic is seen no more"},
			{"end", "node_down", "critical", "node ", 10.03 + 4, 0, ""},
		}},
		{"uplink-down", 1795334230.197, []wantedCondition{
			{"start", "bridge_down", "critical", "bridge br-ex", 2, 1, "its only way out is down: eth1"},
			{"end", "bridge_down", "critical", "bridge br-ex", 10.01 + 3, 0, ""},
		}},
		{"own-port-down", 1795334266.729, []wantedCondition{
			{"start", "bridge_down", "warning", "bridge br-ex", 4, 0, "forwarding continues"},
			{"end", "bridge_down", "warning", "bridge br-ex", 8.04 + 3, 0, ""},
		}},
		{"port-down", 1795334296.002, []wantedCondition{
			{"start", "instance_unreachable", "warning", "instance tap11001eef-01", 5, 0, "its port is down"},
			{"end", "instance_unreachable", "warning", "instance tap11001eef-01", 8.02 + 8, 0, ""},
			{"start", "instance_unreachable", "warning", "instance tap12003dde-02", 15.03 + 5, 0, "its port is down"},
			{"end", "instance_unreachable", "warning", "instance tap12003dde-02", 23.04 + 8, 0, ""},
		}},
		{"flows-emptied", 1795334343.565, []wantedCondition{
			{"start", "bridge_down", "critical", "bridge br-int", 8, 3, "it forwards nothing any more"},
			{"end", "bridge_down", "critical", "bridge br-int", 12.02 + 4, 0, ""},
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			checkConditions(t, "testdata/ovs-"+c.file+".pcap", "10.200.0.11", c.deed, c.want)
		})
	}
}

// wantedCondition is a change of an alert that a capture is to give.
type wantedCondition struct {
	change, kind, severity, subject string
	after                           float64 // s after the deed, at most
	affected                        int
	words                           string // of the summary
}

// checkConditions replays a capture: the changes that are wanted come, all about
// one node, in time after a deed at a Unix time in s, and no other.
func checkConditions(t *testing.T, file, node string, deed float64, want []wantedCondition) {
	t.Helper()
	got, _ := conditions(t, file)
	var lines, wanted []string
	for _, g := range got {
		if g.Reason != "end_of_data" {
			lines = append(lines, fmt.Sprintf("%s %s %s %s %s on %s", g.Change, g.Kind, g.Severity, g.Subject.Type, g.Subject.Name, g.Subject.Node))
		}
	}
	for _, w := range want {
		wanted = append(wanted, fmt.Sprintf("%s %s %s %s on %s", w.change, w.kind, w.severity, w.subject, node))
	}
	if diff := cmp.Diff(wanted, lines); diff != "" {
		t.Fatalf("(-want +got)\n%s", diff)
	}
	for i, w := range want {
		g := got[i]
		if after := float64(g.At.UnixNano())/1e9 - deed; after < 0 || after > w.after {
			t.Errorf("%s %s %.2f s after the deed, want within %.2f", g.Change, g.Kind, after, w.after)
		}
		if w.change == "start" && g.Evidence.Affected != w.affected || !strings.Contains(g.Evidence.Summary, w.words) || len(g.Evidence.Facts) == 0 {
			t.Errorf("evidence %+v, want %d effects and %q", g.Evidence, w.affected, w.words)
		}
		if g.Incident == "" {
			t.Error("no incident")
		}
	}
}

// TestConditionsAreTheSameEveryTime replays twice: byte for byte the same.
func TestConditionsAreTheSameEveryTime(t *testing.T) {
	for _, name := range []string{"bridge-deleted", "flows-emptied"} {
		_, first := conditions(t, "testdata/ovs-"+name+".pcap")
		_, second := conditions(t, "testdata/ovs-"+name+".pcap")
		if diff := cmp.Diff(string(first), string(second)); diff != "" {
			t.Errorf("%s: (-first +second)\n%s", name, diff)
		}
	}
}
