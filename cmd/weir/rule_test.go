package main

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"weir/cmd/internal/commandline"
)

func TestRulesOfReadsYAMLAndJSON(t *testing.T) {
	const a, b = `{"key":["dst"],"name":"a","threshold":"1Gbit/s"}`, `{"key":"src","name":"b","threshold":"5Mbit/s"}`
	for _, c := range []struct{ name, text, want string }{
		{"JSON", `{"name":"a","key":["dst"],"threshold":"1Gbit/s"}`, a},
		{"YAML", "name: a\nkey: [dst]\nthreshold: 1Gbit/s\n", a},
		{"a list", "- name: a\n  key: [dst]\n  threshold: 1Gbit/s\n- {name: b, key: src, threshold: 5Mbit/s}\n", a + b},
		{"a part of the configuration", "rules:\n- name: a\n  key: [dst]\n  threshold: 1Gbit/s\n", a},
	} {
		got, err := rulesOf(strings.NewReader(c.text), "-")
		var all string
		for _, body := range got {
			all += string(body)
		}
		if err != nil || all != c.want {
			t.Errorf("%s: %s, %v", c.name, all, err)
		}
	}
	for _, bad := range []string{"", "[]", "a: [", "[1]", "rules: []", "a", "x: 1\nx: 2", strings.Repeat("x", maxRuleFile+1)} {
		got, err := rulesOf(strings.NewReader(bad), "-")
		if err == nil || !strings.HasPrefix(err.Error(), "-:") || commandline.Report(io.Discard, "weir", err) != commandline.ExitUsage {
			t.Errorf("%.20q: %s, %v", bad, got, err)
		}
	}
}

// All mistakes of all rules are told, with their lines, before anybody is asked.
func TestRuleAddTellsAllMistakes(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	name := file(t, "rules.yaml", `rules:
- {name: right, key: dst, threshold: 5Gbit/s}
- name: wrong
  key: dts
  filter: dst_prt = 53
  threshold: much
- name: unknown
  key: scr
  kye: dst
  threshold: much
`)
	code, out, errs := weir(t, "rule", "add", name)
	var got []string
	for line := range strings.Lines(errs) {
		if at, _, ok := strings.Cut(strings.TrimPrefix(line, "weir: "+name), ": \""); ok && strings.HasPrefix(at, ":") {
			got = append(got, at)
		} else if at, _, ok := strings.Cut(strings.TrimPrefix(line, "weir: "+name), ": unknown key"); ok {
			got = append(got, at)
		}
	}
	slices.Sort(got)
	want := []string{":4: rule.key[0]", ":5: rule.filter", ":6: rule.threshold", ":8: rule.key[0]", ":9: rule.kye"}
	if diff := cmp.Diff(want, got); code != 2 || out != "" || diff != "" || !strings.Contains(errs, "dst_prt = 53\n        ^^^^^^^\n") {
		t.Errorf("exit %d, %s%s (-want +got)\n%s", code, out, errs, diff)
	}
	// Of one that is right there is nobody to say more.
	code, _, errs = weir(t, "rule", "add", file(t, "rule.yaml", "{name: right, key: dst, threshold: 5Gbit/s}"))
	if code != 1 || !strings.Contains(errs, "weir run") {
		t.Errorf("exit %d, %s", code, errs)
	}
}

func TestTokenPrintsATokenAndItsHash(t *testing.T) {
	code, out, errs := weir(t, "token")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 || !strings.HasPrefix(lines[0], "token: weir_") || !strings.HasPrefix(lines[1], "hash: sha256:") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}
