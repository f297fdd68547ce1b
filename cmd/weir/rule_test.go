package main

import (
	"strings"
	"testing"
)

func TestRuleOfReadsYAMLAndJSON(t *testing.T) {
	for _, text := range []string{`{"name":"a","key":["dst"],"threshold":"1Gbit/s"}`, "name: a\nkey: [dst]\nthreshold: 1Gbit/s\n"} {
		b, err := ruleOf(strings.NewReader(text), "-")
		if err != nil || string(b) != `{"key":["dst"],"name":"a","threshold":"1Gbit/s"}` {
			t.Errorf("%s: %s, %v", text, b, err)
		}
	}
	for _, bad := range []string{"", "[]", "a: [", strings.Repeat("x", maxRuleFile+1)} {
		if b, err := ruleOf(strings.NewReader(bad), "-"); err == nil || !strings.HasPrefix(err.Error(), "-: ") {
			t.Errorf("%.20q: %s, %v", bad, b, err)
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
