package prefetch

import "testing"

// Any address may be asked for, also one behind which nothing is, and nothing
// is allocated.
func TestAnyAddressMayBeAskedFor(t *testing.T) {
	type entry struct{ words [64]uint64 }
	all := make([]entry, 3)
	if n := testing.AllocsPerRun(100, func() {
		for i := range all {
			Line(&all[i])
			Five(&all[i].words[i])
		}
		Five(&all[2].words[63])
		Line[entry](nil)
		Five[entry](nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if all[0] != (entry{}) {
		t.Error("what was asked for has changed")
	}
}
