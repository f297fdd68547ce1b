package largeflow

import (
	"cmp"

	"weir/decoder"
	"weir/decoder/packet"
	"weir/decoder/sflow"
	"weir/detect/window"
)

type vantage = decoder.Vantage

func compareVantage(a, b vantage) int {
	return cmp.Or(cmp.Compare(a.Agent, b.Agent), cmp.Compare(a.Source, b.Source))
}

// Point is where a flow was sampled.
type Point struct {
	Vantage       decoder.Vantage
	Input, Output sflow.Port // of its newest sample
	Speed         uint64     // bit/s of the interface it is judged by; 0 unknown
}

// Record is what one hot flow carried past one Point in one slot.
type Record struct {
	Key    packet.Key
	Point  Point
	Slot   int64
	Sum    window.Sum
	Octets uint64 // of the sampled frames, without weights
	First  int64  // ns of the oldest and the newest sample
	Last   int64
	Onset  Onset // in the first record after the flow became hot; else its At is 0
}

// Onset is what a flow carried from the start of its busy period to the moment
// it became hot. It takes the place of slots that were not kept.
type Onset struct {
	At    int64      // ns of the first sample
	First window.Sum // the samples that arrived with it: they tell of the time before
	Sum   window.Sum // all samples up to Hot, First included
	Hot   int64      // ns of the newest of them
}
