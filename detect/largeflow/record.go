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
	Input, Output sflow.Port        // of its newest sample
	Speed         uint64            // bit/s of the interface it is judged by; 0 unknown
	Class         decoder.PortClass // of it
}

// Record is what one hot flow carried past one Point in one slot.
type Record struct {
	Key    packet.Key
	Point  Point
	Slot   int64
	Sum    window.Sum // samples after the Onset
	Octets uint64     // of the sampled frames, without weights
	First  int64      // ns of the oldest and the newest sample
	Last   int64
	Idle   int64  // ns of the pauses between batches
	Pauses uint32 // how many

	Level uint8    // background of the bank
	Share float32  // of the link's speed that the threshold is
	Cross Crossing // of the bank, if Member is not 0

	// Begun says that this is the first record since the flow became hot;
	// Onset is then what came before. Otherwise Onset is what further samples
	// arrived together with it.
	Begun bool
	Onset Onset
}

// Onset is what a flow carried from the start of its busy period to the moment
// it became hot. It takes the place of slots that were not kept.
type Onset struct {
	At   int64      // ns of the first sample
	Led  int64      // ns of the last sample that arrived with it
	Hot  int64      // ns of the last sample that arrived with what made the flow hot
	Lead window.Sum // the samples from At to Led: they tell of the time before
	Sum  window.Sum // all samples from At to Hot
}

// from returns the time in ns from which on further samples tell of the flow's
// rate. A batch that came in pieces is known to be over only once batchGap has
// passed without a sample: this pause was chosen, and is no sign of a slow flow.
// What came all at once came from an agent that holds samples back.
func (o *Onset) from() int64 {
	if o.Lead.N > 1 && o.Led == o.At {
		return o.Led
	}
	return o.Led + batchGap
}

// Samples that arrive less than batchGap ns apart may have left the agent
// together, in one datagram or several, and tell nothing of the time between
// them; but not for longer than minSpan.
const (
	batchGap = int64(5e6)
	minSpan  = int64(50e6)
)

// Crossing is a member of the bank that crossed its threshold.
type Crossing struct {
	Member    int     // from 1; bySequence where TCP sequence numbers spoke first
	Samples   float64 // of the excursion that crossed, the first counted, what arrived with it not
	Start, At int64   // ns, of the excursion and of the crossing
	Ratio     float64 // log likelihood ratio
	Limit     float64 // its threshold
	Rate      float64 // samples a second of a flow at the threshold
	Theta     float64 // the threshold, bit/s
	Level     uint8   // the background
	Points    int     // vantage points that it rests on; 0 is one
	Idle      float64 // s from Start to At, on average over the vantage points, that say nothing of the rate
	Sequence  Sequence
	Frame     float64 // mean octets of a frame
}

// bySequence stands for the bank's member in a Crossing that TCP sequence
// numbers made.
const bySequence = banks + 1
