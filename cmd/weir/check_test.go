package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
