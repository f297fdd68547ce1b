package site

import (
	"slices"
	"testing"
)

// TestExplanationsAreWhole: each kind is there once, in order, with two commands, and
// so are those of the collector itself.
func TestExplanationsAreWhole(t *testing.T) {
	var kinds []string
	for _, e := range Explanations() {
		kinds = append(kinds, string(e.Kind))
		if e.Meaning == "" || e.Confirm[0] == "" || e.Confirm[1] == "" || e.Causes == "" || e.Wrong == "" {
			t.Errorf("%+v", e)
		}
	}
	if !slices.IsSorted(kinds) || len(slices.Compact(slices.Clone(kinds))) != len(kinds) {
		t.Errorf("%q", kinds)
	}
	for _, k := range []string{"collector_deaf", "page_storm", "pagers_failing", "rule"} {
		if !slices.Contains(kinds, k) {
			t.Errorf("%s is not explained", k)
		}
	}
}
