package scenario

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestScenariosAreSound reads every scenario that there is.
func TestScenariosAreSound(t *testing.T) {
	groups, all, err := Load(filepath.Join("..", "scenarios"), nil)
	if err != nil {
		t.Fatal(err)
	}
	classes := map[string]int{}
	names := map[string]string{}
	for _, s := range all {
		classes[s.Class]++
		if other, twice := names[s.Name]; twice {
			t.Errorf("%s and %s have one name", s.File, other)
		}
		names[s.Name] = s.File
	}
	for _, c := range []string{"H1", "H2", "H3", "H4", "H5"} {
		if classes[c] == 0 {
			t.Errorf("no scenario of class %s", c)
		}
	}
	for _, g := range groups {
		used := false
		for _, s := range all {
			used = used || s.Group == g.Name
			if s.Times(s.Loss[0]) != s.Runs || s.Times("none") > s.Runs {
				t.Errorf("%s: %d runs, %d at another loss", s.File, s.Runs, s.Times("none"))
			}
		}
		if !used {
			t.Errorf("nobody uses the nodes %s", g.Name)
		}
	}
}

// TestMistakesAreNamed: a file that is wrong says what.
func TestMistakesAreNamed(t *testing.T) {
	const nodes = "- {name: linux, count: 1, switch: linux}\n"
	for _, c := range []struct{ name, nodes, text, want string }{
		{"unknown key", nodes, "nme: x", "field nme not found"},
		{"no time", nodes, "name: x\nfor: soon", `"soon" is no time`},
		{"unknown group", nodes, "name: x\ngroup: moon\nevent: [{wait: 1s}]\nfor: 1s", `no group "moon"`},
		{"no event", nodes, "name: x\ngroup: linux\nfor: 1s", "no event"},
		{"nothing expected and no time", nodes, "name: x\ngroup: linux\nevent: [{wait: 1s}]", "needs for"},
		{"unknown loss", nodes, "name: x\ngroup: linux\nevent: [{wait: 1s}]\nfor: 1s\nloss: [most]", `loss "most"`},
		{"unknown subject", nodes, "name: x\ngroup: linux\nsubject: cat\nevent: [{wait: 1s}]\nfor: 1s", `subject "cat"`},
		{"unknown switch", "- {name: a, count: 1, switch: cisco}\n", "name: x", `switch "cisco"`},
		{"no nodes", "- {name: a, switch: ovs}\n", "name: x", "1 to 64 nodes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"nodes.yaml": c.nodes, "a.yaml": c.text} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, _, err := Load(dir, nil); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

var began = time.Unix(1_700_000_000, 0).UTC()

// told is a run whose alerts start after so many ms; the first of kind is a hit.
func told(kinds ...string) Run {
	r := Run{Scenario: "s", Loss: "0", Node: "n", Began: began, Done: began, Hit: -1}
	for i, k := range kinds {
		a := Alert{Arrived: began.Add(time.Duration(i+1) * 100 * time.Millisecond), ID: k, Change: "start", Kind: k, Severity: "critical", State: "confirmed"}
		a.Subject.Type = "node"
		a.Evidence.Facts = []Fact{{At: began.Add(50 * time.Millisecond), What: "something <bad>"}}
		r.Alerts = append(r.Alerts, a)
		if k == "right" && r.Hit < 0 {
			r.Hit = i
		}
	}
	return r
}

// TestScore counts runs by hand.
func TestScore(t *testing.T) {
	s := &Scenario{Name: "s", Expect: &Expect{Kind: "right", Within: Duration(150 * time.Millisecond)}, Matrix: "m"}
	unplayed := told("wrong")
	unplayed.Failed = "no disk"
	runs := []Run{told("right"), told("wrong", "right"), told(), told("right"), unplayed}
	c := NewScore(s, "0", runs)
	if c.Runs != 4 || c.Told != 3 || c.Right != 2 || c.Unplayed != 1 || c.Met {
		t.Errorf("%+v", c)
	}
	if c.P50 != Duration(100*time.Millisecond) || c.P99 != Duration(200*time.Millisecond) || c.PerRun50 != 1 || c.PerRun99 != 2 {
		t.Errorf("%+v", c)
	}
	if got := strings.Join(c.Missed, "; "); got != "1 of 4 not told; p99 200ms above 150ms" {
		t.Errorf("missed: %s", got)
	}
	m := NewMatrices([]Scenario{*s}, runs)
	if len(m) != 1 || m[0].Right != 2 || m[0].Runs != 4 || len(m[0].Told) != 3 {
		t.Errorf("%+v", m)
	}
	quiet := &Scenario{Name: "s", For: Duration(time.Second)}
	if c := NewScore(quiet, "0", []Run{told(), told("wrong")}); c.False != 1 || c.Right != 1 || c.Met {
		t.Errorf("%+v", c)
	}
	if c := NewScore(quiet, "0", []Run{told()}); !c.Met {
		t.Errorf("%+v", c)
	}
}

// TestEffectsInTime: a list of effects that is whole too late counts as one that is
// not.
func TestEffectsInTime(t *testing.T) {
	s := &Scenario{Name: "s", Expect: &Expect{Kind: "right", Within: Duration(time.Second), Effects: 3}}
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{9 * time.Second, ""}, {11 * time.Second, "1 of 1 list fewer than 3 effects within 10s"}} {
		r := told("right")
		more := r.Alerts[0]
		more.Change, more.Arrived, more.Evidence.Affected = "update", r.Began.Add(c.after), 3
		r.Alerts = append(r.Alerts, more)
		if got := strings.Join(NewScore(s, "0", []Run{r}).Missed, "; "); got != c.want {
			t.Errorf("whole after %v: missed %q, want %q", c.after, got, c.want)
		}
	}
}

// TestExpectation: kind, type, name, severity and cause must all be those.
func TestExpectation(t *testing.T) {
	line := `{"at":"2026-11-22T07:55:00.5Z","id":"i","change":"start","kind":"bridge_down","state":"confirmed","severity":"critical",` +
		`"subject":{"type":"bridge","node":"cn1","agent":"10.0.0.1","name":"br-7"},"evidence":{"summary":"switched off","cause":"ip, process 7","facts":[{"at":"2026-11-22T07:55:00Z","what":"w"}]}}`
	a, err := ParseAlert([]byte(line), began)
	if err != nil {
		t.Fatal(err)
	}
	fill := func(s string) string { return strings.ReplaceAll(s, "{bridge}", "br-7") }
	for _, c := range []struct {
		name string
		e    Expect
		want bool
	}{
		{"kind alone", Expect{Kind: "bridge_down"}, true},
		{"everything", Expect{Kind: "bridge_down", Type: "bridge", Name: "{bridge}", Severity: "critical", Cause: "ip"}, true},
		{"another kind", Expect{Kind: "node_down"}, false},
		{"another type", Expect{Kind: "bridge_down", Type: "node"}, false},
		{"another name", Expect{Kind: "bridge_down", Name: "br-8"}, false},
		{"another severity", Expect{Kind: "bridge_down", Severity: "warning"}, false},
		{"another cause", Expect{Kind: "bridge_down", Cause: "nft"}, false},
	} {
		if got := c.e.Is(&a, fill); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	whole, err := ParseAlert([]byte(strings.ReplaceAll(strings.ReplaceAll(line, `"type":"bridge"`, `"type":"node"`), `,"name":"br-7"`, "")), began)
	if e := (Expect{Kind: "bridge_down", Type: "node", Name: "cn1"}); err != nil || !e.Is(&whole, fill) {
		t.Errorf("an alert about a node as a whole is not called by the node's name: %+v, %v", whole.Subject, err)
	}
	if e := (Expect{Kind: "bridge_down", Name: "cn1"}); e.Is(&a, fill) {
		t.Error("an alert about a part of a node is called by the node's name")
	}
	if _, err := ParseAlert([]byte("no JSON"), began); err == nil {
		t.Error("no error of what is no JSON")
	}
}

// TestTimeline: the picture is XML with event, evidence and alert in it.
func TestTimeline(t *testing.T) {
	s := &Scenario{Class: "H1", Name: "a <b>", Expect: &Expect{Kind: "right"}}
	for name, runs := range map[string][]Run{"told": {told("right"), told("right")}, "not told": {told()}} {
		b := Timeline(s, runs)
		if err := xml.Unmarshal(b, new(struct{})); err != nil {
			t.Errorf("%s: %v\n%s", name, err, b)
		}
		for _, want := range []string{"a &lt;b&gt;", "begins: n"} {
			if !strings.Contains(string(b), want) {
				t.Errorf("%s: no %q", name, want)
			}
		}
		if name == "told" && (!strings.Contains(string(b), "something &lt;bad&gt;") || !strings.Contains(string(b), "start right")) {
			t.Errorf("no evidence or alert in\n%s", b)
		}
	}
}
