package detect

import (
	"weir/detect/flood"
	"weir/detect/largeflow"
)

// Bounds that no configuration changes.
const (
	MaxFloodPorts  = flood.MaxPorts // interfaces of which it is known whether traffic enters there
	MaxUsualGroups = usualGroups    // groups of flows of which it is known when they are usual
)

// Memory is the memory of the detectors, in octets.
type Memory struct {
	LargeFlow, Flood, Scan, Links, Top int
}

// Add adds o.
func (m *Memory) Add(o Memory) {
	m.LargeFlow += o.LargeFlow
	m.Flood += o.Flood
	m.Scan += o.Scan
	m.Links += o.Links
	m.Top += o.Top
}

const (
	saturationBytes = 200 // of a link that is full
	habitBytes      = 128 // of a group of flows
	ratesBytes      = 64  // of counters that wait
)

func (s *Shard) memory() Memory {
	m := Memory{LargeFlow: s.table.Bytes(), Links: 2 * linkBatch * ratesBytes}
	m.Flood, m.Scan = s.attacks.floods.Bytes(), s.attacks.scans.Bytes()
	return m
}

func (e *Engine) memory() Memory {
	return Memory{
		LargeFlow: e.tracker.Bytes(), Flood: e.attacks.floods.Bytes(),
		Links: len(e.links.links)*saturationBytes + len(e.habits.groups)*habitBytes,
	}
}

// MemoryLimit returns what the detectors take at most with so many shards.
func (c Config) MemoryLimit(shards int) Memory {
	c = c.withDefaults()
	c.Flood.Config, c.Scan.Config = c.Flood.WithDefaults(), c.Scan.WithDefaults()
	return Memory{
		LargeFlow: shards*largeflow.TableLimit(c.LargeFlow.Keys) + largeflow.TrackerLimit(c.LargeFlow.Hot),
		Flood:     shards*c.Flood.TableLimit() + c.Flood.TrackerLimit(),
		Scan:      shards*c.Scan.TableLimit() + c.Scan.TrackerLimit(),
		Links:     shards*2*linkBatch*ratesBytes + maxLinks*saturationBytes + usualGroups*habitBytes,
		Top:       shards * c.Top.Bytes(),
	}
}
