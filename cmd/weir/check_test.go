package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/cmd/internal/commandline"
	"weir/collector/agents"
	"weir/collector/config"
)

func TestSampleEqualsTheDefaults(t *testing.T) {
	got, err := config.Parse("sample", []byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	if a, r := config.Changes(config.Default(), got); a != nil || r != nil {
		t.Errorf("the sample differs from the defaults in %v %v", a, r)
	}
}

func TestSampleNamesEveryKeyOnce(t *testing.T) {
	var got []string
	group := ""
	for line := range strings.Lines(sample) {
		m := regexp.MustCompile(`^( *)([a-z_]+):(.*)`).FindStringSubmatch(line)
		switch {
		case m == nil:
		case m[1] != "":
			got = append(got, group+"."+m[2])
		case m[3] == "":
			group = m[2]
		default:
			got = append(got, m[2])
		}
	}
	if diff := cmp.Diff(config.Keys(), got); diff != "" {
		t.Errorf("keys of the sample (-want +got)\n%s", diff)
	}
}

func TestLimitsTableNamesEveryLimit(t *testing.T) {
	for _, k := range config.Keys() {
		if name, ok := strings.CutPrefix(k, "limits."); ok && !regexp.MustCompile(`(?m)^#   `+name+` +\S`).MatchString(sample) {
			t.Errorf("the table of limits has no line for %s", name)
		}
	}
}

const someRules = `
rules:
  - {name: dns, key: [dst], value: packets_per_second, threshold: 20kpps, window: 5s, filter: proto = udp}
  - {name: udp, key: [dst], value: packets_per_second, threshold: 50kpps, window: 60s, filter: "proto in (udp, icmp)"}
  - {name: errors, watch: if_in_errors rate > 10/s, off: true}
`

func TestCheckExplainsEveryDetectorAndRule(t *testing.T) {
	name := file(t, "weir.yaml", "shards: 2\nstate_dir: "+t.TempDir()+someRules)
	code, out, stderr := weir(t, "check", "--config", name, "--sampling", "1:1000,10000")
	if code != 0 || stderr != "" {
		t.Fatalf("code %d, errors %q", code, stderr)
	}
	for _, want := range []string{
		"sampling        1:1000, 1:10000 (as named)\n",
		"\nlarge_flow      raises an info alert when one flow reaches 10% of its link; one of twice that is suspected (and confirmed), half of the times within ",
		"\nlink_saturated  raises a warning alert when a link ",
		"\nflood           raises a warning alert when a host gets 1kpps of SYN, ",
		"\nscan            raises an info alert when ",
		`rules[0]        "dns" raises a warning alert when the packet rate of one dst (only proto = udp) reaches 20kpps over 5 s; traffic of twice that is told after about 2.5 s at 1:1000, about 3 s at 1:10000`,
		`rules[2]        "errors" off: would raise a warning alert when if_counters.if_in_errors changes by more than 10 a second;`,
		"memory          the rules' tables take 2.9 MB in each of 2 shards, 5.9 MB in all\n",
		`warning         rules[0] "dns": 20kpps at 1:10000 needs about 6 s of samples, and the window is 5 s: alerts come only from 24kpps; set a window of 6s or a threshold of that`,
		`warning         rules[0] "dns" and rules[1] "udp" overlap: the same traffic can raise both`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if n := strings.Count(out, "warning  "); n != 2 {
		t.Errorf("%d warnings in\n%s", n, out)
	}
	if code, out, _ := weir(t, "check", "--quiet", "--config", name); code != 0 || out != name+": ok\n" {
		t.Errorf("--quiet: code %d, output %q", code, out)
	}
	for _, rate := range []string{"0", "1:0", "often", "1:5000000000"} {
		if code, _, stderr := weir(t, "check", "--config", name, "--sampling", rate); code != commandline.ExitUsage || !strings.Contains(stderr, rate) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("--sampling %s: code %d, errors %q", rate, code, stderr)
		}
	}
}

func TestCheckPointsIntoTheFilter(t *testing.T) {
	name := file(t, "weir.yaml", "rules:\n  - name: a\n    key: [dst]\n    threshold: 5Mbit/s\n    filter: proto = tcp and prot = 5\n")
	code, out, stderr := weir(t, "check", "--config", name)
	want := "weir: " + name + `:5: rules[0].filter: "proto = tcp and prot = 5": column 17: "prot" is no field; write proto` + "\n" +
		"        proto = tcp and prot = 5\n                        ^^^^\n"
	if code != commandline.ExitConfig || out != "" {
		t.Errorf("code %d, output %q", code, out)
	}
	if diff := cmp.Diff(want, stderr); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCheckAsksTheRunningCollectorForItsRates(t *testing.T) {
	r := &running{}
	for i := range uint32(9) {
		r.agents = append(r.agents, &agents.AgentInfo{Number: i, Sources: []agents.SourceInfo{{}, {UsedRate: 100 * (i + 1)}}})
	}
	name := serve(t, r)
	code, out, stderr := weir(t, "check", "--config", name)
	if want := "sampling        1:100, 1:300, 1:600, 1:900 (of the running collector)\n"; code != 0 || !strings.Contains(out, want) {
		t.Errorf("code %d, no %q in\n%s%s", code, want, out, stderr)
	}
}
