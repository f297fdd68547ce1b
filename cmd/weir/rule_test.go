package main

import (
	"strings"
	"testing"
)

func TestRulesOfReadsYAMLAndJSON(t *testing.T) {
	const a, b = `{"key":["dst"],"name":"a","threshold":"1Gbit/s"}`, `{"key":"src","name":"b","threshold":5}`
	for _, c := range []struct{ name, text, want string }{
		{"JSON", `{"name":"a","key":["dst"],"threshold":"1Gbit/s"}`, a},
		{"YAML", "name: a\nkey: [dst]\nthreshold: 1Gbit/s\n", a},
		{"a list", "- name: a\n  key: [dst]\n  threshold: 1Gbit/s\n- {name: b, key: src, threshold: 5}\n", a + b},
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
		if err == nil || !strings.HasPrefix(err.Error(), "-: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %s, %v", bad, got, err)
		}
	}
}

func TestTokenPrintsATokenAndItsHash(t *testing.T) {
	code, out, errs := weir(t, "token")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 0 || len(lines) != 2 || !strings.HasPrefix(lines[0], "token: weir_") || !strings.HasPrefix(lines[1], "hash: sha256:") {
		t.Errorf("%d %q %q", code, out, errs)
	}
}
