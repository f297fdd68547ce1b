package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"weir/cmd/internal/commandline"
)

// elephant is a capture of a real Open vSwitch.
const elephant = "../../collector/testdata/ovs-elephant.pcap"

func TestReplayPrintsAlerts(t *testing.T) {
	args := []string{"replay", "--json", "--threshold", "5Mbit/s", elephant}
	code, first, stderr := weir(t, args...)
	if code != 0 || !strings.Contains(stderr, `"message":"replayed"`) || strings.Contains(stderr, "\x1b") {
		t.Fatalf("code %d, errors %q", code, stderr)
	}
	var changes []string
	for line := range strings.Lines(first) {
		var a alertLine
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		changes = append(changes, a.Change)
		if a.Subject.Src != "10.9.0.1" || a.Subject.Dst != "10.9.0.2" {
			t.Errorf("alert %s", line)
		}
	}
	if n := len(changes); n < 3 || changes[0] != "start" || changes[n-1] != "end" {
		t.Errorf("changes %v", changes)
	}
	if _, second, _ := weir(t, args...); second != first {
		t.Errorf("the second replay differs:\n%s\n%s", first, second)
	}
	// Ten per cent of a link of 10 Gbit/s.
	if code, out, _ := weir(t, "replay", "--threshold", "10%", elephant); code != 0 || out != "" {
		t.Errorf("--threshold 10%%: code %d, output %q", code, out)
	}
}

func TestReplayOfACutFileWarns(t *testing.T) {
	whole, err := os.ReadFile(elephant)
	if err != nil {
		t.Fatal(err)
	}
	cut := file(t, "cut.pcap", string(whole[:len(whole)/2]))
	code, _, stderr := weir(t, "replay", cut)
	if code != 0 || strings.Count(stderr, cut) != 1 || !strings.Contains(stderr, "cut in the middle") {
		t.Errorf("code %d, errors %q", code, stderr)
	}
}

func TestReplayRefusesInOneLine(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no capture", []string{"replay", file(t, "text", "some text that is long enough")}, 1, "not a capture file"},
		{"no file", []string{"replay", "missing.pcap"}, 1, "missing.pcap"},
		{"no configuration", []string{"replay", "--config", "none.yaml", elephant}, 78, "none.yaml: cannot be read: no such file or directory; name a file this user can read with --config FILE"},
		{"no rules", []string{"replay", "--rules", "none.yaml", elephant}, 78, "none.yaml: cannot be read: no such file or directory; name a file this user can read with --rules FILE"},
		{"nothing to compare with", []string{"replay", "--compare", "none.yaml", elephant}, 78, "none.yaml: cannot be read: no such file or directory; name a file this user can read with --compare FILE"},
		{"no threshold", []string{"replay", "--threshold", "much", elephant}, 2, "much"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := weir(t, c.args...)
			if code != c.code || out != "" || !strings.HasPrefix(stderr, "weir: ") || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("code %d, output %q, errors %q; want %d and one line with %q", code, out, stderr, c.code, c.want)
			}
		})
	}
}

func TestReplayComparesTwoConfigurations(t *testing.T) {
	before := file(t, "old.yaml", "rules:\n  - {name: both, key: [dst], threshold: 5Mbit/s, window: 2s}\n  - {name: gone, key: [src], threshold: 5Mbit/s, window: 2s}\n")
	after := file(t, "new.yaml", "large_flow: {threshold: 5Mbit/s}\nrules:\n  - {name: both, key: [dst], threshold: 7Mbit/s, window: 2s}\n")
	args := []string{"replay", "--rules", after, "--compare", before, elephant}
	code, out, _ := weir(t, args...)
	if code != 0 {
		t.Fatalf("code %d", code)
	}
	rows := strings.Split(strings.TrimSpace(out), "\n")
	for i, want := range []string{"ALERT  ", `only old  rule "gone" src=10.9.0.1 `, "only new  large flow 10.9.0.1:", `both      rule "both" dst=10.9.0.2 `, "1 alerts only under the old configuration, 1 only under the new one, 1 under both"} {
		if i >= len(rows) || !strings.Contains(rows[i], want) {
			t.Fatalf("no %q in row %d of\n%s", want, i, out)
		}
	}
	if _, second, _ := weir(t, args...); second != out {
		t.Errorf("the second time differs:\n%s\n%s", out, second)
	}
	code, out, _ = weir(t, append(args, "--json")...)
	var c struct {
		A []map[string]any `json:"only_old"`
		B []map[string]any `json:"only_new"`
		C []map[string]any `json:"both"`
	}
	if err := json.Unmarshal([]byte(out), &c); err != nil || code != 0 || len(c.A) != 1 || len(c.B) != 1 || len(c.C) != 1 || c.C[0]["old"] == nil || c.C[0]["new"] == nil {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
}

func TestReplayRefusesWrongRules(t *testing.T) {
	bad := file(t, "bad.yaml", "rules:\n  - {name: a, key: [dst], threshold: 0pps, value: packets_per_second}\n")
	good := file(t, "good.yaml", "")
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"rules", []string{"--rules", bad}, commandline.ExitConfig, bad + `:2: rules[0].threshold: "0pps": is zero`},
		{"compare", []string{"--compare", bad}, commandline.ExitConfig, bad + ":2: "},
		{"no file", []string{"--compare", "none.yaml"}, commandline.ExitConfig, "none.yaml: cannot be read"},
		{"two configurations", []string{"--config", good, "--rules", good}, commandline.ExitUsage, "--rules and --config both name a configuration"},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, out, stderr := weir(t, append([]string{"replay", elephant}, c.args...)...)
			if code != c.code || out != "" || !strings.Contains(stderr, c.want) || strings.Count(stderr, "\n") != 1 {
				t.Errorf("code %d, output %q, errors %q", code, out, stderr)
			}
		})
	}
}
