package collector

import "testing"

func TestMemoryLimit(t *testing.T) {
	for _, c := range []struct {
		name               string
		shards, interfaces int
		live               uint64
		want               int64
	}{
		{"nothing known", 2, 0, 10 << 20, 200 << 20},
		{"1,000 agents of 50 interfaces", 2, 50_000, 400 << 20, 200<<20 + 50_000*8<<10},
		{"more than was thought", 2, 0, 300 << 20, 360 << 20},
	} {
		if got := memoryLimit(c.shards, c.interfaces, c.live); got != c.want {
			t.Errorf("%s: %d MB, want %d", c.name, got>>20, c.want>>20)
		}
	}
}
