package fact

import (
	"testing"
)

// TestCutHeaders: a shorter header than before tells something only when no
// longer one follows, since a source may cut each where its own layers end.
func TestCutHeaders(t *testing.T) {
	g, p := NewGatherer(Keys{}), &point{agent: 1, index: 7}
	told := func() (all []uint64) {
		for _, f := range g.facts {
			all = append(all, f.A)
		}
		g.facts = g.facts[:0]
		return all
	}
	g.cut(p, 42)
	g.cut(p, 104)
	if got := told(); len(got) != 2 || got[1] != 104 {
		t.Errorf("longer headers: %v, want each at once", got)
	}
	for i := range uint32(1000) {
		if i%10 == 0 {
			g.cut(p, 104)
		} else {
			g.cut(p, 42)
		}
	}
	if got := told(); len(got) != 0 {
		t.Errorf("headers of 42 and 104 octets: %v, want nothing", got)
	}
	for range 2 * cutRun {
		g.cut(p, 42)
	}
	if got := told(); len(got) != 1 || got[0] != 42 {
		t.Errorf("headers of 42 octets alone: %v, want it once", got)
	}
}
