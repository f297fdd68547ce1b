package collector

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// How much memory weir aims at, in octets: what a collector and a shard have in
// any case, and what an interface takes in the registry, the model of the site
// and the time series. Measured at 50,000 interfaces, where live objects take
// two thirds of it.
const (
	memoryBase      = 120 << 20
	memoryShard     = 40 << 20
	memoryInterface = 8 << 10
)

// memoryLimit is what the collector aims at, given what lives: less than a fifth
// as much again as that would have it collect garbage without an end.
func memoryLimit(shards, interfaces int, live uint64) int64 {
	return max(memoryBase+memoryShard*int64(shards)+memoryInterface*int64(interfaces), int64(live)+int64(live)/5)
}

// limitMemory has garbage collected more often as the process nears what it aims
// at. GOMEMLIMIT in the environment holds before it.
func (a *app) limitMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	if live[0].Value.Kind() == metrics.KindUint64 {
		debug.SetMemoryLimit(memoryLimit(len(a.shards), a.shared.Totals().Interfaces, live[0].Value.Uint64()))
	}
}
