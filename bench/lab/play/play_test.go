package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/bench/lab"
	"weir/bench/lab/scenario"
)

// folder of the scenarios, from here.
var folder = filepath.Join("..", "scenarios")

// TestShortSelection plays one or two runs of what needs no virtual machines on
// real nodes: every alert that is expected comes, and nothing else. How fast is
// for `make lab` to say: a machine that builds and tests is no measure.
func TestShortSelection(t *testing.T) {
	lab.Need(t, "ip", "ethtool", "iperf3", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "nft", "iptables-nft", "iptables-legacy", "/dev/net/tun")
	if testing.Short() {
		t.Skip("takes most of a minute")
	}
	groups, all, err := scenario.Load(folder, []string{"linux-bridge-down", "linux-bridge-deleted", "nic-down", "rules-nft", "rules-legacy", "rules-reloaded", "ovs-bridge-deleted-agent", "ovs-sampling-down", "bond-lost"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].Loss = all[i].Loss[:1]
		if e := all[i].Expect; e != nil {
			e.Within, e.P50, e.Patience = scenario.Duration(20*time.Second), 0, scenario.Duration(20*time.Second)
		}
	}
	for i := range groups {
		groups[i].Count, groups[i].Bridges = 2, min(groups[i].Bridges, 2)
	}
	r, err := playAll(t.Context(), options{dir: folder, short: true, runs: 1, settle: 16 * time.Second}, groups, all)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	r.text(&text)
	t.Log(text.String())
	for _, c := range r.Scores {
		if c.Runs == 0 || c.Unplayed > 0 || c.Told < c.Runs && c.Target99 > 0 || c.False > 0 {
			t.Errorf("%s: %d runs, %d told, %d false alarms, %d not played", c.Scenario, c.Runs, c.Told, c.False, c.Unplayed)
		}
	}
	for _, s := range r.Strays {
		t.Errorf("a false alarm: %s %q on %s: %s", s.Alert.Class(), s.Alert.Subject.Name, s.Alert.Subject.Node, s.Alert.Evidence.Summary)
	}
	dir := t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"lab.json", "lab.md", "lab/linux-bridge-down.svg"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(b) < 500 {
			t.Errorf("%s: %d octets, %v", name, len(b), err)
		}
	}
}

// TestCommandLine: a mistake is one line that names it.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		name string
		o    options
		want string
	}{
		{"no such scenario", options{dir: folder, runs: 1, only: []string{"nonsense"}}, `no scenario "nonsense"`},
		{"no such loss", options{dir: folder, runs: 1, loss: "7"}, "-loss 7: choose from 0, 1, 5, bursts"},
		{"no such folder", options{dir: "nowhere", runs: 1}, "nowhere"},
		{"too many runs", options{dir: folder, runs: -1}, "-runs -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := run(t.Context(), c.o, io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	var text bytes.Buffer
	if _, err := run(t.Context(), options{dir: folder, runs: 1, list: true}, &text); err != nil || !strings.Contains(text.String(), "linux-bridge-down") {
		t.Errorf("%v: %s", err, text.String())
	}
}

// TestAbsentProgram: what needs a program that is not here is not played, and that
// is a target missed, with the program's name.
func TestAbsentProgram(t *testing.T) {
	groups, all, err := scenario.Load(folder, []string{"hsflowd-killed", "nic-down"})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	r := &results{}
	left, played := r.leaveOut(groups, all)
	var text bytes.Buffer
	r.text(&text)
	if len(played) != 1 || played[0].File != "nic-down" || len(left) >= len(groups) || r.missed() != 1 || !strings.Contains(text.String(), "NO: not played: no hsflowd") {
		t.Errorf("%d scenarios of %d groups are played, %d missed:\n%s", len(played), len(left), r.missed(), text.String())
	}
}

// TestIDTwice: an alert that begins under the id of one that has ended is no alert of
// the run that it comes in, and is told of.
func TestIDTwice(t *testing.T) {
	alert := func(change string) (a scenario.Alert) {
		a.ID, a.Change, a.Kind, a.Subject.Agent = "k-1", change, "bridge_down", "10.0.0.1"
		return a
	}
	begin := func() *act {
		return &act{scenario: &scenario.Scenario{Expect: &scenario.Expect{Kind: "bridge_down"}}, run: scenario.Run{Hit: -1}, hit: make(chan struct{}), changed: make(chan struct{}, 1)}
	}
	first, second := begin(), begin()
	p := &player{owner: &owner{}, active: map[string]*act{"10.0.0.1": first}, byAlert: map[string]*act{}, ended: map[string]bool{}}
	p.heard(alert("start"))
	p.heard(alert("end"))
	p.active["10.0.0.1"] = second
	if len(p.strays) != 0 || first.run.Hit != 0 {
		t.Fatalf("%d strays, hit %d", len(p.strays), first.run.Hit)
	}
	p.heard(alert("start"))
	if len(p.strays) != 1 || second.run.Hit >= 0 {
		t.Errorf("%d strays, hit %d", len(p.strays), second.run.Hit)
	}
}
