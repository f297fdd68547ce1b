package detect

import (
	"math"
	"runtime"
	"testing"

	"weir/detect/flood"
	"weir/detect/largeflow"
	"weir/detect/scan"
)

// allocated returns the octets that f allocates.
func allocated(f func() any) float64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	x := f()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(x)
	return float64(after.TotalAlloc - before.TotalAlloc)
}

// TestMemoryIsWhatIsStated compares the stated memory of the tables with what
// their makers allocate; two of the three buffers of a hand-over are made by
// the shard.
func TestMemoryIsWhatIsStated(t *testing.T) {
	for _, n := range []int{8192, 65536} {
		fc, sc := flood.Default(), scan.Default()
		fc.Hosts, sc.Sources = n, n
		var ft *flood.Table
		var st *scan.Table
		var lt *largeflow.Table
		is := map[string]float64{
			"flood": allocated(func() any { ft = flood.NewTable(fc, 1); return []any{ft, flood.NewBatch(), flood.NewBatch()} }),
			"scan": allocated(func() any {
				st = scan.NewTable(sc, 1)
				return []any{st, make([]scan.Finding, scan.HandOver), make([]scan.Finding, scan.HandOver)}
			}),
			"large_flow": allocated(func() any {
				lt = largeflow.NewTable(largeflow.Thresholds{All: largeflow.Threshold{Share: 0.1}}, largeflow.DefaultBudget, n, 1)
				return []any{lt, make([]largeflow.Record, largeflow.HandOver), make([]largeflow.Record, largeflow.HandOver)}
			}),
		}
		for name, stated := range map[string]int{"flood": ft.Bytes(), "scan": st.Bytes(), "large_flow": lt.Bytes()} {
			if math.Abs(float64(stated)/is[name]-1) > 0.06 {
				t.Errorf("%s with %d places: states %d octets, takes %.0f", name, n, stated, is[name])
			}
		}
		if l := fc.TableLimit(); l < ft.Bytes() {
			t.Errorf("flood limit %d below use %d", l, ft.Bytes())
		}
		if l := sc.TableLimit(); l < st.Bytes() {
			t.Errorf("scan limit %d below use %d", l, st.Bytes())
		}
	}
}

func TestMemoryStaysBelowItsLimit(t *testing.T) {
	cfg := DefaultConfig()
	limit := cfg.MemoryLimit(1)
	s := NewShard(cfg, 1)
	e := NewEngine(cfg, []*Shard{s}, nil)
	m := s.memory()
	m.Add(e.memory())
	if m.LargeFlow > limit.LargeFlow || m.Flood > limit.Flood || m.Scan > limit.Scan || m.Links > limit.Links || m.Scan == 0 || m.Flood == 0 {
		t.Errorf("idle %+v, limit %+v", m, limit)
	}
	if limit.LargeFlow+limit.Flood+limit.Scan+limit.Links > 300e6 {
		t.Errorf("by default at most %+v", limit)
	}
}
