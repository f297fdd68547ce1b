package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
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
