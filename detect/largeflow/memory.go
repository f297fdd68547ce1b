package largeflow

import "math/bits"

// Octets of what is kept, on a 64-bit machine; a test holds them to the truth.
const (
	placeBytes  = 416 // of a Table: tag and entry
	recordBytes = 360
	linkBytes   = 176 // with its place in the index
	pairBytes   = 5800
	buffers     = 3 // of records, on both sides of the hand-over
)

// Bytes returns the memory of the table, with its part of the hand-over.
func (t *Table) Bytes() int {
	return len(t.entries)*placeBytes + buffers*HandOver*recordBytes + len(t.links)*linkBytes
}

// Bytes returns the memory of what the tracker follows.
func (t *Tracker) Bytes() int { return t.pairs*pairBytes + 4*len(t.cfg.Watch.slots) }

// buckets returns how many there are for at least n places.
func buckets(n int) int { return 1 << bits.Len(uint(max(n, ways)-1)/ways) }

// TableLimit returns the most that a table of so many places takes, with the
// links that it may learn.
func TableLimit(places int) int {
	return buckets(places)*ways*placeBytes + buffers*HandOver*recordBytes + maxLinks*linkBytes
}

// TrackerLimit returns the most that a tracker of so many pairs of flow and
// vantage point takes.
func TrackerLimit(pairs int) int { return pairs * (pairBytes + 32) }
