package scan

import "math/bits"

// Octets of what is kept, on a 64-bit machine; a test holds them to the truth.
const (
	placeBytes   = 537 // of a source
	findingBytes = 240
	alertBytes   = 700
	buffers      = 3 // of findings, on both sides of the hand-over
)

// Bytes returns the memory of the table, with its part of the hand-over.
func (t *Table) Bytes() int { return len(t.sources)*placeBytes + buffers*HandOver*findingBytes }

// TableLimit returns what each table takes.
func (c *Config) TableLimit() int {
	return buckets(c.Sources)*ways*placeBytes + buffers*HandOver*findingBytes
}

// buckets returns how many there are for at least n places.
func buckets(n int) int { return 1 << bits.Len(uint(max(n, ways)-1)/ways) }

// TrackerLimit returns what the tracker takes at most.
func (c *Config) TrackerLimit() int { return c.Alerts * alertBytes }
